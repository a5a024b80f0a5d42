//! What a flow would do for an event, as far as it can be told before anything is done: the way through
//! its steps, the calls with secrets as names, the comparisons with their verdicts. It refuses to guess
//! what a step would get back: who asks may know, or nobody does.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::core::diagnostic::Position;
use crate::core::flow::call::Call;
use crate::core::flow::next::{Subject, Task};
use crate::core::flow::step::{Flow, Step};
use crate::core::flow::walk::{Halt, Sketch, Walk};
use crate::core::matching::evaluate::Truth;
use crate::core::matching::trace::Trace;
use crate::core::run::{Attempt, CallResult, Line};

/// Calls whose answer a plan asks for; what further ones give nobody knows.
const MOST_CALLS: usize = 200;
/// Lines of a plan; what comes after so many is not shown.
pub const MOST_PLANNED: usize = 1_000;

/// One step of a plan.
#[derive(Debug, Clone)]
pub struct Planned<'f> {
    pub step: &'f Step,
    /// The step's place in the flow.
    pub place: String,
    /// Flows within flows.
    pub depth: usize,
    pub what: What,
}

#[derive(Debug, Clone)]
pub enum What {
    /// With what it was told to give.
    Call(Box<Call>, Option<Box<Attempt>>),
    /// A guard that can be judged now.
    Guard {
        truth: Truth,
        trace: Trace,
    },
    /// The branches up to the one that is taken, counted from 0; none where no branch holds.
    Choice {
        judged: Vec<Judged>,
        taken: Option<usize>,
    },
    /// A branch reads what an earlier step gets; those before it do not hold.
    Undecided(Vec<Judged>),
    /// A value that later steps read.
    Set(serde_json::Value),
    /// So many items, of which the first follow.
    Items(usize),
    /// The items that are left do the same.
    More,
    Wait {
        until: Timestamp,
    },
    /// The steps of a flow with this name follow.
    Enters(String),
    /// The failure before leads on.
    Caught(String),
    /// The flow ends here; its message, if it has one.
    End(Option<String>),
    /// It reads what an earlier step gets, which is known only when that has run.
    Later,
    /// It cannot be done for this event: the flow would fail here.
    Fails(String),
    /// A bound is reached, or the flow goes on for longer than a plan does.
    Stops(String),
}

impl What {
    /// It says more of the step before it.
    pub fn goes_with_the_one_before(&self) -> bool {
        match self {
            What::More | What::Caught(_) | What::Stops(_) => true,
            What::Call(..)
            | What::Guard { .. }
            | What::Choice { .. }
            | What::Undecided(_)
            | What::Set(_)
            | What::Items(_)
            | What::Wait { .. }
            | What::Enters(_)
            | What::End(_)
            | What::Later
            | What::Fails(_) => false,
        }
    }
}

/// A branch of a choice.
#[derive(Debug, Clone)]
pub struct Judged {
    pub at: Position,
    pub truth: Truth,
    pub trace: Trace,
}

/// The steps in order, up to where the run would end. `oracle` says what a call would give, where
/// anybody knows.
pub fn plan<'f>(
    flow: &'f Flow,
    subject: &Subject<'f>,
    now: Timestamp,
    oracle: &mut dyn FnMut(&Task) -> Option<CallResult>,
) -> Vec<Planned<'f>> {
    let (mut log, mut open) = (Vec::new(), HashSet::new());
    let mut asked = 0;
    loop {
        let mut walk = Walk::new(*subject, &log, now);
        walk.sketch = Some(Sketch::new(open.clone()));
        let end = walk.foresee(flow);
        let Err(Halt::Asks(task)) = end else {
            let mut planned = walk.sketch.expect("a plan is recorded").planned;
            if let (Err(Halt::Exceeded { why } | Halt::Hold { why }), Some(last)) =
                (end, planned.last().cloned())
            {
                planned.truncate(MOST_PLANNED - 1);
                planned.push(Planned {
                    what: What::Stops(why),
                    ..last
                });
            }
            return planned;
        };
        asked += 1;
        // So many answers are enough to see where it leads.
        let known = (asked <= MOST_CALLS).then(|| oracle(&task)).flatten();
        match known {
            Some(outcome) => log.push(Line::Attempt(Attempt {
                step: task.step,
                number: task.number,
                started: now,
                took: Duration::ZERO,
                outcome,
            })),
            None => drop(open.insert(task.step)),
        }
    }
}

#[cfg(test)]
mod tests;
