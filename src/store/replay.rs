//! Replays of stored events: their id, and what a replayed event refers to.

use std::fmt::{self, Display};
use std::str::FromStr;

use jiff::Timestamp;

use super::history::EventRowId;
use flowtrigger_core::run::RunId;

/// Identifies one replay of many events. It starts at most one run of each event and rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReplayId(pub u64);

/// What a replayed event refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReplayMark {
    /// The stored event. Default: the event with the same id that led to runs.
    pub event: Option<EventRowId>,
    /// The replay that it is a part of, if it is one of many.
    pub replay: Option<ReplayId>,
    /// What the replay knew of the event's runs. Default: its runs are planned whatever other runs there are.
    pub seen: Option<SeenRuns>,
}

/// The runs of an event that a replay took into account. Where another command has planned or continued one since, that
/// run stands in for the planned one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SeenRuns {
    /// The newest one; `None` if there was none.
    pub newest: Option<RunId>,
    pub unfinished: UnfinishedRuns,
}

/// What happens where an earlier run of the event and the rule is unfinished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnfinishedRuns {
    /// It continues, and no run is planned.
    #[default]
    Continue,
    /// A run is planned beside it: unfinished ones were selected.
    PlanBeside,
}

/// Why a text is no id of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("ids of replays are like `r63f1a2b4c5d6e`")]
pub struct InvalidReplayId;

impl ReplayId {
    /// The id of a replay that begins at this time.
    pub fn starting_at(now: Timestamp) -> Self {
        Self(now.as_microsecond().unsigned_abs())
    }
}

impl Display for ReplayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{:x}", self.0)
    }
}

impl FromStr for ReplayId {
    type Err = InvalidReplayId;

    fn from_str(text: &str) -> Result<Self, InvalidReplayId> {
        let digits = text.strip_prefix('r').ok_or(InvalidReplayId)?;
        let number = u64::from_str_radix(digits, 16).map_err(|_| InvalidReplayId)?;
        // The store keeps signed numbers. One id has one text.
        let is_plain = i64::try_from(number).is_ok() && Self(number).to_string() == text;
        is_plain.then_some(Self(number)).ok_or(InvalidReplayId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_text() {
        let id = ReplayId::starting_at(Timestamp::from_second(1_800_000_000).unwrap());
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in [
            "",
            "r",
            "63f",
            "r-1",
            "r+1",
            "R1",
            "r01",
            "rffffffffffffffff",
            "r../x",
        ] {
            assert_eq!(text.parse::<ReplayId>(), Err(InvalidReplayId), "{text}");
        }
    }
}
