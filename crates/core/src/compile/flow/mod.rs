//! Lowers `flow` of a rule to a compiled flow, and reports all mistakes of all steps.
//! A step must have exactly one action; settings without effect are errors.

pub mod action;
pub(crate) mod awaited_event;
pub(crate) mod cache;
pub(crate) mod call_stack;
pub(crate) mod catch;
pub(crate) mod choose;
pub(crate) mod confine;
pub(crate) mod exec;
pub(crate) mod flow_call;
pub(crate) mod for_each;
pub(crate) mod headers;
pub(crate) mod http;
pub(crate) mod named_flows;
pub mod on_dead;
pub(crate) mod outcome;
pub(crate) mod questions;
mod reachability;
pub(crate) mod request_url;
pub(crate) mod script;
pub(crate) mod set;
pub(crate) mod settings;
#[cfg(test)]
mod tests;
pub(crate) mod wait;
pub(crate) mod wait_for;

use crate::compile::compiler::Compiler;
use crate::compile::flow::action::{ActionSpec, STEP, actions};
use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::decode::Decode;
use crate::document::suggest;
use crate::document::{Entry, Node, Yaml};
use crate::flow::step::{Action, Flow, Step, StepSettings};
use crate::flow::vocabulary::RETRY;
use crate::language::names::{Execution, KnownStep, StepOutput};
use crate::language::resolver::NameResolver;

pub use crate::compile::flow::catch::lower_catch;
pub use crate::compile::flow::flow_call::{lower_flow_name, lower_unused};
pub use crate::compile::flow::headers::{inherit, reserved_header};
pub use crate::compile::flow::on_dead::{lower_default_on_dead, lower_on_dead, lower_on_outage};

pub fn lower_flow(node: &Node, cx: &mut Compiler<'_>) -> Option<Flow> {
    lower_steps(node, "flow", cx)
}

/// Lowers the steps under a key.
fn lower_steps(node: &Node, key: &str, cx: &mut Compiler<'_>) -> Option<Flow> {
    let items = match &node.value {
        Yaml::List(items) if !items.is_empty() => items,
        Yaml::List(_) | Yaml::Null => {
            let help = "add a step, for example `- http: { url: … }`";
            let message = format!("`{key}` has no step");
            return cx.reject_value(node.at, message, help);
        }
        Yaml::Map(_) | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) => {
            let message = format!("`{key}` takes a list of steps, found {}", node.kind());
            return cx.reject(
                Code::WrongType,
                node.at,
                message,
                "start each step with `- `",
            );
        }
    };
    let mut steps: Vec<Option<Step>> = Vec::with_capacity(items.len());
    let held = cx.names.in_scope.held.len();
    let answers = items.iter().filter_map(wait_for::answer_name);
    cx.names.in_scope.answers.extend(answers);
    for (index, item) in items.iter().enumerate() {
        steps.push(lower_step(item, index + 1, cx));
    }
    // A `catch` beside the steps can run before their guards.
    cx.names.in_scope.held.truncate(held);
    let steps: Vec<Step> = steps.into_iter().collect::<Option<_>>()?;
    reachability::warn(&steps, cx);
    questions::check(&steps, items, cx);
    Some(Flow::in_order(steps))
}

fn lower_step(node: &Node, number: usize, cx: &mut Compiler<'_>) -> Option<Step> {
    let Yaml::Map(entries) = &node.value else {
        let message = format!("a step takes a mapping, found {}", node.kind());
        let help = "write its action as a key: `- http: { url: … }`";
        return cx.reject(Code::WrongType, node.at, message, help);
    };
    let misplaced: Vec<&Entry> = entries
        .iter()
        .filter(|e| {
            report_on_failure_synonym(e, node, cx.diagnostics())
                || report_misplaced(e, cx.diagnostics())
        })
        .collect();
    for entry in entries
        .iter()
        .filter(|e| !misplaced.iter().any(|m| m.key == e.key))
    {
        cx.check_key(entry, &STEP);
    }
    report_stray_keys(node, cx.diagnostics());
    let name = lower_name(node, &mut cx.names);
    let found = find_action(node, entries, !misplaced.is_empty(), cx);
    let action = found.and_then(|found| found.lower(node, cx));
    let action = action.and_then(|mut action| {
        let valid = confine::lower_into(&mut action, node, cx);
        valid.then_some(action)
    });
    let settings = settings::lower(node, found, cx);
    let catch = catch::lower_step_catch(node, found, cx);
    let awaited = action.as_ref().and_then(Action::wait_for);
    if let Some(Some(name)) = &name {
        cx.names.in_scope.steps.push(KnownStep {
            name: name.clone(),
            gives: step_output(node, found, settings.as_ref(), action.as_ref()),
            ran: Execution::Certain,
            event: awaited.and_then(|wait| wait_for::event_fields(wait, cx)),
        });
    }
    let (action, settings, catch) = (action?, settings?, catch?);
    Some(Step {
        name: name?.unwrap_or_else(|| format!("{}-{number}", action.kind())),
        at: node.at,
        action,
        settings: cx.cache.settings.share(settings),
        next: None,
        catch,
        data: None,
    })
}

