//! Which steps of a flow nothing reaches: those behind one that always ends it.
//! It refuses to look at conditions: what may hold, may hold.

use crate::core::diagnostic::{Code, Report};
use crate::core::flow::control::Then;
use crate::core::flow::step::{Action, Flow, Step};
use crate::core::rule::lowering::compiler::Compiler;

pub fn warn(steps: &[Step], cx: &mut Compiler<'_>) {
    let Some(index) = steps.iter().position(ends) else {
        return;
    };
    let Some(after) = steps.get(index + 1) else {
        return;
    };
    let kind = steps[index].action.kind();
    let how = match &steps[index].action {
        Action::Choose(_) => format!("every branch of `{kind}` ends the flow"),
        Action::Succeed(_) | Action::Fail(_) if cx.depth == 0 => {
            format!("`{kind}` always ends the run")
        }
        _ => format!("`{kind}` always ends the flow"),
    };
    let message = format!("nothing reaches this step: {how}");
    cx.warning(
        Code::InvalidValue,
        after.at,
        message,
        "move it before, or take it out",
    );
}

/// Whether the flow around a step never goes on behind it.
fn ends(step: &Step) -> bool {
    if step.catch.is_some() {
        return false;
    }
    match &step.action {
        Action::Succeed(_) | Action::Fail(_) => true,
        Action::Choose(choose) => {
            let always = choose.branches.iter().any(|branch| branch.when.is_none());
            always
                && choose
                    .branches
                    .iter()
                    .all(|branch| leads_to_end(&branch.then))
        }
        Action::Http(_)
        | Action::Exec(_)
        | Action::When(_)
        | Action::Set(_)
        | Action::Jq(_)
        | Action::Config(_)
        | Action::Each(_)
        | Action::Wait(_)
        | Action::Flow(_) => false,
    }
}

fn leads_to_end(then: &Then) -> bool {
    match then {
        Then::Flow(Flow { steps, .. }) => steps.iter().any(ends),
        Then::Goto(_) => false,
    }
}
