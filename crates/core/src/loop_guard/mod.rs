//! The loop guard: stops rules that trigger themselves. A chain of own actions beyond its depth is suppressed;
//! a rate that only may be a loop holds runs, and drops none.
//! Decides on the history that the store supplies. An event that another user caused has depth 0.

pub mod limits;
pub mod origin;
pub(crate) mod subject;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::event::Event;
use crate::gate::{GateHistory, format_duration};
use crate::run::{RunId, RunState};

pub use crate::loop_guard::limits::LoopLimits;
pub use crate::loop_guard::origin::ActorOrigin;

/// The name of this gate in states, pages and metrics.
pub const GATE: &str = "loop_guard";

/// For an event without actor: how long before it an own run counts as a possible cause.
const POSSIBLE_CAUSE_WINDOW: Duration = Duration::from_secs(60);

/// The factor on `runs` for rules that write to another system than the one that sent the event: forwarding
/// a busy chat is no loop, so that a high rate of these is only counted.
const OTHER_SYSTEM_FACTOR: u32 = 10;

/// Runs of a chain that a reason names.
const MAX_NAMED_LINKS: usize = 3;

/// Runs of a chain that [`LoopCheck::why`] needs: one more than it names, to show that there are more.
pub const MAX_CHAIN_LINKS: usize = MAX_NAMED_LINKS + 1;

/// The loop guard of a rule that writes to other systems.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LoopGuard {
    pub limits: LoopLimits,
    /// The `actor_id` of every connection.
    pub ours: Vec<String>,
    /// The actors that this rule writes as.
    pub acts_as: Vec<String>,
    /// Whether the rule writes to a help desk through a connection without `actor_id`.
    pub unnamed: bool,
    /// Where the rule writes, seen from its event source.
    pub writes_to: WriteTarget,
    /// The steps that write to the system that sends the events of the rule: an event of it can only follow from these.
    pub writes: Vec<SenderWrite>,
}

/// A step that writes to the system that sends the events.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SenderWrite {
    /// Its path in the flow, without the numbers of items: `each[].page`.
    pub path: String,
    /// The user that it acts as, if its connection names one.
    pub actor: Option<String>,
    pub flow: WritingFlow,
}

/// The flow of a rule that a step is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WritingFlow {
    Rule,
    /// `on_dead` or `on_outage`: a run of its own that names the run of the rule.
    Notice,
}

/// Where a rule writes, seen from the system that sends its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WriteTarget {
    /// To the system that sends the events, or to a help desk: its own writes can start it again.
    Sender,
    /// Only to other systems.
    Others,
}

/// The loop guard of a rule with one event.
#[derive(Debug, Clone, PartialEq)]
pub struct LoopCheck {
    pub guard: Arc<LoopGuard>,
    pub origin: ActorOrigin,
    /// The source and key together. `None` without a key; such an event is never stopped.
    pub about: Option<String>,
    /// What the rate counts for: `about`, and the part of it that the event is about, such as an attachment.
    pub counted: Option<String>,
    /// The update that the event is part of. Events of one update count once, and do not cause each other.
    pub update: Option<String>,
}

/// A query for an earlier run that may have caused an event: one with an attempt to write to the sender's system that
/// succeeded or whose outcome is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CauseQuery<'a> {
    pub about: &'a str,
    /// Only runs that write as this actor.
    pub actor: Option<&'a str>,
    /// No runs of events of this update.
    pub except: Option<&'a str>,
    pub since: Timestamp,
}

/// A query for the runs of the rule that count in the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateQuery<'a> {
    pub counted: &'a str,
    /// The update of the event, which counts already if an earlier event of it was admitted.
    pub update: Option<&'a str>,
    pub since: Timestamp,
}

/// The history that the store supplies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LoopHistory {
    /// The latest run that [`CauseQuery`] finds, with its depth.
    pub cause: Option<(RunId, u32)>,
    /// The runs of the rule for the same key, each update once. Empty if the event's update counts already.
    pub rate: GateHistory,
}

/// The position of a run in a chain of own actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Causation {
    /// The number of events in a row that own actions caused; 0 if the actor is unknown or not ours.
    pub depth: u32,
    /// The run that caused the event; at depth 0 only a possible cause.
    pub cause: Option<RunId>,
}

