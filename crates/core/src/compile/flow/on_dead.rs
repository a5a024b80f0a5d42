//! Lowers the steps of notices: `on_dead` of a rule or of the configuration, which reports dead runs, and
//! `on_outage` of the configuration, which reports a receiver that fails. They read the failure under `error`,
//! and no step results of other runs.

use std::mem::{replace, take};
use std::sync::Arc;

use crate::compile::compiler::Compiler;
use crate::compile::flow::lower_steps;
use crate::compile::flow::wait_for::{CannotWait, reject_waits};
use crate::config::Config;
use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::{Node, Yaml};
use crate::flow::step::Flow;
use crate::language::event_fields::EventFields;
use crate::language::names::ErrorScope;

/// Lowers the configuration's `on_dead`, the default of rules. None if there is none, or after an error.
pub fn lower_default_on_dead(config: &Config, diagnostics: &mut Diagnostics) -> Option<Arc<Flow>> {
    let node = config.on_dead.as_ref()?;
    let mut cx = Compiler::new(config, EventFields::Any, diagnostics);
    lower_on_dead(node, &mut cx).flatten()
}

/// Lowers the configuration's `on_outage`. None if there is none, or after an error.
pub fn lower_on_outage(config: &Config, diagnostics: &mut Diagnostics) -> Option<Arc<Flow>> {
    let node = config.on_outage.as_ref()?;
    let mut cx = Compiler::new(config, EventFields::Any, diagnostics);
    lower_notice(node, ("on_outage", ErrorScope::Outage), &mut cx).flatten()
}

/// Lowers the flow. The inner `None` is `[]`, no steps; the outer `None` means that an error was reported.
pub fn lower_on_dead(node: &Node, cx: &mut Compiler<'_>) -> Option<Option<Arc<Flow>>> {
    lower_notice(node, ("on_dead", ErrorScope::RunDied), cx)
}

fn lower_notice(
    node: &Node,
    (key, scope): (&'static str, ErrorScope),
    cx: &mut Compiler<'_>,
) -> Option<Option<Arc<Flow>>> {
    match &node.value {
        Yaml::List(items) if items.is_empty() => return Some(None),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) => {
            let message = format!("`{key}` takes a list of steps, found {}", node.kind());
            let help =
                format!("write each step as an item: `- http: {{ … }}`; `{key}: []` runs none");
            return cx.reject(Code::WrongType, node.at, message, &help);
        }
        Yaml::List(_) | Yaml::Map(_) => {}
    }
    let before = replace(&mut cx.names.in_scope.error_scope, scope);
    let steps = take(&mut cx.names.in_scope.steps);
    let answers = take(&mut cx.names.in_scope.answers);
    let flow = lower_steps(node, key, cx);
    (cx.names.in_scope.error_scope, cx.names.in_scope.steps) = (before, steps);
    cx.names.in_scope.answers = answers;
    let flow = flow.filter(|flow| reject_waits(flow, CannotWait::Notice(key), cx));
    flow.map(|flow| Some(Arc::new(flow)))
}
