//! A compiled flow: steps with their actions, settings and successors.
//! Represents steps of rules and states of bundles alike. Immutable; all errors were reported when it was
//! compiled.

use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::Span;
use crate::flow::bundle_document::BundleOrigin;
use crate::flow::call::{
    Call, CallRendering, CallTemplate, ExecTemplate, HttpTemplate, KeepOutput,
};
use crate::flow::control::{Catch, Choose, FlowCall, ForEach, StatePaths, Wait};
use crate::flow::wait_for::WaitFor;
use crate::language::condition::Condition;
use crate::language::template::json::JsonTemplate;
use crate::language::template::{RenderError, Template};
use crate::path::scope::Scope;
use crate::run::step_retry::StepRetry;

/// The steps of a flow that ends at once. They are evaluated in the transaction of a claim, which other runs wait for.
const MAX_IMMEDIATE_STEPS: usize = 8;

/// A flow starts with its first step.
#[derive(Debug, Clone, Default)]
pub struct Flow {
    pub steps: Vec<Step>,
    /// Runs after the failure of a step without its own `catch`; the failed flow does not continue.
    pub catch: Option<Box<Flow>>,
    /// The bundle that it comes from. `None` for flows of rules.
    pub bundle: Option<Arc<BundleOrigin>>,
    /// How long a run of it may take, waits included. `None` has only the limit of every run.
    pub time_limit: Option<Duration>,
}

#[derive(Debug, Clone)]
pub struct Step {
    /// The name from the rule. Default: the kind with a number (`http-1`).
    pub name: String,
    pub at: Span,
    pub action: Action,
    /// Shared, because most steps have the same settings.
    pub settings: Arc<StepSettings>,
    /// The next step. `None` ends the flow.
    pub next: Option<u32>,
    /// Handles its failure. `None` fails the flow.
    pub catch: Option<Box<Catch>>,
    /// The paths of a bundle's state. `None` for steps, whose results are in `steps.…`.
    pub data: Option<Box<StatePaths>>,
}

/// A step and its path in the flow, in which the number of an item is left out: `each[].page`.
#[derive(Debug, Clone)]
pub struct LocatedStep<'f> {
    pub path: String,
    pub step: &'f Step,
}

/// The settings that apply to every kind of step.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StepSettings {
    pub retry: StepRetry,
    pub timeout: Duration,
    pub keep: KeepOutput,
    pub on_crash: OnCrash,
}

/// What happens to a step that was running when the program crashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnCrash {
    /// Run it again, with the same idempotency key.
    Rerun,
    /// Hold the run until an operator decides.
    Hold,
}

impl Flow {
    /// A flow whose steps run one after another.
    pub fn in_order(mut steps: Vec<Step>) -> Self {
        let count = u32::try_from(steps.len()).unwrap_or(u32::MAX);
        for (step, next) in steps.iter_mut().zip(1..) {
            step.next = (next < count).then_some(next);
        }
        Self {
            steps,
            ..Self::default()
        }
    }

    /// Whether it comes from a bundle and so has a document.
    pub fn is_from_bundle(&self) -> bool {
        self.bundle.is_some()
    }

    /// Whether it ends without a call, a wait or a log entry, whatever the event: it has only a few guards before its
    /// end. Nothing but conditions is evaluated for it, as for the match of the rule.
    pub fn ends_at_once(&self) -> bool {
        self.steps.len() <= MAX_IMMEDIATE_STEPS
            && self.catch.is_none()
            && self.steps.iter().all(Step::is_immediate)
    }

    /// All steps in it and in nested flows, each before the steps nested in it.
    pub fn all_steps(&self) -> Vec<&Step> {
        let own = self.steps.iter().flat_map(|step| {
            let nested = step.nested_flows().into_iter().flat_map(Flow::all_steps);
            std::iter::once(step).chain(nested)
        });
        let caught = self.catch.iter().flat_map(|flow| flow.all_steps());
        own.chain(caught).collect()
    }

