//! Lowers `flow` of a rule to a compiled flow, and reports all mistakes of all steps.
//! A step must have exactly one action; settings without effect are errors.

pub(crate) mod cache;
pub(crate) mod call_stack;
pub(crate) mod catch;
pub(crate) mod choose;
pub(crate) mod confine;
pub(crate) mod exec;
pub(crate) mod flow_call;
pub(crate) mod for_each;
pub(crate) mod http;
pub(crate) mod named_flows;
pub mod on_dead;
pub(crate) mod reachability;
pub(crate) mod request_url;
pub(crate) mod script;
pub(crate) mod set;
pub(crate) mod settings;
#[cfg(test)]
mod tests;
pub(crate) mod wait;

use crate::compile::compiler::Compiler;
use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::decode::Decode;
use crate::document::suggest;
use crate::document::{Entry, Node, Yaml};
use crate::flow::call::KeepOutput;
use crate::flow::step::{Action, Flow, Step, StepSettings};
use crate::flow::vocabulary::command::EXEC;
use crate::flow::vocabulary::http::HTTP;
use crate::flow::vocabulary::{ACTIONS, RETRY, STEP};
use crate::language::condition::Condition;
use crate::language::names::{Execution, KnownStep, StepOutput};
use crate::language::resolver::NameResolver;
use crate::language::template::{Escape, Template};

pub use crate::compile::flow::catch::lower_catch;
pub use crate::compile::flow::flow_call::{lower_document, lower_flow_name, lower_unused};
pub use crate::compile::flow::http::{inherit, reserved_header};
pub use crate::compile::flow::on_dead::{lower_default_on_dead, lower_on_dead};

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
            cx.error(Code::InvalidValue, node.at, message, help);
            return None;
        }
        Yaml::Map(_) | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) => {
            let message = format!("`{key}` takes a list of steps, found {}", node.kind());
            cx.error(
                Code::WrongType,
                node.at,
                message,
                "start each step with `- `",
            );
            return None;
        }
    };
    let mut steps: Vec<Option<Step>> = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        steps.push(lower_step(item, index + 1, cx));
    }
    let steps: Vec<Step> = steps.into_iter().collect::<Option<_>>()?;
    reachability::warn(&steps, cx);
    Some(Flow::in_order(steps))
}

