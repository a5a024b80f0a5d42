//! The way through a flow, as far as its log tells: each look begins at the start and ends where
//! something is to be done, or at the end. It changes nothing and keeps nothing from one look to the next.

mod control;
mod data;
mod each;
mod memory;
mod perform;
mod sketch;
mod story;

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use data::{bundle_error, seen};
pub use memory::Memory;
pub use sketch::Sketch;

use crate::core::flow::bounds;
use crate::core::flow::control::{Catch, Then};
use crate::core::flow::next::{Subject, Task};
use crate::core::flow::plan::What;
use crate::core::flow::step::{Action, Flow, Step};
use crate::core::flow::walk::story::{Log, Story};
use crate::core::matching::trace::Trace;
use crate::core::rule::template::RenderError;
use crate::core::run::Line;

/// One look at a run.
pub struct Walk<'a, 'l> {
    subject: Subject<'a>,
    log: Log<'l>,
    now: Timestamp,
    /// What was to be waited for until then is over.
    horizon: Timestamp,
    /// What can be performed now.
    pub tasks: Vec<Task>,
    /// What is not due yet.
    pub waits: Vec<Due>,
    transitions: u32,
    /// Flows within flows at the step looked at.
    depth: usize,
    /// What would be done, where nothing is.
    pub sketch: Option<Sketch<'a>>,
}

/// When something goes on by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    Retry(Timestamp),
    Wait(Timestamp),
}

impl Due {
    pub fn at(self) -> Timestamp {
        match self {
            Due::Retry(at) | Due::Wait(at) => at,
        }
    }
}

/// How a flow ended.
#[derive(Debug)]
pub enum End {
    /// With the result of its last step.
    Finished(Value),
    Succeeded {
        message: Option<String>,
    },
    Skipped {
        why: String,
        trace: Trace,
    },
    Failed(Fault),
}

/// Why a look ends before the flow does.
#[derive(Debug)]
pub enum Halt {
    /// At tasks or waits.
    Stops,
    /// This is to be in the log first.
    Record(Box<Line>),
    /// A person must decide.
    Hold { why: String },
    /// A bound is reached, which nothing catches.
    Exceeded { why: String },
    /// In a plan: whoever plans may know what this would give.
    Asks(Box<Task>),
}

/// Why a step failed.
#[derive(Debug, Clone)]
pub struct Fault {
    step: String,
    message: String,
    attempts: u32,
    status: Option<u16>,
    /// The whole of it, for a run that dies of it.
    pub why: String,
}

impl Fault {
    /// `error.…` of what runs for it.
    fn error(&self) -> Value {
        json!({
            "message": self.message,
            "step": self.step,
            "attempts": self.attempts,
            "status": self.status,
        })
    }
}

/// Where a step leads.
enum Pass {
    /// Past it, with its result.
    On(Value),
    /// Past it; it has no result, or none that is known.
    Past,
    To(u32),
    End(End),
}

impl<'a, 'l> Walk<'a, 'l> {
    pub fn new(subject: Subject<'a>, lines: &'l [Line], now: Timestamp) -> Self {
        let log = Log::of(lines);
        Self {
            subject,
            horizon: log.over.map_or(now, |over| over.max(now)),
            log,
            now,
            tasks: Vec::new(),
            waits: Vec::new(),
            transitions: 0,
            depth: 0,
            sketch: None,
        }
    }

    pub fn run(&mut self, flow: &'a Flow) -> Result<End, Halt> {
        let mut memory = self.subject.memory(flow);
        self.flow(flow, "", &mut memory)
    }

    /// The same without regard to time, for a plan.
    pub fn foresee(&mut self, flow: &'a Flow) -> Result<End, Halt> {
        self.horizon = Timestamp::MAX;
        self.run(flow)
    }

