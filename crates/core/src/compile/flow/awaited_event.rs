//! Lowers an event of `wait_for`: its source and types, the value that it shares with the event of the run, and
//! its condition.

use std::mem::replace;
use std::sync::Arc;

use crate::compile::compiler::Compiler;
use crate::compile::event_pattern::{lower_source, lower_types};
use crate::diagnostic::{Code, Report, Span};
use crate::document::decode::Decode;
use crate::document::vocabulary::Vocabulary;
use crate::document::{Node, Yaml};
use crate::event::catalogue::Catalogue;
use crate::event::type_pattern::TypePattern;
use crate::flow::limits::MAX_AWAITED_EVENTS;
use crate::flow::vocabulary::waiting::{AWAITED_EVENT, SAME};
use crate::flow::wait_for::{AwaitedEvent, SameValue};
use crate::language::condition::Condition;
use crate::language::event_fields::EventFields;
use crate::language::names::Names;
use crate::path::{Path, PathKind, Root};

/// Lowers the events under `any`.
pub fn lower_events(node: &Node, cx: &mut Compiler<'_>) -> Option<Vec<AwaitedEvent>> {
    let Some(items) = node.as_list() else {
        let message = format!("`any` takes a list of events, found {}", node.kind());
        let help = "start each event with `- `: `- { event_type: …, same: … }`";
        return cx.reject(Code::WrongType, node.at, message, help);
    };
    if items.is_empty() || items.len() > MAX_AWAITED_EVENTS {
        let message = format!(
            "`any` takes 1 to {MAX_AWAITED_EVENTS} events, found {}",
            items.len()
        );
        let help = "write the events, or a family such as `ticket.*` with a condition";
        return cx.reject_value(node.at, message, help);
    }
    let events = items.iter().map(|item| {
        cx.entries(item, &AWAITED_EVENT)?;
        lower_event(item, cx)
    });
    let events: Vec<Option<AwaitedEvent>> = events.collect();
    events.into_iter().collect()
}

/// Lowers one event, whose keys are checked.
pub fn lower_event(node: &Node, cx: &mut Compiler<'_>) -> Option<AwaitedEvent> {
    let source = match node.get("event_source") {
        Some(source) => lower_source(source, cx).map(Some),
        None => Some(cx.source.clone()),
    };
    let of_run = cx.names.fields.clone();
    let types = lower_event_types(node, source.as_ref().and_then(Option::as_deref), cx);
    let types = types.map(|types| (types, replace(&mut cx.names.fields, of_run.clone())));
    // The fields of unknown types are not known either.
    cx.names.fields = of_run;
    let (types, fields) = types?;
    let same = lower_same(node, &fields, cx);
    let when = match node.get("when") {
        Some(when) => lower_condition(when, &fields, cx),
        None => Some(Condition::always()),
    };
    Some(AwaitedEvent {
        at: node.at,
        // Without a source it is part of a flow that no rule runs.
        event_source: source?.unwrap_or_default(),
        event_types: types,
        same: same?,
        when: when?,
        vars: Arc::clone(&cx.names.in_scope.vars),
    })
}

fn lower_event_types(
    node: &Node,
    source: Option<&str>,
    cx: &mut Compiler<'_>,
) -> Option<Arc<[TypePattern]>> {
    match node.get("event_type") {
        Some(types) => lower_types(types, source, cx),
        None => missing(
            node,
            &AWAITED_EVENT,
            "this event has no `event_type`",
            "add `event_type: ticket.CommentAdded`; `flowtrigger events` lists them",
            cx,
        ),
    }
}

/// Reports a missing key, unless an unknown key was reported, which may be meant as this one.
fn missing<T>(
    node: &Node,
    words: &Vocabulary,
    message: &str,
    help: &str,
    cx: &mut Compiler<'_>,
) -> Option<T> {
    let entries = node.as_map().unwrap_or_default();
    let known = |key: &str| {
        words.get(key).is_some()
            || crate::flow::vocabulary::waiting::WAIT_FOR
                .get(key)
                .is_some()
    };
    if entries.iter().all(|entry| known(&entry.key)) {
        cx.error(Code::MissingKey, node.at, message, help);
    }
    None
}

