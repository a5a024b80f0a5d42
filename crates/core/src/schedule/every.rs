//! When a rule with `every` ticks: a cron expression in a zone, and what becomes of missed ticks.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::schedule::cron::Cron;

/// A tick that is later than this was missed.
pub const MISSED_AFTER: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

/// The value of `every`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Every {
    /// The cron expression as written.
    pub expression: String,
    pub cron: Cron,
    /// The IANA name of the zone.
    pub zone_name: String,
    pub zone: TimeZone,
    pub missed: MissedTicks,
}

/// Which ticks still start a run after a time in which the program did not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissedTicks {
    /// The newest one.
    #[default]
    Last,
    None,
    All,
}

impl MissedTicks {
    pub const ALL: [MissedTicks; 3] = [MissedTicks::Last, MissedTicks::None, MissedTicks::All];

    pub fn as_str(self) -> &'static str {
        match self {
            MissedTicks::Last => "last",
            MissedTicks::None => "none",
            MissedTicks::All => "all",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|missed| missed.as_str() == word)
    }
}

impl Every {
    /// The first tick after a time.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        self.cron.next(&self.zone, after)
    }

    /// The last tick before a time.
    pub fn previous(&self, before: Timestamp) -> Option<Timestamp> {
        self.cron.previous(&self.zone, before)
    }

    /// What decides when it ticks, as one text: `0 9 * * mon-fri Europe/Berlin`.
    pub fn text(&self) -> String {
        format!("{} {}", self.expression, self.zone_name)
    }

    /// A time of a tick, as output shows it: `Mon 2026-11-30 09:00 Europe/Berlin`.
    pub fn shown(&self, at: Timestamp) -> String {
        let local = at.to_zoned(self.zone.clone());
        format!("{} {}", local.strftime("%a %Y-%m-%d %H:%M"), self.zone_name)
    }
}