    /// All steps with their paths, in the order of [`Flow::all_steps`].
    pub fn steps_with_paths(&self) -> Vec<LocatedStep<'_>> {
        let mut found = Vec::new();
        self.add_steps("", &mut found);
        found
    }

    fn add_steps<'f>(&'f self, prefix: &str, found: &mut Vec<LocatedStep<'f>>) {
        for step in &self.steps {
            let path = format!("{prefix}{}", step.name);
            found.push(LocatedStep {
                path: path.clone(),
                step,
            });
            for inner in step.action.inner_flows() {
                let prefix = format!("{path}{}", inner.suffix);
                inner.flow.add_steps(&prefix, found);
            }
            if let Some(caught) = step.catch.as_ref().and_then(|catch| catch.then.flow()) {
                caught.add_steps(&format!("{path}.catch."), found);
            }
        }
        if let Some(caught) = &self.catch {
            caught.add_steps(&format!("{prefix}catch."), found);
        }
    }

    /// The names of the secrets that its steps use, each with its step.
    pub fn secrets(&self) -> impl Iterator<Item = (&str, &Step)> {
        self.all_steps().into_iter().flat_map(|step| {
            let names = step.secrets().into_iter();
            names.map(move |name| (name, step))
        })
    }
}

impl Step {
    /// Whether it waits for the answer of a person.
    pub fn asks(&self) -> bool {
        self.action.wait_for().and_then(WaitFor::answer).is_some()
    }

    /// Whether it only evaluates a condition, or ends the flow.
    fn is_immediate(&self) -> bool {
        let is_plain = match &self.action {
            Action::When(_) => true,
            Action::Succeed(message) => {
                let message = message.as_ref();
                message.is_none_or(|message| message.constant().is_some())
            }
            Action::Call(_)
            | Action::Set(_)
            | Action::Choose(_)
            | Action::Each(_)
            | Action::Wait(_)
            | Action::WaitFor(_)
            | Action::Flow(_)
            | Action::Fail(_) => false,
        };
        is_plain && self.data.is_none()
    }

    /// The call that it makes; None of a step that makes none.
    pub fn render(&self, scope: &Scope<'_>) -> Result<Option<Call>, RenderError> {
        self.action.render(&self.settings, scope)
    }

    /// Whether the step always ends the flow that it belongs to.
    pub fn ends_flow(&self) -> bool {
        self.catch.is_none() && self.action.ends_flow()
    }

    /// The flows nested in the step.
    fn nested_flows(&self) -> Vec<&Flow> {
        let inner = self
            .action
            .inner_flows()
            .into_iter()
            .map(|inner| inner.flow);
        let caught = self.catch.iter().filter_map(|catch| catch.then.flow());
        inner.chain(caught).collect()
    }

    /// The connection that its request uses.
    pub fn connection(&self) -> Option<&str> {
        self.action.request()?.connection.as_deref()
    }

    /// The names of the secrets that the step itself uses, duplicates included.
    pub fn secrets(&self) -> Vec<&str> {
        let parameters = self.data.iter().filter_map(|data| data.parameters.as_ref());
        let mut names: Vec<&str> = parameters.flat_map(JsonTemplate::secrets).collect();
        names.extend(self.action.secrets());
        names
    }
}

/// What a step does, with the properties that every action has. `walk` executes all actions but calls.
#[derive(Debug, Clone)]
pub enum Action {
    Call(CallTemplate),
    /// A guard: if not true, the run ends as skipped.
    When(Condition),
    Set(JsonTemplate),
    Choose(Box<Choose>),
    Each(Box<ForEach>),
    Wait(Wait),
    WaitFor(Box<WaitFor>),
    Flow(Box<FlowCall>),
    Succeed(Option<Template>),
    Fail(Option<Template>),
}

/// A flow within an action.
pub struct InnerFlow<'f> {
    /// What the paths of its steps have after that of the step: `.1.` for a branch, `[].` for items, `.` for a
    /// named flow.
    pub suffix: String,
    /// The condition under which it runs.
    pub when: Option<&'f Condition>,
    pub flow: &'f Flow,
}

impl Action {
    fn secrets(&self) -> Vec<&str> {
        self.call().map_or_else(Vec::new, CallRendering::secrets)
    }

