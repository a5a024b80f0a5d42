//! An event that a run waits for or has waited for, and what came for it.

use jiff::Timestamp;

use flowtrigger_core::run::RunId;

/// A step of a run that waits for events with the type and the value of another event, or did so in the last day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingStep {
    pub run: RunId,
    /// The step's path in the flow.
    pub step: String,
    /// Which of the events of the step it is, from 1.
    pub number: u32,
    /// The time of the run's event: earlier events do not count.
    pub since: Timestamp,
    /// The end of the wait; `None` if the step has not begun.
    pub deadline: Option<Timestamp>,
}

/// An event of a `wait_for` step of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunWaiter {
    /// The step's path in the flow.
    pub step: String,
    /// Which of the events of the step it is, from 1.
    pub number: u32,
    pub source: String,
    /// The event types, as in the rule.
    pub event_types: Vec<String>,
    /// The path in the event whose value is compared.
    pub path: String,
    /// The end of the wait; `None` if the step has not begun.
    pub deadline: Option<Timestamp>,
    /// When the step was decided or the run ended.
    pub closed: Option<Timestamp>,
    pub decided: Option<DecisionKind>,
    /// Events that came and did not match.
    pub came: u64,
    /// The predicates that the last of them failed.
    pub failed: Vec<FailedPredicate>,
    /// Events that matched too late, and when the last one came.
    pub late: u64,
    pub late_at: Option<Timestamp>,
}

/// What decided a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecisionKind {
    Arrived,
    Answered,
    Expired,
}

/// A predicate that an event failed, without the event's value.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FailedPredicate {
    pub path: String,
    pub operator: String,
    pub want: String,
}

impl DecisionKind {
    pub fn as_str(self) -> &'static str {
        match self {
            DecisionKind::Arrived => "arrived",
            DecisionKind::Answered => "answered",
            DecisionKind::Expired => "expired",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        let all = [
            DecisionKind::Arrived,
            DecisionKind::Answered,
            DecisionKind::Expired,
        ];
        all.into_iter().find(|kind| kind.as_str() == name)
    }
}
