//! `catch:` beside a step or a flow, lowered: the steps that run when it failed.
//! It refuses one beside a step that cannot fail.

use super::lower_steps;
use crate::core::diagnostic::Code;
use crate::core::flow::control::{Catch, Landing, Then};
use crate::core::flow::step::Flow;
use crate::core::rule::document::{Entry, Node, Yaml};
use crate::core::rule::lowering::{Lowering, Occasion};

/// What may fail by what it does, and not only by what it reads.
const FAILING: [&str; 6] = ["http", "exec", "shell", "set", "for_each", "flow"];

/// The `catch` of a flow; the outer None after reporting a mistake.
pub fn lower_catch(node: &Node, cx: &mut Lowering<'_>) -> Option<Option<Box<Flow>>> {
    match node.get("catch") {
        Some(catch) => lower_caught(catch, cx).map(|flow| Some(Box::new(flow))),
        None => Some(None),
    }
}

/// The `catch` of a step; the outer None after reporting a mistake.
pub fn lower_beside(
    step: &Node,
    action: Option<&Entry>,
    cx: &mut Lowering<'_>,
) -> Option<Option<Box<Catch>>> {
    let Some(catch) = step.get("catch") else {
        return Some(None);
    };
    let flow = lower_caught(catch, cx);
    if let Some(action) = action.filter(|action| !FAILING.contains(&action.key.as_str())) {
        let message = format!("`catch` does nothing beside `{}`", action.key);
        let help = match action.key.as_str() {
            "choose" => {
                "put it beside the step that may fail in a branch, or beside the `flow` around them"
            }
            _ => "it belongs to a step that may fail, such as `http`; leave it out here",
        };
        cx.error(Code::InvalidValue, catch.at, message, help);
        return None;
    }
    let caught = Catch {
        then: Then::Flow(flow?),
        error: Landing::Nowhere,
    };
    Some(Some(Box::new(caught)))
}

fn lower_caught(node: &Node, cx: &mut Lowering<'_>) -> Option<Flow> {
    if matches!(&node.value, Yaml::List(items) if items.is_empty()) {
        let help = "add a step; to go on whatever happened write `catch: [{ set: failed }]`";
        cx.error(Code::InvalidValue, node.at, "`catch` has no step", help);
        return None;
    }
    cx.within(node.at, |cx| {
        cx.occasion = Occasion::Failure;
        lower_steps(node, "catch", cx)
    })
}