    /// The flows within it.
    pub fn inner_flows(&self) -> Vec<InnerFlow<'_>> {
        let always = |suffix: &str, flow| InnerFlow {
            suffix: suffix.to_owned(),
            when: None,
            flow,
        };
        match self {
            Action::Choose(choose) => {
                let branches = choose.branches.iter().zip(1..);
                let flows = branches.filter_map(|(branch, number)| {
                    Some(InnerFlow {
                        suffix: format!(".{number}."),
                        when: branch.when.as_ref(),
                        flow: branch.then.flow()?,
                    })
                });
                flows.collect()
            }
            Action::Each(each) => vec![always("[].", &each.flow)],
            Action::Flow(named) => vec![always(".", &named.flow)],
            Action::WaitFor(wait) => {
                let otherwise = wait.otherwise.iter();
                otherwise.map(|flow| always(".otherwise.", flow)).collect()
            }
            Action::Call(_)
            | Action::When(_)
            | Action::Set(_)
            | Action::Wait(_)
            | Action::Succeed(_)
            | Action::Fail(_) => Vec::new(),
        }
    }

    /// Whether no step behind it is ever reached, unless its failure is caught.
    pub fn ends_flow(&self) -> bool {
        match self {
            Action::Succeed(_) | Action::Fail(_) => true,
            Action::Choose(choose) => {
                let mut branches = choose.branches.iter();
                let always = choose.branches.iter().any(|branch| branch.when.is_none());
                let ends = |flow: &Flow| flow.steps.iter().any(Step::ends_flow);
                always && branches.all(|branch| branch.then.flow().is_some_and(ends))
            }
            Action::Call(_)
            | Action::When(_)
            | Action::Set(_)
            | Action::Each(_)
            | Action::Wait(_)
            | Action::WaitFor(_)
            | Action::Flow(_) => false,
        }
    }

    /// The key that names this action in a rule.
    pub fn kind(&self) -> &'static str {
        match self {
            Action::Call(call) => call.get().kind(),
            Action::When(_) => "when",
            Action::Set(_) => "set",
            Action::Choose(_) => "choose",
            Action::Each(_) => "for_each",
            Action::Wait(_) => "wait",
            Action::WaitFor(_) => "wait_for",
            Action::Flow(_) => "flow",
            Action::Succeed(_) => "succeed",
            Action::Fail(_) => "fail",
        }
    }

    fn call(&self) -> Option<&dyn CallRendering> {
        let Action::Call(call) = self else {
            return None;
        };
        Some(call.get())
    }

    /// Whether it makes a call, which has a reply.
    pub fn has_reply(&self) -> bool {
        self.call().is_some()
    }

    /// Whether it sends something, which a rule test can look at.
    pub fn sends(&self) -> bool {
        self.call().is_some_and(CallRendering::sends)
    }

    /// The call that the action makes; None of one that makes none.
    pub fn render(
        &self,
        settings: &StepSettings,
        scope: &Scope<'_>,
    ) -> Result<Option<Call>, RenderError> {
        let call = self.call().map(|call| call.render(settings, scope));
        call.transpose()
    }

    /// The HTTP request that it sends.
    pub fn request(&self) -> Option<&HttpTemplate> {
        self.call()?.request()
    }

    /// Whether it is a jq program that can read everything the step can read.
    pub fn reads_everything(&self) -> bool {
        self.call().is_some_and(CallRendering::reads_everything)
    }

    /// The condition of a guard.
    pub fn guard(&self) -> Option<&Condition> {
        match self {
            Action::When(condition) => Some(condition),
            Action::Call(_)
            | Action::Set(_)
            | Action::Choose(_)
            | Action::Each(_)
            | Action::Wait(_)
            | Action::WaitFor(_)
            | Action::Flow(_)
            | Action::Succeed(_)
            | Action::Fail(_) => None,
        }
    }

    /// What it waits for.
    pub fn wait_for(&self) -> Option<&WaitFor> {
        match self {
            Action::WaitFor(wait) => Some(wait),
            Action::Call(_)
            | Action::When(_)
            | Action::Set(_)
            | Action::Choose(_)
            | Action::Each(_)
            | Action::Wait(_)
            | Action::Flow(_)
            | Action::Succeed(_)
            | Action::Fail(_) => None,
        }
    }

    /// The command that it runs.
    pub fn command(&self) -> Option<&ExecTemplate> {
        self.call()?.command()
    }
}
