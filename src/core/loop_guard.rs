//! Whether an event follows from our own actions, how far down, and whether one more run may begin.
//! It decides on facts that it is given; an event of a person begins anew, whatever came before.

mod limits;
mod origin;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::core::event::Event;
use crate::core::gate::{Facts, words};
use crate::core::run::RunId;

pub use limits::LoopGuard;
pub use origin::Origin;

/// The word of this gate, as states, pages and figures have it.
pub const GATE: &str = "loop_guard";

/// How long before an event that tells no actor a run of ours is shown as what may have caused it.
pub const ECHO: Duration = Duration::from_secs(60);

/// A rule that writes elsewhere than to a help desk may run so many times as often: a lively chat that
/// is passed on is no loop, and what comes back through a third system still ends.
const ELSEWHERE: u32 = 10;

/// Links of a chain that a reason names.
const NAMED: usize = 3;

/// Links that a reason is made of: one more, so that it can say that there are more.
pub const LINKS: usize = NAMED + 1;

/// What the guard knows of a rule that writes something somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Guard {
    pub limits: LoopGuard,
    /// The `actor_id` of every connection.
    pub ours: Vec<String>,
    /// Those of them that this rule writes as.
    pub acts_as: Vec<String>,
    /// It writes to a help desk as somebody whom the configuration does not name.
    pub unnamed: bool,
}

/// What the guard is asked about one rule and one event.
#[derive(Debug, Clone, PartialEq)]
pub struct LoopAsk {
    pub guard: Arc<Guard>,
    pub origin: Origin,
    /// The source and the key together; None where the event is about nothing that could come again.
    pub about: Option<String>,
}

/// What is looked for among earlier runs that wrote something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Search<'a> {
    pub about: &'a str,
    /// Only runs that write as this one.
    pub actor: Option<&'a str>,
    pub since: Timestamp,
}

/// What the store knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LoopFacts {
    /// The latest of the runs searched for, and how deep it stands itself.
    pub cause: Option<(RunId, u32)>,
    /// Runs of the rule for the same key.
    pub rate: Facts,
}

/// Where a run stands in a chain of our own actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lineage {
    /// How many times in a row an event followed from our own action; 0 where nobody says so.
    pub depth: u32,
    /// The run that caused the event; at depth 0 one that only may have.
    pub cause: Option<RunId>,
}

/// Why a run may not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tripped {
    Depth,
    Rate { oldest: Option<Timestamp> },
}

/// A run in a chain, the one before it behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub run: RunId,
    pub rule: String,
}

impl Guard {
    pub fn ask(self: &Arc<Self>, event: &Event) -> LoopAsk {
        let key = event.key.as_deref();
        LoopAsk {
            origin: Origin::of(event, &self.ours),
            about: key.map(|key| format!("{} {key}", event.source)),
            guard: Arc::clone(self),
        }
    }

    fn writes_to_a_help_desk(&self) -> bool {
        self.unnamed || !self.acts_as.is_empty()
    }

    /// Runs for one key within the time.
    pub fn most_runs(&self) -> u32 {
        match self.writes_to_a_help_desk() {
            true => self.limits.runs,
            false => self.limits.runs.saturating_mul(ELSEWHERE),
        }
    }
}

impl LoopAsk {
    /// Which earlier run the event may follow from; None where that is not asked.
    pub fn cause(&self, now: Timestamp) -> Option<Search<'_>> {
        let about = self.about.as_deref()?;
        let within = self.guard.limits.within;
        let (actor, back) = match &self.origin {
            Origin::Person { .. } => return None,
            Origin::Ours { actor } => (Some(actor.as_str()), within),
            Origin::Untold => (None, within.min(ECHO)),
        };
        let since = before(now, back);
        Some(Search {
            about,
            actor,
            since,
        })
    }

    /// What runs of this rule are counted for, and since when; None where their number decides nothing.
    pub fn rate(&self, now: Timestamp) -> Option<(&str, Timestamp)> {
        let counts = match self.origin {
            Origin::Untold => true,
            Origin::Person { .. } => self.guard.unnamed,
            Origin::Ours { .. } => self.guard.unnamed || self.guard.acts_as.is_empty(),
        };
        let about = self.about.as_deref().filter(|_| counts)?;
        Some((about, before(now, self.guard.limits.within)))
    }

    /// What the run is remembered for, so that later events can be laid to it.
    pub fn trace(&self) -> Option<&str> {
        let counts = match self.origin {
            Origin::Person { .. } => self.guard.writes_to_a_help_desk(),
            Origin::Ours { .. } | Origin::Untold => true,
        };
        self.about.as_deref().filter(|_| counts)
    }

    pub fn lineage(&self, facts: &LoopFacts) -> Lineage {
        let cause = facts.cause.map(|(run, _)| run);
        let depth = match &self.origin {
            Origin::Ours { .. } => facts
                .cause
                .map_or(1, |(_, before)| before.saturating_add(1)),
            Origin::Person { .. } | Origin::Untold => 0,
        };
        Lineage { depth, cause }
    }

    /// Why the run may not begin; None where it may. A chain of as many events as `depth` says is let
    /// through, and as many runs as `runs` says.
    pub fn decide(&self, facts: &LoopFacts) -> Option<Tripped> {
        // An event without a key leads nowhere back.
        self.about.as_ref()?;
        if self.lineage(facts).depth > self.guard.limits.depth {
            return Some(Tripped::Depth);
        }
        let oldest = facts.rate.oldest.map(|(_, at)| at);
        (facts.rate.runs >= self.guard.most_runs()).then_some(Tripped::Rate { oldest })
    }

    /// The reason in words; `chain` begins with what caused the event.
    pub fn why(&self, tripped: Tripped, facts: &LoopFacts, chain: &[Link]) -> String {
        let limits = self.guard.limits;
        match tripped {
            Tripped::Depth => format!(
                "the event is number {} in a row that our own actions caused, `depth` allows {}{}",
                self.lineage(facts).depth,
                limits.depth,
                named(", caused by", chain)
            ),
            Tripped::Rate { oldest } => format!(
                "{} runs for {} within {}, no more may begin{}{}{}",
                self.guard.most_runs(),
                self.about
                    .as_deref()
                    .expect("runs are counted about something"),
                words(limits.within),
                self.unnamed(),
                named("; may be caused by", chain),
                opens(oldest, limits.within)
            ),
        }
    }

    /// What would tell our own actions from those of people.
    fn unnamed(&self) -> &'static str {
        match (self.guard.unnamed, &self.origin) {
            (true, Origin::Person { .. } | Origin::Ours { .. }) => {
                ": it writes to the help desk through a connection without `actor_id`"
            }
            (true | false, _) => "",
        }
    }
}

fn before(now: Timestamp, span: Duration) -> Timestamp {
    let span = SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
    now.checked_sub(span).unwrap_or(Timestamp::MIN)
}

/// `, caused by run 9 (close-it) ← run 7 (open-it) ← …`
fn named(begin: &str, chain: &[Link]) -> String {
    let link = |link: &Link| format!("run {} ({})", link.run.0, link.rule);
    let mut links: Vec<String> = chain.iter().take(NAMED).map(link).collect();
    if links.is_empty() {
        return String::new();
    }
    if chain.len() > NAMED {
        links.push("…".into());
    }
    format!("{begin} {}", links.join(" ← "))
}

fn opens(oldest: Option<Timestamp>, within: Duration) -> String {
    let span = SignedDuration::try_from(within).unwrap_or(SignedDuration::MAX);
    match oldest.and_then(|at| at.checked_add(span).ok()) {
        Some(at) => format!("; opens again at {at:.0}"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests;
