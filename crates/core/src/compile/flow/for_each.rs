//! Lowers `for_each` of a step with `as`, `concurrency`, `on_failure` and `flow`.
//! Reports paths that are known not to be a list, and item names that are already in use.

use serde_json::{Value, json};

use crate::compile::compiler::Compiler;
use crate::compile::flow::action::{ActionSpec, name};
use crate::compile::flow::lower_steps;
use crate::compile::flow::wait_for::{CannotWait, reject_waits};
use crate::diagnostic::{Code, Diagnostics, Report, Span};
use crate::document::decode::Decode;
use crate::document::vocabulary::{steps, text, words};
use crate::document::{Node, Yaml};
use crate::event::catalogue::field_type::FieldType;
use crate::flow::control::{ForEach, OnFailure};
use crate::flow::limits::MAX_CONCURRENCY;
use crate::flow::step::{Action, Flow};
use crate::language::event_fields::FieldCheck;
use crate::language::names::{Local, LocalType, StepOutput};
use crate::language::resolver::NameResolver;
use crate::path::Path;

/// The name of an item without `as`.
const DEFAULT_ITEM_NAME: &str = "item";

/// Names with a fixed meaning in every step.
const RESERVED_NAMES: [&str; 12] = [
    "body",
    "event",
    "events",
    "vars",
    "steps",
    "error",
    "secret",
    "account_id",
    "subdomain",
    "integration_key",
    "actor_id",
    "loop",
];

/// Keywords of templates.
const TEMPLATE_KEYWORDS: [&str; 10] = [
    "true", "false", "none", "not", "and", "or", "in", "is", "if", "else",
];

pub const FOR_EACH: ActionSpec = ActionSpec {
    output: |_| StepOutput::List,
    required: |key| json!({"required": [key, "flow"], "properties": {"flow": steps()}}),
    ..ActionSpec::new(
        words! {
            "for_each" text =>
                "Runs the steps under `flow` for each item of the list at this path. The result is the list of their results.";
            "as" name => "The name of the item in the steps of a `for_each`. Default: `item`.";
            "concurrency" concurrency =>
                "The number of items of a `for_each` that are processed in parallel. Default: 1.";
            "on_failure" on_failure =>
                "Whether a `for_each` stops at the first item that fails (`stop`) or continues with the others (`continue`). Default: `stop`.";
        },
        |list, step, cx| lower(list, step, cx).map(|each| Action::Each(Box::new(each))),
    )
};

fn lower(list: &Node, step: &Node, cx: &mut Compiler<'_>) -> Option<ForEach> {
    let items = lower_items(list, &mut cx.names);
    let name = lower_name(step, list.at, &mut cx.names);
    let concurrency = match step.get("concurrency") {
        Some(number) => cx.whole_number(number, "concurrency", 1..=u64::from(MAX_CONCURRENCY)),
        None => Some(1),
    };
    let on_failure = match step.get("on_failure") {
        Some(node) => lower_on_failure(node, cx.diagnostics()),
        None => Some(OnFailure::Stop),
    };
    // The steps are checked even if the list or the name is invalid.
    let local = Local {
        name: name.clone().unwrap_or_else(|| DEFAULT_ITEM_NAME.to_owned()),
        holds: items
            .as_ref()
            .map_or(LocalType::Anything, |items| item_type(items, &cx.names)),
    };
    let flow = lower_flow(step, list.at, local, cx);
    Some(ForEach {
        items: items?,
        name: Some(name?.into()),
        concurrency: u32::try_from(concurrency?).expect("the range fits"),
        on_failure: on_failure?,
        flow: flow?,
    })
}

fn lower_items(node: &Node, names: &mut NameResolver<'_>) -> Option<Path> {
    let path = lower_path(node, "for_each", names)?;
    let known = match (
        path.in_variables(&names.in_scope.vars),
        names.types_at(&path),
    ) {
        (Some(value), _) if !value.is_array() => "not a list".to_owned(),
        (Some(_), _) => return Some(path),
        (None, FieldCheck::Known(types)) if !types.iter().any(may_be_list) => {
            types.first().map_or_else(String::new, FieldType::describe)
        }
        (None, _) => match describe_result(&path, names) {
            Some(description) => description,
            None => return Some(path),
        },
    };
    let message = format!("`for_each` takes a list, and `{}` is {known}", path.text);
    let help =
        "name a list: a field such as `ticket.tags`, one under `vars`, or one in a step's result";
    names.reject(Code::OperatorMismatch, node.at, message, help)
}

/// Lowers a key that takes a path. Returns None after an error.
pub fn lower_path(node: &Node, key: &str, names: &mut NameResolver<'_>) -> Option<Path> {
    let Some(text) = node.as_text() else {
        let message = format!("`{key}` takes a path, found {}", node.kind());
        let help = match (key, &node.value) {
            ("for_each", Yaml::List(_)) => {
                "put the list under `vars` and write `for_each: vars.NAME`"
            }
            ("for_each", _) => "write the path of a list, such as `for_each: ticket.tags`",
            (_, _) => "write the path of a time, such as `until: ticket.due_at`",
        };
        return names.reject(Code::WrongType, node.at, message, help);
    };
    let bare = text
        .trim()
        .strip_prefix("{{")
        .and_then(|rest| rest.strip_suffix("}}"));
    if let Some(bare) = bare {
        let message = format!("`{key}` takes a path, found a template");
        let help = format!("write it without braces: `{key}: {}`", bare.trim());
        return names.reject(Code::BadPath, node.at, message, &help);
    }
    names.path(text, node.at)
}