/// Why a run must not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoopViolation {
    Depth,
    Rate { oldest: Option<Timestamp> },
}

/// What becomes of a run that exceeds a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoopConsequence {
    /// It never starts: its event is proved to follow from our own actions.
    Suppress,
    /// It waits for an operator, because a loop is only a guess.
    Hold,
    /// It starts, and is counted.
    Count,
}

/// The state of a run that the guard holds for this reason.
pub fn held(why: &str) -> RunState {
    RunState::Held {
        why: format!("{GATE}: {why}; `flowtrigger runs retry` continues it"),
    }
}

/// The reason of a run that the guard suppressed or holds; `None` for any other.
pub fn stopped(state: &RunState) -> Option<&str> {
    match state {
        RunState::Suppressed { gate, why } if gate == GATE => Some(why),
        RunState::Held { why } => why.strip_prefix(GATE)?.strip_prefix(": "),
        RunState::Suppressed { .. }
        | RunState::Queued
        | RunState::Debouncing { .. }
        | RunState::Running
        | RunState::Retrying { .. }
        | RunState::Limited { .. }
        | RunState::Parked { .. }
        | RunState::Waiting { .. }
        | RunState::Awaiting { .. }
        | RunState::Done
        | RunState::Skipped { .. }
        | RunState::Shadow
        | RunState::Dead { .. }
        | RunState::Cancelled => None,
    }
}

/// A run in a chain, which lists the latest run first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CausingRun {
    pub run: RunId,
    pub rule: String,
}

impl LoopGuard {
    /// Returns the loop guard with one event.
    pub fn ask(self: &Arc<Self>, event: &Event) -> LoopCheck {
        let key = event.key.as_deref();
        LoopCheck {
            origin: ActorOrigin::from_event(event, &self.ours),
            about: key.map(|key| event.scoped(format!("{} {key}", event.source))),
            counted: key.map(|key| {
                event.scoped(match subject::part(event) {
                    Some(part) => format!("{} {key} {part}", event.source),
                    None => format!("{} {key}", event.source),
                })
            }),
            update: key
                .zip(subject::update(event))
                .map(|(key, update)| event.scoped(format!("{} {key} {update}", event.source))),
            guard: Arc::clone(self),
        }
    }

    fn writes_to_a_help_desk(&self) -> bool {
        self.unnamed || !self.acts_as.is_empty()
    }

    /// The number of runs for one key within `within` from which on a rate counts as high.
    pub fn most_runs(&self) -> u32 {
        match self.writes_to {
            WriteTarget::Sender => self.limits.runs,
            WriteTarget::Others => self.limits.runs.saturating_mul(OTHER_SYSTEM_FACTOR),
        }
    }
}