    fn flow(&mut self, flow: &'a Flow, prefix: &str, memory: &mut Memory<'a>) -> Result<End, Halt> {
        let Some(catch) = &flow.catch else {
            return self.steps(flow, prefix, memory);
        };
        let place = format!("{prefix}catch");
        let error = match self.log.story(&place).caught {
            Some(error) => error.clone(),
            None => match self.steps(flow, prefix, memory)? {
                End::Failed(fault) => self.catches(&place, &fault)?,
                end => return Ok(end),
            },
        };
        let mut inner = memory.clone();
        if let Value::Object(steps) = &mut inner.steps {
            let results = self.log.results(prefix).into_iter();
            steps.extend(results.map(|(name, result)| (name.to_owned(), result.clone())));
        }
        inner.error = std::borrow::Cow::Owned(error);
        self.enter(&place, |walk| {
            walk.steps(catch, &format!("{place}."), &mut inner)
        })
    }

    fn steps(
        &mut self,
        flow: &'a Flow,
        prefix: &str,
        memory: &mut Memory<'a>,
    ) -> Result<End, Halt> {
        let mut last = Value::Null;
        let mut visits: HashMap<u32, u32> = HashMap::new();
        let mut at = (!flow.steps.is_empty()).then_some(0);
        while let Some((number, step)) = at.and_then(|at| Some((at, flow.steps.get(at as usize)?)))
        {
            self.transitions += 1;
            if self.transitions > bounds::MOST_TRANSITIONS {
                let why = bounds::transitions();
                return Err(Halt::Exceeded { why });
            }
            let visit = visits.entry(number).or_default();
            *visit += 1;
            let place = match visit {
                1 => format!("{prefix}{}", step.name),
                again => format!("{prefix}{}#{again}", step.name),
            };
            at = match self.step(step, &place, memory)? {
                Pass::On(value) => {
                    last.clone_from(&value);
                    memory.keep(step, value);
                    memory.cut(step.data.as_ref().and_then(|data| data.output.as_ref()));
                    step.next
                }
                Pass::Past => {
                    memory.cut(step.data.as_ref().and_then(|data| data.output.as_ref()));
                    step.next
                }
                Pass::To(step) => Some(step),
                Pass::End(end) => return Ok(end),
            };
        }
        Ok(End::Finished(match memory.document.is_null() {
            true => last,
            false => memory.document.take(),
        }))
    }

    /// A step, and what follows where it failed.
    fn step(&mut self, step: &'a Step, place: &str, memory: &mut Memory<'a>) -> Result<Pass, Halt> {
        let story = self.log.story(place);
        let Some(catch) = &step.catch else {
            return self.act(step, place, story, memory);
        };
        let error = match story.caught {
            Some(error) => error.clone(),
            None => match self.act(step, place, story, memory)? {
                Pass::End(End::Failed(fault)) => self.catches(place, &fault)?,
                pass => return Ok(pass),
            },
        };
        self.caught(catch, place, error, memory)
    }

    fn act(
        &mut self,
        step: &'a Step,
        place: &str,
        story: Story<'l>,
        memory: &mut Memory<'a>,
    ) -> Result<Pass, Halt> {
        let seen = match seen(step, memory) {
            Ok(seen) => seen,
            Err(error) => return Ok(self.unrendered(step, place, &error, memory)),
        };
        let inner = memory.seeing(seen);
        let memory_in = inner.as_ref().unwrap_or(memory);
        let pass = match &step.action {
            Action::When(condition) => self.guard(step, place, condition, memory_in),
            Action::Set(tree) => self.set(step, place, story, tree, memory_in),
            Action::Succeed(message) => self.succeed(step, place, message.as_ref(), memory_in),
            Action::Fail(message) => self.fail(step, place, message.as_ref(), memory_in),
            Action::Wait(wait) => self.wait(step, place, story, wait, memory_in),
            Action::Choose(choose) => self.choose(step, place, choose, memory_in),
            Action::Each(each) => self.each(step, place, each, memory_in),
            Action::Flow(named) => self.named(step, place, named, memory_in),
            Action::Call(_) => self.perform(step, place, story, memory_in),
        }?;
        if matches!(pass, Pass::Past) {
            memory.leave_open(step);
        }
        Ok(pass)
    }

