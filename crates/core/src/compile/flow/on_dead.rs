//! Lowers `on_dead` of a rule or of the configuration: the steps that report a dead run.
//! They read the failure under `error`, and no step results of the dead run.

use std::mem::{replace, take};
use std::sync::Arc;

use crate::compile::compiler::Compiler;
use crate::compile::flow::lower_steps;
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

/// Lowers the flow. The inner `None` is `[]`, no steps; the outer `None` means that an error was reported.
pub fn lower_on_dead(node: &Node, cx: &mut Compiler<'_>) -> Option<Option<Arc<Flow>>> {
    match &node.value {
        Yaml::List(items) if items.is_empty() => return Some(None),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) => {
            let message = format!("`on_dead` takes a list of steps, found {}", node.kind());
            let help = "write each step as an item: `- http: { … }`; `on_dead: []` runs none";
            return cx.reject(Code::WrongType, node.at, message, help);
        }
        Yaml::List(_) | Yaml::Map(_) => {}
    }
    let before = replace(&mut cx.names.in_scope.error_scope, ErrorScope::RunDied);
    let steps = take(&mut cx.names.in_scope.steps);
    let flow = lower_steps(node, "on_dead", cx);
    (cx.names.in_scope.error_scope, cx.names.in_scope.steps) = (before, steps);
    flow.map(|flow| Some(Arc::new(flow)))
}
