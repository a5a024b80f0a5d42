//! Lowers `catch` of a step or a flow: the steps that run when it fails.
//! Reports a `catch` beside a step that cannot fail.

use crate::compile::compiler::Compiler;
use crate::compile::flow::{FoundAction, lower_steps};
use crate::diagnostic::Report;
use crate::document::{Node, Yaml};
use crate::flow::control::{BranchTarget, Catch, ResultPath};
use crate::flow::step::Flow;
use crate::language::names::ErrorScope;
use crate::language::names::Execution;

/// Lowers the `catch` of a flow. The outer None follows after an error.
pub fn lower_catch(node: &Node, cx: &mut Compiler<'_>) -> Option<Option<Box<Flow>>> {
    let Some(catch) = node.get("catch") else {
        return Some(None);
    };
    // Each step may be the one that failed. A step with nested steps has no result of its own.
    cx.names.in_scope.steps.retain(|step| step.gives.is_own());
    cx.names
        .in_scope
        .steps
        .iter_mut()
        .for_each(|step| step.ran = Execution::Possible);
    lower_catch_steps(catch, cx).map(|flow| Some(Box::new(flow)))
}

/// Lowers the `catch` of a step. The outer None follows after an error.
pub fn lower_step_catch(
    step: &Node,
    action: Option<FoundAction<'_>>,
    cx: &mut Compiler<'_>,
) -> Option<Option<Box<Catch>>> {
    let Some(catch) = step.get("catch") else {
        return Some(None);
    };
    let flow = lower_catch_steps(catch, cx);
    if let Some(action) = action
        && let Some(help) = action.spec.uncaught
    {
        let message = format!("`catch` has no effect beside `{}`", action.spec.key());
        return cx.reject_value(catch.at, message, help);
    }
    let catch = Catch {
        then: BranchTarget::Flow(flow?),
        error: ResultPath::Nowhere,
    };
    Some(Some(Box::new(catch)))
}

fn lower_catch_steps(node: &Node, cx: &mut Compiler<'_>) -> Option<Flow> {
    if matches!(&node.value, Yaml::List(items) if items.is_empty()) {
        let help = "add a step; to continue after any failure write `catch: [{ set: failed }]`";
        return cx.reject_value(node.at, "`catch` has no step", help);
    }
    cx.within(node.at, |cx| {
        cx.names.in_scope.error_scope = ErrorScope::StepFailed;
        lower_steps(node, "catch", cx)
    })
}
