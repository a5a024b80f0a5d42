//! Decides from the failed attempts of a step whether and when the next one is due. Outages of the receiver can have a
//! policy of their own, and attempts while its receiver counts as down are not counted.
//! A pure function of the attempts, so that every restart decides the same.

use jiff::{SignedDuration, Timestamp};

use crate::run::Attempt;
use crate::run::retry::RetryPolicy;

/// How the calls of a step are attempted again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StepRetry {
    /// For all failures, or for those that are not like an outage if `outages` is set.
    pub policy: RetryPolicy,
    /// For failures that are like an outage of the receiver. Their attempts are counted on their own. `None`: `policy`.
    pub outages: Option<RetryPolicy>,
    /// Whether the run waits for a receiver that counts as down, so that attempts meanwhile are not counted. `false` for a
    /// step with a `catch`, which says what to do instead.
    pub waits: bool,
}

/// In a rule test and in `run`, nobody waits for hours: a step whose attempts only the time limits has so many.
pub const MAX_ATTEMPTS_WITHOUT_WAITING: u32 = 5;

/// The counted attempts under one policy.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    attempts: u32,
    /// Those after the last attempt during an outage. The delays follow from them.
    in_a_row: u32,
    /// The start of the first attempt after the last one during an outage, later by the time in which the run did not wait for
    /// its next attempt, but for something else.
    since: Option<Timestamp>,
}

impl Counted {
    fn add(&mut self, started: Timestamp) {
        self.attempts += 1;
        self.in_a_row += 1;
        self.since.get_or_insert(started);
    }

    /// Whether the policy permits an attempt at this time.
    fn permits(&self, policy: &RetryPolicy, due: Timestamp) -> bool {
        let has_attempts = policy.attempts.is_none_or(|most| self.attempts < most);
        let deadline = self.since.and_then(|since| policy.deadline(since));
        has_attempts && deadline.is_none_or(|deadline| due <= deadline)
    }
}

impl StepRetry {
    /// One policy for all failures.
    pub fn of_all(policy: RetryPolicy) -> Self {
        Self {
            policy,
            outages: None,
            waits: true,
        }
    }

    /// The same for a step with a `catch`: its failure is handled soon, whatever the reason.
    pub fn caught(self) -> Self {
        Self {
            outages: None,
            waits: false,
            ..self
        }
    }

    /// When the next attempt is due after failed ones, which are in their order; `None` if there is none.
    pub fn due(&self, failed: &[&Attempt], seed: &str) -> Option<Timestamp> {
        let (mut of_outages, mut others) = (Counted::default(), Counted::default());
        let mut next: Option<Timestamp> = None;
        for attempt in failed {
            let Err(failure) = &attempt.outcome else {
                continue;
            };
            let is_uncounted = failure.during_outage && self.waits;
            let late = next.map_or(SignedDuration::ZERO, |due| {
                attempt.started.duration_since(due)
            });
            for counted in [&mut of_outages, &mut others] {
                // The run was parked, paused or limited, or no daemon was running.
                if late.is_positive() {
                    counted.since = counted.since.map(|at| at.checked_add(late).unwrap_or(at));
                }
                if is_uncounted {
                    (counted.in_a_row, counted.since) = (0, None);
                }
            }
            let (policy, counted) = match &self.outages {
                Some(outages) if failure.is_outage() => (outages, &mut of_outages),
                Some(_) | None => (&self.policy, &mut others),
            };
            if !is_uncounted {
                counted.add(attempt.started);
            }
            let due = policy.due(attempt, counted.in_a_row.max(1), seed);
            let is_permitted = match is_uncounted {
                true => policy.attempts.is_none_or(|most| most > 1),
                false => counted.permits(policy, due),
            };
            next = (failure.retryable && is_permitted).then_some(due);
        }
        next
    }

    /// Whether only the time limits the attempts after failures of some kind.
    pub fn is_limited_by_time_only(&self) -> bool {
        let policies = [Some(&self.policy), self.outages.as_ref()];
        let mut policies = policies.into_iter().flatten();
        policies.any(|policy| policy.attempts.is_none())
    }

    /// Describes the policies in a line.
    pub fn describe(&self) -> String {
        match &self.outages {
            Some(outages) => outages.describe_beside(&self.policy),
            None => self.policy.describe(),
        }
    }
}

#[cfg(test)]
mod open_hours;
#[cfg(test)]
mod tests;
