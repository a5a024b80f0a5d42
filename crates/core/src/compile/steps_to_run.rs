//! Lowers the steps that a rule runs: its own, or those of a named flow, behind those that its `sequence` adds.

use crate::compile::compiler::Compiler;
use crate::compile::flow::catch::lower_catch;
use crate::compile::flow::flow_call::lower_flow_name;
use crate::compile::flow::lower_flow;
use crate::compile::rule::required;
use crate::diagnostic::Report;
use crate::document::{Entry, Node, Yaml};
use crate::flow::step::Flow;

/// Lowers the steps to run: those under `flow`, or those of the flow under `flow_name`.
///
/// `first` are steps before them, which `sequence` adds.
pub fn lower_steps_to_run(rule: &Node, first: Vec<Node>, cx: &mut Compiler<'_>) -> Option<Flow> {
    let (Some(name), None) = (rule.get("flow_name"), rule.get("flow")) else {
        let flow = required(rule, "flow", cx.diagnostics())
            .and_then(|(flow, _)| lower_flow(&behind(first, flow), cx));
        if let Some(name) = rule.get("flow_name") {
            let help = "keep one; to run the named flow among other steps write `- flow: NAME`";
            cx.invalid(name.at, "`flow_name` beside `flow`", help);
        }
        let catch = lower_catch(rule, cx);
        let mut flow = flow?;
        flow.catch = catch?;
        return Some(flow);
    };
    if let Some(catch) = rule.get("catch") {
        let message = "`catch` has no effect beside `flow_name`: the flow has its own";
        let help = "move it to the flow, or write `flow: [{ flow: NAME, catch: [ … ] }]`";
        cx.invalid(catch.at, message, help);
    }
    if first.is_empty() {
        return lower_flow_name(name, cx);
    }
    let call = Entry {
        key: "flow".to_owned(),
        key_at: name.at,
        value: name.clone(),
    };
    let steps = Node {
        value: Yaml::List(vec![Node {
            value: Yaml::Map(vec![call]),
            at: name.at,
        }]),
        at: name.at,
    };
    lower_flow(&behind(first, &steps), cx)
}

/// The steps of a flow behind others.
fn behind(mut first: Vec<Node>, flow: &Node) -> Node {
    match &flow.value {
        Yaml::List(steps) if !first.is_empty() && !steps.is_empty() => {
            first.extend(steps.iter().cloned());
            Node {
                value: Yaml::List(first),
                at: flow.at,
            }
        }
        _ => flow.clone(),
    }
}