/// Reports keys that belong to a step with another action.
fn report_stray_keys(step: &Node, diagnostics: &mut Diagnostics) {
    let each = ["as", "concurrency", "on_failure"].map(|key| (key, "for_each"));
    for (key, beside) in each.into_iter().chain([("vars", "flow")]) {
        let belongs = match beside {
            "flow" => step.get("flow").is_some() && step.get("for_each").is_none(),
            "for_each" => has_item_steps(step),
            beside => step.get(beside).is_some(),
        };
        if let Some(stray) = step.get(key).filter(|_| !belongs) {
            let message = format!("`{key}` has no effect here");
            let help = match key {
                "vars" => "it belongs beside `flow: NAME`; to set a value write `set: VALUE`, or for the whole rule `vars:` beside its `flow`".to_owned(),
                _ => format!("it belongs beside `{beside}`; remove it here, or write `{beside}: PATH`"),
            };
            diagnostics.invalid(stray.at, message, &help);
        }
    }
}

/// Whether a `flow` of the step contains the steps for items, even if the key `for_each` is misspelled.
fn has_item_steps(step: &Node) -> bool {
    let meant = |entry: &Entry| {
        STEP.get(&entry.key).is_none()
            && suggest::for_key(&entry.key, &STEP).is_some_and(|help| {
                ["`for_each", "`choose"]
                    .iter()
                    .any(|key| help.contains(key))
            })
    };
    let list = step.get("flow").and_then(Node::as_list).is_some();
    let entries = step.as_map().unwrap_or_default();
    step.get("for_each").is_some() || (list && entries.iter().any(meant))
}

/// Returns what later steps can read of a step.
fn step_output(
    step: &Node,
    action: Option<FoundAction<'_>>,
    settings: Option<&StepSettings>,
    lowered: Option<&Action>,
) -> StepOutput {
    let (Some(action), Some(settings)) = (action, settings) else {
        return StepOutput::Anything;
    };
    if step.get("catch").is_some() {
        // After a failure its result is that of the steps under `catch`.
        return StepOutput::Anything;
    }
    match lowered.and_then(Action::wait_for) {
        Some(wait) => wait_for::output(wait),
        // Its mistake is reported.
        None if step.get("wait_for").is_some() => StepOutput::Anything,
        None => (action.spec.output)(settings.keep),
    }
}

/// Reports names that other tools use for `on_failure`, beside a `for_each`. Returns whether it did.
fn report_on_failure_synonym(entry: &Entry, step: &Node, diagnostics: &mut Diagnostics) -> bool {
    let key = entry.key.as_str();
    // A list would be the steps of a `catch`.
    let is_value = entry.value.as_text().is_some() || matches!(entry.value.value, Yaml::Bool(_));
    if step.get("for_each").is_none() || !is_value || !suggest::means_on_failure(key) {
        return false;
    }
    let message = format!("unknown key `{key}` in a step");
    let help = "to continue with the next item after a failure write `on_failure: continue`; the default is `stop`";
    diagnostics.error(Code::UnknownKey, entry.key_at, message, help);
    true
}

/// Reports keys that belong under a step's action, or that other tools use for one. Returns whether it did.
fn report_misplaced(entry: &Entry, diagnostics: &mut Diagnostics) -> bool {
    let key = entry.key.as_str();
    if STEP.get(key).is_some() {
        return false;
    }
    let has_inner = |spec: &&ActionSpec| spec.inner.is_some_and(|inner| inner.get(key).is_some());
    let below = actions().find(has_inner).map(ActionSpec::key);
    let below = below.or_else(|| RETRY.get(key).map(|_| "retry"));
    let mut synonyms = actions().flat_map(|spec| spec.synonyms);
    let synonym = synonyms.find(|synonym| synonym.keys.contains(&key));
    let help = match (below, synonym) {
        (Some(below), _) => format!("put it under `{below}:`: `{below}: {{ {key}: … }}`"),
        (None, Some(synonym)) => synonym.help.to_owned(),
        (None, None) if ["id", "step", "title"].contains(&key) => "write `name:`".to_owned(),
        (None, None) => return false,
    };
    let message = format!("unknown key `{key}` in a step");
    diagnostics.error(Code::UnknownKey, entry.key_at, message, &help);
    true
}