/// Lowers `same`: one path for both events, or one for each.
fn lower_same(node: &Node, fields: &EventFields, cx: &mut Compiler<'_>) -> Option<SameValue> {
    let Some(same) = node.get("same") else {
        let message = "this event has no `same`: any event of the type would be taken";
        let help = "add the field that both events share, such as `same: ticket.id`";
        return missing(node, &AWAITED_EVENT, message, help, cx);
    };
    let (this, run) = match &same.value {
        Yaml::Map(_) => {
            cx.entries(same, &SAME)?;
            let (Some(this), Some(run)) = (same.get("this"), same.get("run")) else {
                let message = "`same` takes one path, or `this` and `run`";
                let help = "write `same: ticket.id`, or `same: { this: PATH, run: PATH }`: the path in the awaited event, and in the event of the run";
                return cx.reject(Code::MissingKey, same.at, message, help);
            };
            (this, run)
        }
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) | Yaml::List(_) => {
            (same, same)
        }
    };
    let of_run = replace(&mut cx.names.fields, fields.clone());
    let this_path = lower_same_path(this, cx);
    cx.names.fields = of_run;
    let this_path = this_path?;
    let run_path = lower_same_path(run, cx)?;
    Some(SameValue {
        this: this_path,
        run: run_path,
    })
}

fn lower_same_path(node: &Node, cx: &mut Compiler<'_>) -> Option<Arc<Path>> {
    let text = cx.text(node, "same")?;
    let path = cx.names.shared_path(&text, node.at)?;
    let help = "name a field that identifies what both events are about, such as `ticket.id`";
    match &path.route {
        PathKind::Plain { root, .. } => match root {
            Root::Body | Root::Envelope | Root::Event | Root::Raw => Some(path),
            Root::Vars | Root::Steps | Root::Error | Root::Local | Root::Document => {
                let message = format!("`same` takes a field of the events, found `{text}`");
                cx.reject(Code::BadPath, node.at, message, help)
            }
        },
        PathKind::Query(_) => {
            let message = format!("`same` takes a field with one value, found `{text}`");
            cx.reject(Code::BadPath, node.at, message, help)
        }
    }
}

/// Lowers the condition on the awaited event. It reads that event and variables, nothing of the run.
fn lower_condition(node: &Node, fields: &EventFields, cx: &mut Compiler<'_>) -> Option<Condition> {
    let outside = &cx.names.in_scope;
    // The names of the run are known, so that the message can say why they cannot be read here.
    let inside = Names {
        parameters: outside.parameters.clone(),
        steps: outside.steps.clone(),
        answers: outside.answers.clone(),
        locals: outside.locals.clone(),
        error_scope: outside.error_scope,
        in_named_flow: outside.in_named_flow,
        ..Names::new(Arc::clone(&outside.vars))
    };
    let outside = replace(&mut cx.names.in_scope, inside);
    let of_run = replace(&mut cx.names.fields, fields.clone());
    let condition = Condition::lower(node, &mut cx.names);
    cx.names.fields = of_run;
    cx.names.in_scope = outside;
    let condition = condition?;
    let mut valid = true;
    for predicate in condition.predicates() {
        for path in predicate.paths() {
            valid &= check_readable(path, predicate.at, cx);
        }
    }
    valid.then_some(condition)
}

/// Whether the condition can read the path. Reports an error if not.
fn check_readable(path: &Path, at: Span, cx: &mut Compiler<'_>) -> bool {
    let PathKind::Plain { root, keys } = &path.route else {
        return true;
    };
    let text = &path.text;
    match root {
        Root::Body | Root::Envelope | Root::Event | Root::Raw | Root::Document => return true,
        Root::Vars => {
            let set_by_caller = keys
                .first()
                .is_some_and(|key| cx.names.in_scope.parameters.contains(&key.name));
            // A flow that no rule runs has no caller.
            if !set_by_caller || cx.source.is_none() {
                return true;
            }
            let message = format!(
                "`{text}` has its value when the flow runs, and events are compared before that"
            );
            let help = "run the flow without this variable, or compare it in a guard after the step, with `steps.NAME.event`";
            cx.error(Code::UndefinedName, at, message, help);
        }
        // The element of a list, in `any_of`.
        Root::Local
            if !cx.names.in_scope.locals.iter().any(|local| {
                Some(local.name.as_str()) == keys.first().map(|key| key.name.as_str())
            }) =>
        {
            return true;
        }
        Root::Steps | Root::Error | Root::Local => {
            let message = format!(
                "`{text}` cannot be read here: the condition compares the awaited event alone"
            );
            let help = "compare it in a guard after the step, with `steps.NAME.event`";
            cx.error(Code::UndefinedName, at, message, help);
        }
    }
    false
}

/// The fields of awaited events, for the steps that read them.
pub fn awaited_fields(events: &[AwaitedEvent], catalogue: &Catalogue) -> EventFields {
    let mut found = Vec::new();
    for event in events {
        for pattern in event.event_types.iter() {
            let types = match pattern {
                TypePattern::Name(name) => catalogue
                    .by_name(&event.event_source, name)
                    .into_iter()
                    .collect(),
                TypePattern::Family(prefix) => {
                    catalogue.matching(&event.event_source, &format!("{prefix}*"))
                }
            };
            if types.is_empty() {
                return EventFields::Open;
            }
            found.extend(types.into_iter().cloned());
        }
    }
    EventFields::Of(found.into_iter().collect())
}
