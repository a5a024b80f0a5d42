//! Walks a `wait_for`: the log says what decided it, an event, an answer, or that nothing came.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::flow::plan::PlanStepKind;
use crate::flow::step::{Flow, Step};
use crate::flow::wait_for::{AwaitedOutcome, WaitFor};
use crate::flow::walk::history::{LastEntry, StepHistory};
use crate::flow::walk::variables::Variables;
use crate::flow::walk::{FlowEnd, Interrupt, Timer, Transition, Walk};
use crate::run::LogEntry;

impl<'a, 'l> Walk<'a, 'l> {
    /// An entry in the log decides the step, also one from before the step began. A retry by an operator changes nothing
    /// about that, and a wait that has begun keeps its end.
    pub(super) fn wait_for(
        &mut self,
        step: &'a Step,
        step_path: &str,
        history: StepHistory<'l>,
        wait: &'a WaitFor,
        variables: &Variables<'a>,
    ) -> Result<Transition, Interrupt> {
        if let (Some(outcome), Some(result)) =
            (history.last.outcome(), history.last.awaited_result())
        {
            self.plan_step(step, step_path, PlanStepKind::Decided(outcome.clone()));
            let result = with_link(result, variables.steps.get(&step.name));
            return match outcome {
                AwaitedOutcome::Expired => self.otherwise(step_path, wait, variables, result),
                AwaitedOutcome::Arrived(_) | AwaitedOutcome::Answered(_) => {
                    Ok(Transition::Next(result))
                }
            };
        }
        if let LastEntry::Waiting { until } = history.last {
            self.waits.push(Timer::Await {
                step: step_path.to_owned(),
                until: with_grace(until, wait),
            });
            return Err(Interrupt::Stops);
        }
        let until = wait.within.after(self.now);
        if self.recorder.is_some() {
            return self.plan_wait_for(step, step_path, wait, until, variables);
        }
        self.check_age()?;
        Err(Interrupt::Record(Box::new(LogEntry::Waiting {
            step: step_path.to_owned(),
            at: self.now,
            until,
        })))
    }

    fn otherwise(
        &mut self,
        step_path: &str,
        wait: &'a WaitFor,
        variables: &Variables<'a>,
        expired: Value,
    ) -> Result<Transition, Interrupt> {
        let Some(flow) = &wait.otherwise else {
            return Ok(Transition::Next(expired));
        };
        Ok(match self.run_otherwise(flow, step_path, variables)? {
            FlowEnd::Finished(_) => Transition::Next(expired),
            end => Transition::End(end),
        })
    }

    fn run_otherwise(
        &mut self,
        flow: &'a Flow,
        step_path: &str,
        variables: &Variables<'a>,
    ) -> Result<FlowEnd, Interrupt> {
        let mut inner = variables.clone();
        let prefix = format!("{step_path}.otherwise.");
        self.enter(step_path, |walk| walk.flow(flow, &prefix, &mut inner))
    }

    /// Plans both outcomes: that nothing comes, with its steps, and that the flow continues with a result that is not
    /// known yet.
    fn plan_wait_for(
        &mut self,
        step: &'a Step,
        step_path: &str,
        wait: &'a WaitFor,
        until: Timestamp,
        variables: &Variables<'a>,
    ) -> Result<Transition, Interrupt> {
        let same = wait.events().iter();
        let same = same.map(|awaited| awaited.same.run.resolve(&variables.scope()));
        let same = same.map(|found| found.to_json().map(std::borrow::Cow::into_owned));
        let same = same.collect();
        self.plan_step(step, step_path, PlanStepKind::WaitFor { until, same });
        if let Some(flow) = &wait.otherwise {
            let heading = format!("{step_path}.otherwise");
            self.plan_step(step, &heading, PlanStepKind::Otherwise);
            // How it ends is one of two outcomes: the plan continues with the other.
            self.run_otherwise(flow, step_path, variables)?;
        }
        Ok(Transition::NextWithoutResult)
    }

    /// Makes the links known under which the answer steps of a flow are answered, before and after these steps.
    pub(super) fn offer_links(&self, flow: &Flow, prefix: &str, variables: &mut Variables<'a>) {
        let Value::Object(steps) = &mut variables.steps else {
            return;
        };
        for step in &flow.steps {
            let answer = step.action.wait_for().and_then(WaitFor::answer);
            if answer.is_none() || steps.contains_key(&step.name) {
                continue;
            }
            let path = format!("{prefix}{}", step.name);
            let url = self.subject.links.url(variables.event, &path);
            steps.insert(step.name.clone(), json!({ "url": url }));
        }
    }
}

impl LastEntry<'_> {
    /// The result of a `wait_for` that is decided.
    pub(super) fn awaited_result(&self) -> Option<Value> {
        match self {
            LastEntry::Arrived { number, event } => {
                Some(json!({"event": event, "number": number, "expired": false}))
            }
            LastEntry::Answered { at, answer, by } => Some(json!({
                "answer": answer,
                "answered_at": at.to_string(),
                "by": by,
                "expired": false,
            })),
            LastEntry::Expired => Some(json!({"expired": true})),
            LastEntry::Nothing
            | LastEntry::Started { .. }
            | LastEntry::Waiting { .. }
            | LastEntry::Attempt(_) => None,
        }
    }

    fn outcome(&self) -> Option<AwaitedOutcome> {
        match self {
            LastEntry::Arrived { number, .. } => Some(AwaitedOutcome::Arrived(*number)),
            LastEntry::Answered { answer, .. } => {
                Some(AwaitedOutcome::Answered((*answer).to_owned()))
            }
            LastEntry::Expired => Some(AwaitedOutcome::Expired),
            LastEntry::Nothing
            | LastEntry::Started { .. }
            | LastEntry::Waiting { .. }
            | LastEntry::Attempt(_) => None,
        }
    }
}

/// Keeps the link of the step readable after it.
fn with_link(mut result: Value, before: Option<&Value>) -> Value {
    if let Some(url) = before.and_then(|before| before.get("url")) {
        result["url"] = url.clone();
    }
    result
}

/// When nothing is expected any more.
fn with_grace(until: Timestamp, wait: &WaitFor) -> Timestamp {
    let grace = SignedDuration::try_from(wait.grace).unwrap_or(SignedDuration::MAX);
    until.checked_add(grace).unwrap_or(Timestamp::MAX)
}
