//! How fast the runs that waited continue, and how long that takes at least.

use std::time::Duration;

use flowtrigger_core::config::Config;
use flowtrigger_core::config::rate_limit::RateLimit;
use flowtrigger_core::gate::format_duration;
use flowtrigger_core::suspension::SuspensionTarget;

/// What continues after a pause of a rule or of everything.
const RUNS: RateLimit = RateLimit {
    limit: 100,
    within: Duration::from_secs(1),
};

/// How fast the runs of a target continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContinuationRate {
    /// Of a rule and of everything.
    OfRuns,
    /// `resume` of the breaker of the receiver.
    OfBreaker(RateLimit),
    /// The receiver has no breaker.
    Unlimited,
    /// Of a receiver whose configuration is not known here.
    Unknown,
}

impl ContinuationRate {
    /// By the configuration in force; `None` if it cannot be read.
    pub fn of(target: &SuspensionTarget, config: Option<&Config>) -> Self {
        let connection = match target {
            SuspensionTarget::Everything | SuspensionTarget::Rule(_) => return Self::OfRuns,
            SuspensionTarget::Connection(name) => Some(name.as_str()),
            SuspensionTarget::Host(_) => None,
        };
        match config.map(|config| config.breaker(connection)) {
            Some(Some(breaker)) => Self::OfBreaker(breaker.resume),
            Some(None) => Self::Unlimited,
            None => Self::Unknown,
        }
    }

    /// "at most 2 a second (`breaker.resume`)"
    pub fn describe(self) -> String {
        match self {
            Self::OfRuns => format!("at most {}", each(RUNS)),
            Self::OfBreaker(rate) => format!("at most {} (`breaker.resume`)", each(rate)),
            Self::Unlimited => "all at once, because `breaker` is `off`".into(),
            Self::Unknown => "at the rate `breaker.resume` (default: 10/s)".into(),
        }
    }

    /// The rate, and how long these runs take if it is known and longer than a second.
    pub fn describe_for(self, runs: u64) -> String {
        let rate = match self {
            Self::OfRuns => RUNS,
            Self::OfBreaker(rate) => rate,
            Self::Unlimited | Self::Unknown => return self.describe(),
        };
        let seconds = runs
            .saturating_mul(rate.within.as_secs())
            .checked_div(u64::from(rate.limit))
            .unwrap_or_default();
        match seconds {
            0 | 1 => self.describe(),
            seconds => format!(
                "{}, which takes at least {}",
                self.describe(),
                format_duration(Duration::from_secs(seconds))
            ),
        }
    }
}

/// `2 a second`
fn each(rate: RateLimit) -> String {
    let limit = rate.limit;
    match rate.within.as_secs() {
        1 => format!("{limit} a second"),
        60 => format!("{limit} a minute"),
        3_600 => format!("{limit} an hour"),
        _ => format!("{limit} in {}", format_duration(rate.within)),
    }
}
