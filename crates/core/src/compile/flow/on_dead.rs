//! `on_dead:` of a rule or of the configuration: the steps that tell of a run that gave up.
//! It refuses to read results of the run that died; what is known of that stands under `error`.

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

/// The configuration's `on_dead`, which rules without one use. None where there is none, or after reporting
/// a mistake in it.
pub fn lower_default_on_dead(config: &Config, diagnostics: &mut Diagnostics) -> Option<Arc<Flow>> {
    let node = config.on_dead.as_ref()?;
    let mut cx = Compiler::new(config, EventFields::Any, diagnostics);
    lower_on_dead(node, &mut cx).flatten()
}

/// The flow; the inner None for `[]`, which tells nobody. The outer None after reporting a mistake.
pub fn lower_on_dead(node: &Node, cx: &mut Compiler<'_>) -> Option<Option<Arc<Flow>>> {
    match &node.value {
        Yaml::List(items) if items.is_empty() => return Some(None),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) => {
            let message = format!("`on_dead` takes a list of steps, found {}", node.kind());
            let help = "write each step as an item: `- http: { … }`; `on_dead: []` tells nobody";
            cx.error(Code::WrongType, node.at, message, help);
            return None;
        }
        Yaml::List(_) | Yaml::Map(_) => {}
    }
    let before = replace(&mut cx.names.in_scope.error_scope, ErrorScope::RunDied);
    let steps = take(&mut cx.names.in_scope.steps);
    let flow = lower_steps(node, "on_dead", cx);
    (cx.names.in_scope.error_scope, cx.names.in_scope.steps) = (before, steps);
    flow.map(|flow| Some(Arc::new(flow)))
}
