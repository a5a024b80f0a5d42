//! Warns about steps after one that always ends the flow.
//! Conditions are not evaluated: each branch is assumed to be possible.

use crate::compile::compiler::Compiler;
use crate::diagnostic::{Code, Report};
use crate::flow::step::{Action, Step};

pub fn warn(steps: &[Step], cx: &mut Compiler<'_>) {
    let Some(index) = steps.iter().position(Step::ends_flow) else {
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
    let message = format!("unreachable step: {how}");
    cx.warning(
        Code::InvalidValue,
        after.at,
        message,
        "move it before that step, or remove it",
    );
}
