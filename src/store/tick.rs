//! When a rule with `every` ticked last, as the store keeps it.

use jiff::Timestamp;

/// The last tick of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastTick {
    pub rule: String,
    /// The cron expression and the zone. With another one, the rule starts anew.
    pub expression: String,
    /// The time of the last tick, or when the rule was loaded first.
    pub at: Timestamp,
}