    fn caught(
        &mut self,
        catch: &'a Catch,
        place: &str,
        error: Value,
        memory: &mut Memory<'a>,
    ) -> Result<Pass, Halt> {
        let flow = match &catch.then {
            Then::Goto(step) => {
                memory.land(&catch.error, bundle_error(&error));
                return Ok(Pass::To(*step));
            }
            Then::Flow(flow) => flow,
        };
        let mut inner = memory.clone();
        inner.error = std::borrow::Cow::Owned(error);
        let place = format!("{place}.catch");
        let end = self.enter(&place, |walk| {
            walk.flow(flow, &format!("{place}."), &mut inner)
        })?;
        Ok(match end {
            End::Finished(value) => Pass::On(value),
            end => Pass::End(end),
        })
    }

    /// That a failure leads elsewhere is written down first: whatever becomes of the step later, the
    /// run goes on there.
    fn catches(&mut self, place: &str, fault: &Fault) -> Result<Value, Halt> {
        let error = fault.error();
        if let Some(sketch) = &mut self.sketch {
            sketch.caught(place, &fault.why);
            return Ok(error);
        }
        Err(Halt::Record(Box::new(Line::Caught {
            step: place.to_owned(),
            at: self.now,
            error,
        })))
    }

    /// A flow within the flow.
    fn enter<T>(
        &mut self,
        place: &str,
        within: impl FnOnce(&mut Self) -> Result<T, Halt>,
    ) -> Result<T, Halt> {
        if self.depth == bounds::MOST_NESTING {
            let why = bounds::nesting(place);
            return Err(Halt::Exceeded { why });
        }
        self.depth += 1;
        let end = within(self);
        self.depth -= 1;
        end
    }

    /// Nothing more begins in a run that is too old.
    fn begin(&self) -> Result<(), Halt> {
        let longest = SignedDuration::try_from(bounds::LONGEST).unwrap_or(SignedDuration::MAX);
        match self.log.since {
            Some(since) if self.now.duration_since(since) > longest => {
                let why = bounds::time();
                Err(Halt::Exceeded { why })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Nobody knows what this gives, in the plan that is made.
    fn meets_unknown(&mut self) {
        if let Some(sketch) = &mut self.sketch {
            sketch.unknown += 1;
        }
    }

    /// How often that was so.
    fn unknown(&self) -> usize {
        self.sketch.as_ref().map_or(0, |sketch| sketch.unknown)
    }

    /// Writes into the plan, where one is made.
    fn sketch(&mut self, step: &'a Step, place: &str, what: What) {
        let depth = self.depth;
        if let Some(sketch) = &mut self.sketch {
            sketch.add(step, place, depth, what);
        }
    }

    fn unrendered(
        &mut self,
        step: &'a Step,
        place: &str,
        error: &RenderError,
        memory: &mut Memory<'a>,
    ) -> Pass {
        let pass = self.failed_to_render(step, place, error, memory);
        if matches!(pass, Pass::Past) {
            memory.leave_open(step);
        }
        pass
    }

    fn failed_to_render(
        &mut self,
        step: &'a Step,
        place: &str,
        error: &RenderError,
        memory: &Memory<'a>,
    ) -> Pass {
        let open = error.reads_step() || memory.may_hold(error);
        if self.sketch.is_some() && open {
            self.sketch(step, place, What::Later);
            return Pass::Past;
        }
        self.sketch(step, place, What::Fails(error.to_string()));
        Pass::End(End::Failed(Fault {
            step: step.name.clone(),
            message: error.to_string(),
            attempts: 0,
            status: None,
            why: format!("step `{place}` cannot be rendered: {error}"),
        }))
    }
}