fn may_be_list(field: &FieldType) -> bool {
    matches!(field, FieldType::List(_) | FieldType::Any)
}

/// Describes a part of a step's result that is known not to be a list.
fn describe_result(path: &Path, names: &NameResolver<'_>) -> Option<String> {
    let route: Vec<&str> = path.text.split('.').collect();
    let step = names
        .in_scope
        .steps
        .iter()
        .find(|step| Some(step.name.as_str()) == path.step())?;
    let description = match (step.gives, route.as_slice()) {
        (StepOutput::Keys(_), [_, _]) => "a whole result",
        (StepOutput::Keys(_), [_, _, "status"]) => "a number",
        (StepOutput::Keys(_), [_, _, "stdout" | "stderr"]) => "text",
        (StepOutput::Keys(_), [_, _, "headers"]) => "an object",
        (StepOutput::Keys(_), [_, _, "truncated"]) => "true or false",
        (StepOutput::Keys(_) | StepOutput::Anything | StepOutput::List | StepOutput::Inner, _) => {
            return None;
        }
    };
    Some(description.to_owned())
}

/// Returns the type of an item, as far as it is known.
fn item_type(items: &Path, names: &NameResolver<'_>) -> LocalType {
    if let Some((name, [])) = items.local() {
        let local = names
            .in_scope
            .locals
            .iter()
            .find(|local| local.name == name);
        return local.map_or(LocalType::Anything, |local| local.holds.item());
    }
    match names.types_at(items) {
        FieldCheck::Known(types) => match types.as_slice() {
            [FieldType::List(element)] => LocalType::Value(FieldType::clone(element)),
            _ => LocalType::Anything,
        },
        FieldCheck::Open
        | FieldCheck::Unlisted { .. }
        | FieldCheck::Misspelt { .. }
        | FieldCheck::Unknown { .. } => LocalType::Anything,
    }
}

fn lower_name(step: &Node, list: Span, names: &mut NameResolver<'_>) -> Option<String> {
    let (name, at) = match step.get("as") {
        Some(node) => (names.text(node, "as")?, node.at),
        None => (DEFAULT_ITEM_NAME.to_owned(), list),
    };
    let corrected = crate::compile::flow::corrected(&name);
    if name != corrected {
        let message = format!("invalid item name `{name}`");
        let help = format!(
            "write `{corrected}`: lower-case letters, digits and `_`, so that templates can read `{{{{ {corrected} }}}}`"
        );
        return names.reject_value(at, message, &help);
    }
    if let Some(conflict) = name_conflict(&name, names) {
        let message = format!("invalid item name `{name}`: {conflict}");
        let help = "choose another name, `as: NAME`";
        return names.reject(Code::DuplicateName, at, message, help);
    }
    Some(name)
}

/// Returns why a name cannot be used for an item.
fn name_conflict(name: &str, names: &NameResolver<'_>) -> Option<String> {
    if RESERVED_NAMES.contains(&name) {
        return Some(format!("`{name}` is a reserved name"));
    }
    if TEMPLATE_KEYWORDS.contains(&name) {
        return Some("it is a keyword of templates".to_owned());
    }
    if names.in_scope.locals.iter().any(|local| local.name == name) {
        return Some("the item of the outer list has this name".to_owned());
    }
    if names.in_scope.steps.iter().any(|step| step.name == name) {
        return Some("a step has this name".to_owned());
    }
    match names.fields.check(name) {
        FieldCheck::Known(_) => Some(format!("`{name}` is a field of the event")),
        FieldCheck::Open
        | FieldCheck::Unlisted { .. }
        | FieldCheck::Misspelt { .. }
        | FieldCheck::Unknown { .. } => None,
    }
}

fn lower_on_failure(node: &Node, diagnostics: &mut Diagnostics) -> Option<OnFailure> {
    match node.as_text() {
        Some("stop") => Some(OnFailure::Stop),
        Some("continue") => Some(OnFailure::Continue),
        _ => {
            let message = "`on_failure` takes stop or continue";
            let help = "`stop` fails the step at the first item that fails; `continue` processes the others, and the failed item's result is `{ error: … }`";
            diagnostics.reject_value(node.at, message, help)
        }
    }
}

fn lower_flow(step: &Node, at: Span, local: Local, cx: &mut Compiler<'_>) -> Option<Flow> {
    let Some(flow) = step.get("flow") else {
        let help = "add `flow:` beside it, with the steps for each item";
        return cx.reject(Code::MissingKey, at, "`for_each` has no `flow`", help);
    };
    if let Some(name) = flow.as_text() {
        let message = "`flow` beside `for_each` takes a list of steps, found text";
        let help = format!("to run a named flow for each item write `flow: [{{ flow: {name} }}]`");
        return cx.reject(Code::WrongType, flow.at, message, &help);
    }
    let lowered = cx.within(flow.at, |cx| {
        cx.names.in_scope.locals.push(local);
        lower_steps(flow, "flow", cx)
    })?;
    reject_waits(&lowered, CannotWait::ForEach, cx).then_some(lowered)
}

fn concurrency() -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": MAX_CONCURRENCY, "default": 1})
}

fn on_failure() -> Value {
    json!({"enum": ["stop", "continue"], "default": "stop"})
}
