//! Counts how much a backtest could evaluate: nothing is claimed of lost, redacted and deleted events.

use jiff::{SignedDuration, Timestamp};

use crate::report::error::CommandError;
use crate::store::{History, Minute};
use flowtrigger_core::config::archive::ArchiveScope;

/// The numbers of minutes are kept for a week.
const KEPT_MINUTES: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What was evaluated, and what was not.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BacktestCoverage {
    /// Stored events of the time.
    pub events: u64,
    /// Events of which a rule reads a redacted field.
    pub redacted: u64,
    /// Events that this version of the program cannot read.
    pub unreadable: u64,
    /// Events that were deleted while they were read, or whose runs were.
    pub deleted: u64,
    /// Events that were accepted and not archived, because too many came at the same time.
    pub lost: u64,
    /// From when on lost events are counted, if that is later than the begin.
    pub lost_known_since: Option<Timestamp>,
    /// The first stored event with runs and the first one without, where retention has deleted earlier ones.
    pub kept_since: Option<Timestamp>,
    /// Whether events without a match are not archived now.
    pub archive_is_off: bool,
}

impl BacktestCoverage {
    /// Events whose outcome at every rule is known.
    pub fn evaluated(&self) -> u64 {
        let unknown = self.redacted + self.unreadable + self.deleted;
        self.events.saturating_sub(unknown)
    }

    /// Reads what the history says of a time beside its events.
    pub fn read(
        history: &dyn History,
        since: Timestamp,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Self, CommandError> {
        let first = Minute::number_of(since);
        let last = Minute::number_of(until);
        let minutes = history.minutes(since)?;
        let within = minutes
            .iter()
            .filter(|minute| (first..=last).contains(&minute.minute));
        let lost = within.clone().filter_map(|minute| minute.lost).sum();
        let uncounted = within.filter(|minute| minute.lost.is_none());
        let uncounted = uncounted.map(|minute| minute.minute + 1).max();
        let forgotten = now.checked_sub(KEPT_MINUTES).unwrap_or(Timestamp::MIN);
        let known_since = uncounted.and_then(|minute| Timestamp::from_second(minute * 60).ok());
        let known_since = known_since.into_iter().chain([forgotten]).max();
        let config = history.latest_config()?.unwrap_or_default();
        let keep_for = config.archive.keep_for;
        let kept_since = SignedDuration::try_from(keep_for).ok();
        let kept_since = kept_since.and_then(|age| now.checked_sub(age).ok());
        Ok(Self {
            lost,
            lost_known_since: known_since.filter(|known| *known > since),
            kept_since: kept_since.filter(|kept| *kept > since),
            archive_is_off: config.archive.events == ArchiveScope::Off,
            ..Self::default()
        })
    }
}
