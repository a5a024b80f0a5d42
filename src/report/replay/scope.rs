//! Which stored events a replay takes, and which runs of each. Written to the file of a replay, so that a later command
//! continues with the same ones.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::report::time_argument::seconds;
use crate::store::history::{ArchiveFilter, ArchivedEvents};
use flowtrigger_core::config::Config;
use flowtrigger_core::document::suggest::nearest;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayScope {
    /// Events of the archive, by a filter.
    Archive(EventScope),
    /// The events of selected runs.
    Runs(SelectedRuns),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventScope {
    pub since: Option<Timestamp>,
    /// Fixed when the replay begins, so that it never meets events that are received meanwhile.
    pub until: Timestamp,
    /// Names of rules; an empty list takes all.
    pub rules: Vec<String>,
    pub ticket: Option<String>,
    pub source: Option<String>,
    pub endpoint: Option<String>,
    pub unmatched: bool,
    pub earlier: EarlierStates,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SelectedRuns {
    /// Ids, in the order in which they are replayed.
    pub runs: Vec<u64>,
    pub rules: ReplayRules,
    /// Which are planned again although a newer run of the event and rule exists.
    #[serde(default)]
    pub superseded: SupersededRuns,
}

/// What happens to a selected run that a newer one of the same event and rule has superseded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SupersededRuns {
    /// It is left out if the newer run is done or unfinished.
    #[default]
    LeaveOut,
    /// It is replayed: its id was given, or `--include-done`.
    Include,
}

/// The rules that a replay of runs plans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayRules {
    ItsRule,
    /// All rules that match the event now.
    EveryRule,
}

/// Which runs are planned, by the newest earlier run of the same event and rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EarlierStates {
    /// Where there is none, or it ended without its result.
    WithoutResult,
    /// Also where it is done, or was deleted.
    WithDone,
    /// Where it is in one of these states.
    Only(Vec<String>),
}

/// The state of a missing earlier run.
pub const NONE: &str = "none";
/// The state of an earlier run that retention has deleted.
pub const DELETED: &str = "deleted";

/// The states of runs that have ended and did not do their work.
pub const ENDED_WITHOUT_RESULT: [&str; 6] = [
    "skipped",
    "shadow",
    "suppressed",
    "held",
    "dead",
    "cancelled",
];

/// Whether the earlier run in this state continues by itself.
pub fn is_unfinished(state: &str) -> bool {
    let ended = [NONE, DELETED, "done"];
    !ended.contains(&state) && !ENDED_WITHOUT_RESULT.contains(&state)
}

impl EventScope {
    pub fn filter(&self) -> ArchiveFilter {
        ArchiveFilter {
            since: self.since,
            until: Some(self.until),
            key: self.ticket.clone(),
            source: self.source.clone(),
            endpoint: self.endpoint.clone(),
            scope: match self.unmatched {
                true => ArchivedEvents::Unmatched,
                false => ArchivedEvents::All,
            },
        }
    }
}

impl EventScope {
    /// What is stored nowhere, if no event is selected, with the nearest name.
    pub fn describe_empty(&self, config: &Config) -> String {
        let entry = |name: &str| match nearest(name, config.sources.keys().map(AsRef::as_ref)) {
            _ if config.sources.contains_key(name) => format!("`{name}`"),
            Some(near) => format!("`{name}` (did you mean `{near}`?)"),
            None => format!("`{name}`, which is not configured"),
        };
        let mut which = String::new();
        if let Some(ticket) = &self.ticket {
            which += &format!(" for ticket {ticket}");
        }
        if let Some(source) = &self.source {
            which += &format!(" of source {}", entry(source));
        }
        if let Some(endpoint) = &self.endpoint {
            which += &format!(" at entry {}", entry(endpoint));
        }
        if self.unmatched {
            which += " that matched no rule";
        }
        let since = self.since.map_or(String::new(), |since| {
            format!(" from {} on", seconds(since))
        });
        format!(
            "no event{which} is stored{since} that was received before {}",
            seconds(self.until)
        )
    }
}

impl EarlierStates {
    /// Whether a run is planned where the earlier one is in this state.
    pub fn admit(&self, state: &str) -> bool {
        match self {
            EarlierStates::WithoutResult => state == NONE || ENDED_WITHOUT_RESULT.contains(&state),
            EarlierStates::WithDone => {
                [NONE, DELETED, "done"].contains(&state) || ENDED_WITHOUT_RESULT.contains(&state)
            }
            EarlierStates::Only(states) => states.iter().any(|wanted| wanted == state),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowtrigger_core::run::STATES;

    #[test]
    fn runs_that_are_done_or_unfinished_need_no_replay() {
        let default = EarlierStates::WithoutResult;
        let left_out: Vec<&str> = STATES
            .into_iter()
            .chain([NONE, DELETED])
            .filter(|state| !default.admit(state))
            .collect();
        let unfinished = ["queued", "debouncing", "running", "retrying", "waiting"];
        for state in unfinished.iter().chain(&["done", DELETED]) {
            assert!(left_out.contains(state), "{state}");
        }
        assert_eq!(left_out.len(), unfinished.len() + 2, "{left_out:?}");
        assert!(EarlierStates::WithDone.admit("done") && !EarlierStates::WithDone.admit("queued"));
        let only = EarlierStates::Only(vec!["dead".into()]);
        assert!(only.admit("dead") && !only.admit(NONE));
    }
}