/// Lowers the step's name, if it has one. The outer None follows after an error.
fn lower_name(node: &Node, names: &mut NameResolver<'_>) -> Option<Option<String>> {
    let Some(node) = node.get("name") else {
        return Some(None);
    };
    let name = names.text(node, "name")?;
    let corrected = corrected(&name);
    if name != corrected {
        let message = format!("invalid step name `{name}`");
        let help = format!(
            "write `{corrected}`: lower-case letters, digits and `_`, so that templates can read `steps.{corrected}`"
        );
        names.invalid(node.at, message, &help);
        names.in_scope.steps.push(corrected.as_str().into());
        return None;
    }
    if name == "catch" {
        let message = "invalid step name `catch`: it is reserved for the steps under `catch`";
        return names.reject_value(node.at, message, "choose another name");
    }
    if let Some(local) = names
        .in_scope
        .locals
        .iter()
        .find(|local| local.name == name)
    {
        let message = format!(
            "invalid step name `{name}`: it is the name of the item",
            name = local.name
        );
        return names.reject(Code::DuplicateName, node.at, message, "choose another name");
    }
    if names.in_scope.steps.iter().any(|step| step.name == name) {
        let message = format!("duplicate step name `{name}`");
        return names.reject(Code::DuplicateName, node.at, message, "choose another name");
    }
    Some(Some(name))
}

fn corrected(name: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            c
        } else {
            '_'
        }
    };
    let name: String = name.trim().to_lowercase().chars().map(plain).collect();
    match name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') {
        true => name,
        false => format!("step_{name}"),
    }
}

/// The action of a step, with the entry that has its key.
#[derive(Clone, Copy)]
pub(crate) struct FoundAction<'n> {
    pub entry: &'n Entry,
    pub spec: &'static ActionSpec,
}

impl FoundAction<'_> {
    fn lower(self, step: &Node, cx: &mut Compiler<'_>) -> Option<Action> {
        (self.spec.lower)(&self.entry.value, step, cx)
    }
}

/// Returns the step's action.
fn find_action<'n>(
    node: &Node,
    entries: &'n [Entry],
    reported: bool,
    cx: &mut Compiler<'_>,
) -> Option<FoundAction<'n>> {
    // Beside `for_each`, `flow` contains the steps for the items.
    let is_list = has_item_steps(node);
    let written = entries.iter().filter(|e| !(is_list && e.key == "flow"));
    let found = written.filter_map(|entry| {
        let spec = ActionSpec::find(&entry.key)?;
        Some(FoundAction { entry, spec })
    });
    let found: Vec<FoundAction<'n>> = found.collect();
    if let [first, second, ..] = found.as_slice() {
        let (first_key, second_key) = (&first.entry.key, &second.entry.key);
        let message =
            format!("a step must have exactly one action, found `{first_key}` and `{second_key}`");
        let help = match (node.get("when"), node.get("flow")) {
            (Some(_), Some(_)) => {
                "to run steps only under a condition write `choose: [{ when: …, flow: [ … ] }]`"
                    .into()
            }
            _ => format!("move `{second_key}` to its own step: start it with `- `"),
        };
        cx.invalid(second.entry.key_at, message, &help);
        // Mistakes in the other actions are reported too.
        for surplus in found.iter().filter(|found| found.entry.key != *first_key) {
            surplus.lower(node, cx);
        }
        return Some(*first);
    }
    let unknown = entries.iter().any(|e| {
        STEP.get(&e.key)
            .is_none_or(|w| w.built != crate::document::vocabulary::Support::Supported)
    });
    if found.is_empty() && !reported && !unknown {
        let keys: Vec<&str> = actions().map(ActionSpec::key).collect();
        let help = format!("add one of: {}", keys.join(", "));
        cx.error(Code::MissingKey, node.at, "this step has no action", &help);
    }
    found.first().copied()
}

fn no_secret<T>(node: &Node, why: &str, diagnostics: &mut Diagnostics) -> Option<T> {
    let message = format!("{why}, so it cannot hold a secret");
    diagnostics.reject(
        Code::BadTemplate,
        node.at,
        message,
        "use the secret in the step that needs it",
    )
}
