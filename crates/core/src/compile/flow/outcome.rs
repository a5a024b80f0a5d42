//! Lowers `when`, `succeed` and `fail` of a step, which can end the run.
//! Reports secrets in a message, because messages are shown.

use serde_json::{Value, json};

use crate::compile::compiler::Compiler;
use crate::compile::flow::action::{ActionSpec, Synonym};
use crate::compile::flow::no_secret;
use crate::diagnostic::{Code, Report};
use crate::document::vocabulary::{condition, words};
use crate::document::{Node, Yaml};
use crate::flow::step::Action;
use crate::language::condition::Condition;
use crate::language::condition::beside::why_never;
use crate::language::names::StepOutput;
use crate::language::resolver::NameResolver;
use crate::language::template::{Escape, Template};

const UNCAUGHT: &str = "it belongs to a step that can fail, such as `http`; remove it here";

pub const WHEN: ActionSpec = ActionSpec {
    output: |_| StepOutput::Keys(&[]),
    synonyms: &[Synonym {
        keys: &["if", "only_if", "condition", "guard"],
        help: "write the guard as a separate step before this one, `- when: { … }`; if it applies only to some steps, write `choose: [{ when: { … }, flow: [ … ] }]`",
    }],
    uncaught: Some(UNCAUGHT),
    ..ActionSpec::new(
        words! {
            "when" condition => "A guard: if the condition does not hold, the run ends here as skipped.";
        },
        lower_guard,
    )
};

pub const SUCCEED: ActionSpec = ActionSpec {
    output: |_| StepOutput::Keys(&[]),
    uncaught: Some(UNCAUGHT),
    ..ActionSpec::new(
        words! {
            "succeed" message => "Ends the run as done, with a message.";
        },
        |node, _, cx| lower_message(node, "succeed", &mut cx.names).map(Action::Succeed),
    )
};

pub const FAIL: ActionSpec = ActionSpec {
    output: |_| StepOutput::Keys(&[]),
    uncaught: Some("a `fail` is handled by the `catch` of its flow; remove this one"),
    ..ActionSpec::new(
        words! {
            "fail" message => "Fails with a message: the run ends as dead unless a `catch` handles the failure.";
        },
        |node, _, cx| lower_message(node, "fail", &mut cx.names).map(Action::Fail),
    )
};

fn lower_guard(node: &Node, _: &Node, cx: &mut Compiler<'_>) -> Option<Action> {
    let condition = Condition::lower(node, &mut cx.names)?;
    if let Some(why) = why_never(&condition, &cx.names) {
        let message = format!("this guard never holds, so every run ends here: {why}");
        let help = "correct the guard, or the condition that holds before it";
        cx.warning(Code::NeverHolds, node.at, message, help);
    }
    cx.names.in_scope.held.push(condition.clone());
    Some(Action::When(condition))
}

fn lower_message(node: &Node, key: &str, names: &mut NameResolver<'_>) -> Option<Option<Template>> {
    if node.value == Yaml::Null {
        return Some(None);
    }
    let template = Template::lower(node, key, Escape::None, names)?;
    let has_secret = template.secrets().next().is_some();
    match has_secret {
        false => Some(Some(template)),
        true => no_secret(node, "the message of a run is shown", names.diagnostics),
    }
}

fn message() -> Value {
    json!({"type": ["string", "null"]})
}