impl LoopCheck {
    /// The query for the run that may have caused the event. `None` if the cause does not matter.
    pub fn cause(&self, now: Timestamp) -> Option<CauseQuery<'_>> {
        let about = self.about.as_deref()?;
        let within = self.guard.limits.within;
        let (actor, window) = match &self.origin {
            ActorOrigin::Other { .. } => return None,
            ActorOrigin::OurConnection { actor } => (Some(actor.as_str()), within),
            ActorOrigin::Unknown => (None, within.min(POSSIBLE_CAUSE_WINDOW)),
        };
        let since = before(now, window);
        Some(CauseQuery {
            about,
            actor,
            except: self.update.as_deref(),
            since,
        })
    }

    /// What the runs of this rule are counted for, and since when. `None` if the rate is not limited.
    pub fn rate(&self, now: Timestamp) -> Option<RateQuery<'_>> {
        let counts = match self.origin {
            ActorOrigin::Unknown => true,
            ActorOrigin::Other { .. } => self.guard.unnamed,
            ActorOrigin::OurConnection { .. } => {
                self.guard.unnamed || self.guard.acts_as.is_empty()
            }
        };
        let counted = self.counted.as_deref().filter(|_| counts)?;
        Some(RateQuery {
            counted,
            update: self.update.as_deref(),
            since: before(now, self.guard.limits.within),
        })
    }

    /// The key to store with the run, so that later events can be attributed to it.
    pub fn trace(&self) -> Option<&str> {
        let counts = match self.origin {
            ActorOrigin::Other { .. } => match self.guard.writes_to {
                WriteTarget::Sender => true,
                WriteTarget::Others => self.guard.writes_to_a_help_desk(),
            },
            ActorOrigin::OurConnection { .. } | ActorOrigin::Unknown => true,
        };
        self.about.as_deref().filter(|_| counts)
    }

    /// Returns the position of the run in a chain of own actions.
    pub fn lineage(&self, facts: &LoopHistory) -> Causation {
        let cause = facts.cause.map(|(run, _)| run);
        let depth = match &self.origin {
            ActorOrigin::OurConnection { .. } => facts
                .cause
                .map_or(1, |(_, before)| before.saturating_add(1)),
            ActorOrigin::Other { .. } | ActorOrigin::Unknown => 0,
        };
        Causation { depth, cause }
    }

    /// What follows from an exceeded limit.
    pub fn consequence(&self, violation: LoopViolation) -> LoopConsequence {
        match (violation, self.guard.writes_to) {
            (LoopViolation::Depth, _) => LoopConsequence::Suppress,
            (LoopViolation::Rate { .. }, WriteTarget::Sender) => LoopConsequence::Hold,
            (LoopViolation::Rate { .. }, WriteTarget::Others) => LoopConsequence::Count,
        }
    }

    /// The limit that the run exceeds, or `None`. A chain of `depth` events is allowed, and `runs` runs.
    pub fn decide(&self, facts: &LoopHistory) -> Option<LoopViolation> {
        // Without a key no cause can be found.
        self.about.as_ref()?;
        if self.lineage(facts).depth > self.guard.limits.depth {
            return Some(LoopViolation::Depth);
        }
        let oldest = facts.rate.oldest.map(|(_, at)| at);
        (facts.rate.runs >= self.guard.most_runs()).then_some(LoopViolation::Rate { oldest })
    }

    /// Describes the reason. `chain` starts with the run that caused the event.
    pub fn why(&self, tripped: LoopViolation, facts: &LoopHistory, chain: &[CausingRun]) -> String {
        let limits = self.guard.limits;
        match tripped {
            LoopViolation::Depth => format!(
                "event {} in a row caused by our own actions, `depth` allows {}{}",
                self.lineage(facts).depth,
                limits.depth,
                describe_chain("; caused by", chain)
            ),
            LoopViolation::Rate { oldest } => format!(
                "limit of {} runs for {} within {} reached, which may be a loop{}{}{}",
                self.guard.most_runs(),
                self.counted.as_deref().expect("runs are counted for a key"),
                format_duration(limits.within),
                self.unnamed_connection(),
                describe_chain("; possibly caused by", chain),
                reopens(oldest, limits.within)
            ),
        }
    }

    /// The reason why own actions cannot be distinguished from those of other users.
    fn unnamed_connection(&self) -> &'static str {
        match (self.guard.unnamed, &self.origin) {
            (true, ActorOrigin::Other { .. } | ActorOrigin::OurConnection { .. }) => {
                "; the rule writes to the help desk through a connection without `actor_id`"
            }
            (true | false, _) => "",
        }
    }
}

fn before(now: Timestamp, span: Duration) -> Timestamp {
    let span = SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
    now.checked_sub(span).unwrap_or(Timestamp::MIN)
}

/// `; caused by run 9 (close-it) ← run 7 (open-it) ← …`
fn describe_chain(prefix: &str, chain: &[CausingRun]) -> String {
    let link = |link: &CausingRun| format!("run {} ({})", link.run.0, link.rule);
    let mut links: Vec<String> = chain.iter().take(MAX_NAMED_LINKS).map(link).collect();
    if links.is_empty() {
        return String::new();
    }
    if chain.len() > MAX_NAMED_LINKS {
        links.push("…".into());
    }
    format!("{prefix} {}", links.join(" ← "))
}

fn reopens(oldest: Option<Timestamp>, within: Duration) -> String {
    let span = SignedDuration::try_from(within).unwrap_or(SignedDuration::MAX);
    match oldest.and_then(|at| at.checked_add(span).ok()) {
        Some(at) => format!("; opens again at {at:.0}"),
        None => String::new(),
    }
}
