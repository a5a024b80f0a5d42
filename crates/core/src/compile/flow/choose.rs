//! Lowers `choose` of a step: branches in order, of which the first whose condition holds runs.
//! Reports branches without steps, and warns about unreachable branches.

use crate::compile::compiler::Compiler;
use crate::compile::flow::action::ActionSpec;
use crate::compile::flow::lower_steps;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Report};
use crate::document::decode::Decode;
use crate::document::vocabulary::words;
use crate::document::{Node, Yaml};
use crate::flow::control::{Branch, BranchTarget, Choose};
use crate::flow::step::{Action, Flow};
use crate::flow::vocabulary::{BRANCH, choose};
use crate::language::condition::Condition;
use crate::language::condition::beside::{covers, why_never};
use crate::language::names::StepOutput;
use crate::language::resolver::NameResolver;

pub const CHOOSE: ActionSpec = ActionSpec {
    output: |_| StepOutput::Inner,
    ..ActionSpec::new(
        words! {
            "choose" choose =>
                "Runs the first branch whose `when` holds; if none does, the flow continues with the next step. The result is that of the last step that ran.";
        },
        |node, _, cx| lower(node, cx).map(|choose| Action::Choose(Box::new(choose))),
    )
};

fn lower(node: &Node, cx: &mut Compiler<'_>) -> Option<Choose> {
    let items = match &node.value {
        Yaml::List(items) if !items.is_empty() => items,
        Yaml::List(_) | Yaml::Null => {
            let help = "add one: `- { when: { … }, flow: [ … ] }`";
            return cx.reject_value(node.at, "`choose` has no branch", help);
        }
        Yaml::Map(_) | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) => {
            let message = format!("`choose` takes a list of branches, found {}", node.kind());
            let help = "start each branch with `- `: `- { when: { … }, flow: [ … ] }`";
            return cx.reject(Code::WrongType, node.at, message, help);
        }
    };
    warn_about_unreachable(items, cx.diagnostics());
    let branches: Vec<Option<Branch>> = items.iter().map(|item| lower_branch(item, cx)).collect();
    warn_about_covered(&branches, &mut cx.names);
    let branches = branches.into_iter().collect::<Option<_>>()?;
    Some(Choose { branches })
}

fn lower_branch(node: &Node, cx: &mut Compiler<'_>) -> Option<Branch> {
    cx.entries(node, &BRANCH)?;
    cx.within(node.at, |cx| {
        let when = match node.get("when") {
            Some(when) => {
                let condition = Condition::lower(when, &mut cx.names);
                if let Some(condition) = &condition {
                    if let Some(why) = why_never(condition, &cx.names) {
                        let message = format!("this branch never runs: {why}");
                        let help = "correct its `when`, or the condition that holds before it";
                        cx.warning(Code::NeverHolds, when.at, message, help);
                    }
                    cx.names.in_scope.held.push(condition.clone());
                }
                condition.map(Some)
            }
            None => Some(None),
        };
        let flow = lower_flow(node, cx);
        Some(Branch {
            at: node.at,
            when: when?,
            then: BranchTarget::Flow(flow?),
        })
    })
}

fn lower_flow(branch: &Node, cx: &mut Compiler<'_>) -> Option<Flow> {
    match branch.get("flow") {
        Some(flow) if flow.as_text().is_some() => {
            let message = "`flow` of a branch takes a list of steps, found text";
            let help = "to run a named flow write `flow: [{ flow: NAME }]`";
            cx.reject(Code::WrongType, flow.at, message, help)
        }
        Some(flow) => lower_steps(flow, "flow", cx),
        None => {
            let known = |key: &str| BRANCH.get(key).is_some();
            let entries = branch.as_map().unwrap_or_default();
            if entries.iter().all(|entry| known(&entry.key)) {
                let help = "add `flow:` with a list of steps; to do nothing write `flow: [{ set: nothing }]`";
                cx.error(
                    Code::MissingKey,
                    branch.at,
                    "this branch has no `flow`",
                    help,
                );
            }
            None
        }
    }
}

/// Warns about branches whose condition holds only where that of an earlier branch does.
fn warn_about_covered(branches: &[Option<Branch>], names: &mut NameResolver<'_>) {
    if names.diagnostics.is_of_stored_rules() {
        return;
    }
    let mut earlier: Vec<(&Branch, &Condition)> = Vec::new();
    for branch in branches.iter().flatten() {
        let Some(when) = &branch.when else {
            continue;
        };
        let covering = earlier.iter().find(|(_, first)| covers(first, when, names));
        if let Some((first, _)) = covering {
            let message = format!(
                "unreachable branch: whenever its `when` holds, that of the branch in line {} holds",
                first.at.line
            );
            let help = "correct its `when`, remove it, or move it before the other branch";
            names.warning(Code::NeverHolds, branch.at, message, help);
        }
        earlier.push((branch, when));
    }
}

/// Warns about the branch after one without `when`, which always holds.
fn warn_about_unreachable(items: &[Node], diagnostics: &mut Diagnostics) {
    let always = |item: &Node| item.get("flow").is_some() && item.get("when").is_none();
    let known = |item: &Node| {
        let entries = item.as_map().unwrap_or_default();
        entries.iter().all(|entry| BRANCH.get(&entry.key).is_some())
    };
    let Some(index) = items.iter().position(|item| always(item) && known(item)) else {
        return;
    };
    if let Some(after) = items.get(index + 1) {
        let message = "unreachable branch: the one before it has no `when`, so it always holds";
        let warning = Diagnostic::warning(Code::InvalidValue, after.at, message);
        let help = "move the branch without `when` to the end";
        diagnostics.push(warning.help(help));
    }
}