fn lower_step(node: &Node, number: usize, cx: &mut Compiler<'_>) -> Option<Step> {
    let Yaml::Map(entries) = &node.value else {
        let message = format!("a step takes a mapping, found {}", node.kind());
        let help = "write its action as a key: `- http: { url: … }`";
        cx.error(Code::WrongType, node.at, message, help);
        return None;
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
    let action = found.and_then(|entry| lower_action(entry, node, cx));
    let performs =
        found.is_some_and(|entry| matches!(entry.key.as_str(), "http" | "exec" | "shell"));
    let action = action.and_then(|mut action| {
        let valid = confine::lower_into(&mut action, node, cx);
        valid.then_some(action)
    });
    let settings = settings::lower(node, found, performs, cx);
    let catch = catch::lower_step_catch(node, found, cx);
    if let Some(Some(name)) = &name {
        cx.names.in_scope.steps.push(KnownStep {
            name: name.clone(),
            gives: step_output(node, found, settings.as_ref()),
            ran: Execution::Certain,
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
            diagnostics.error(Code::InvalidValue, stray.at, message, &help);
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
fn step_output(step: &Node, action: Option<&Entry>, settings: Option<&StepSettings>) -> StepOutput {
    let (Some(action), Some(settings)) = (action, settings) else {
        return StepOutput::Anything;
    };
    if step.get("catch").is_some() {
        // After a failure its result is that of the steps under `catch`.
        return StepOutput::Anything;
    }
    match (action.key.as_str(), settings.keep) {
        ("for_each", _) => StepOutput::List,
        ("choose" | "flow", _) => StepOutput::Inner,
        ("when" | "wait" | "succeed" | "fail", _) => StepOutput::Keys(&[]),
        ("http" | "exec" | "shell", KeepOutput::None) => StepOutput::Keys(&[]),
        ("http" | "exec" | "shell", KeepOutput::Status) => StepOutput::Keys(&["status"]),
        ("http", KeepOutput::Body) => StepOutput::Keys(&["status", "headers", "body", "truncated"]),
        ("exec" | "shell", KeepOutput::Body) => {
            StepOutput::Keys(&["status", "stdout", "stderr", "body", "truncated"])
        }
        _ => StepOutput::Anything,
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
    let help = match key {
        _ if STEP.get(key).is_some() => return false,
        _ if HTTP.get(key).is_some() => format!("put it under `http:`: `http: {{ {key}: … }}`"),
        _ if EXEC.get(key).is_some() => format!("put it under `exec:`: `exec: {{ {key}: … }}`"),
        _ if RETRY.get(key).is_some() => format!("put it under `retry:`: `retry: {{ {key}: … }}`"),
        "run" | "cmd" | "command" | "program" => "write `exec: [program, argument]`".into(),
        "script" | "bash" | "sh" => {
            "write `shell:` for a script, or `exec: [program, argument]`".into()
        }
        "webhook" | "request" | "post" | "get" | "put" | "patch" | "delete" | "curl" | "call" => {
            "write `http: { method: …, url: … }`".into()
        }
        "if" | "only_if" | "condition" | "guard" => {
            "write the guard as a separate step before this one, `- when: { … }`; if it applies only to some steps, write `choose: [{ when: { … }, flow: [ … ] }]`".into()
        }
        "id" | "step" | "title" => "write `name:`".into(),
        _ => return false,
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
        names.error(Code::InvalidValue, node.at, message, &help);
        names.in_scope.steps.push(corrected.as_str().into());
        return None;
    }
    if name == "catch" {
        let message = "invalid step name `catch`: it is reserved for the steps under `catch`";
        names.error(Code::InvalidValue, node.at, message, "choose another name");
        return None;
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
        names.error(Code::DuplicateName, node.at, message, "choose another name");
        return None;
    }
    if names.in_scope.steps.iter().any(|step| step.name == name) {
        let message = format!("duplicate step name `{name}`");
        names.error(Code::DuplicateName, node.at, message, "choose another name");
        return None;
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

/// Returns the entry with the step's action.
fn find_action<'n>(
    node: &Node,
    entries: &'n [Entry],
    reported: bool,
    cx: &mut Compiler<'_>,
) -> Option<&'n Entry> {
    // Beside `for_each`, `flow` contains the steps for the items.
    let is_list = has_item_steps(node);
    let is_action = |e: &&Entry| {
        let key = e.key.as_str();
        ACTIONS.contains(&key) && !(is_list && key == "flow")
    };
    let mut found = entries.iter().filter(is_action);
    let first = found.next();
    if let (Some(first), Some(second)) = (first, found.next()) {
        let message = format!(
            "a step must have exactly one action, found `{}` and `{}`",
            first.key, second.key
        );
        let help = match (node.get("when"), node.get("flow")) {
            (Some(_), Some(_)) => {
                "to run steps only under a condition write `choose: [{ when: …, flow: [ … ] }]`"
                    .into()
            }
            _ => format!("move `{}` to its own step: start it with `- `", second.key),
        };
        cx.error(Code::InvalidValue, second.key_at, message, &help);
        // Mistakes in the other actions are reported too.
        for surplus in entries
            .iter()
            .filter(is_action)
            .filter(|e| e.key != first.key)
        {
            lower_action(surplus, node, cx);
        }
        return Some(first);
    }
    let unknown = entries.iter().any(|e| {
        STEP.get(&e.key)
            .is_none_or(|w| w.built != crate::document::vocabulary::Support::Supported)
    });
    if first.is_none() && !reported && !unknown {
        let help = format!("add one of: {}", ACTIONS.join(", "));
        cx.error(Code::MissingKey, node.at, "this step has no action", &help);
    }
    first
}

fn lower_action(entry: &Entry, step: &Node, cx: &mut Compiler<'_>) -> Option<Action> {
    let node = &entry.value;
    match entry.key.as_str() {
        "http" => http::lower(node, cx).map(Action::from),
        "exec" => exec::lower(node, cx).map(Action::from),
        "shell" => exec::lower_shell(node, cx).map(Action::from),
        "when" => Condition::lower(node, &mut cx.names).map(Action::When),
        "set" => set::lower(node, &mut cx.names),
        "choose" => choose::lower(node, cx).map(|choose| Action::Choose(Box::new(choose))),
        "for_each" => for_each::lower(node, step, cx).map(|each| Action::Each(Box::new(each))),
        "wait" => wait::lower(node, &mut cx.names).map(Action::Wait),
        "flow" => flow_call::lower(node, step, cx).map(|named| Action::Flow(Box::new(named))),
        "succeed" => lower_message(node, "succeed", &mut cx.names).map(Action::Succeed),
        "fail" => lower_message(node, "fail", &mut cx.names).map(Action::Fail),
        _ => None,
    }
}

fn lower_message(node: &Node, key: &str, names: &mut NameResolver<'_>) -> Option<Option<Template>> {
    if node.value == Yaml::Null {
        return Some(None);
    }
    let template = Template::lower(node, key, Escape::None, names)?;
    let has_secret = template.secrets().next().is_some();
    match has_secret {
        false => Some(Some(template)),
        true => no_secret(node, "the message of a run is shown", names.diagnostics),
    }
}

fn no_secret<T>(node: &Node, why: &str, diagnostics: &mut Diagnostics) -> Option<T> {
    let message = format!("{why}, so it cannot hold a secret");
    diagnostics.error(
        Code::BadTemplate,
        node.at,
        message,
        "use the secret in the step that needs it",
    );
    None
}
