//! Checks the steps of a flow that wait for an answer: whether an earlier step reads the link, and whether conditions name
//! answers that can be given.

use serde_json::Value;

use crate::compile::compiler::Compiler;
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::document::{Node, suggest};
use crate::flow::step::{Action, Step};
use crate::flow::wait_for::{AnswerChoices, WaitFor};
use crate::language::condition::{Condition, Polarity, Predicate};
use crate::language::operator::operand::Operand;
use crate::language::operator::{CaseSensitivity, Operator};

/// Reports what is wrong with the questions among these steps; `items` is how they are written.
pub fn check(steps: &[Step], items: &[Node], cx: &mut Compiler<'_>) {
    if cx.names.diagnostics.is_of_stored_rules() {
        return;
    }
    for (step, item) in steps.iter().zip(items) {
        let choices = step.action.wait_for().and_then(WaitFor::answer);
        let Some(choices) = choices else { continue };
        warn_if_link_unread(step, item, cx);
        for step in steps {
            check_step(step, (&step.name, choices), cx);
        }
    }
}

fn warn_if_link_unread(step: &Step, item: &Node, cx: &mut Compiler<'_>) {
    let name = &step.name;
    if cx.names.in_scope.links_read.contains(name) {
        return;
    }
    let at = item.get("wait_for").map_or(step.at, |wait| wait.at);
    let message = format!("no step before `{name}` sends its link `steps.{name}.url`");
    let help = format!(
        "send it in an earlier step: `json: {{ text: \"{{{{ steps.{name}.url }}}}\" }}`; without it, people can answer only on the page and with `flowtrigger runs answer`"
    );
    let warning = Diagnostic::warning(Code::UnsentLink, at, message);
    cx.names.diagnostics.push(warning.help(help));
}

/// Looks at the conditions of a step and of the flows within it.
fn check_step(step: &Step, question: (&str, &AnswerChoices), cx: &mut Compiler<'_>) {
    if let Action::When(condition) = &step.action {
        check_condition(condition, question, cx);
    }
    for inner in step.action.inner_flows() {
        if let Some(condition) = inner.when {
            check_condition(condition, question, cx);
        }
        // A named flow does not see the steps of its caller.
        if !matches!(step.action, Action::Flow(_)) {
            for step in &inner.flow.steps {
                check_step(step, question, cx);
            }
        }
    }
}

fn check_condition(
    condition: &Condition,
    (name, choices): (&str, &AnswerChoices),
    cx: &mut Compiler<'_>,
) {
    let path = format!("steps.{name}.answer");
    let mut predicates = condition.predicates().into_iter();
    let is_about = |predicate: &&Predicate| predicate.path.text == path;
    let Some((predicate, never)) = predicates
        .by_ref()
        .filter(is_about)
        .find_map(|predicate| Some((predicate, never_given(predicate, choices, cx)?)))
    else {
        return;
    };
    let answers = choices.answers.iter().map(String::as_str);
    let message = format!("`{path}` is never `{never}`");
    let help = match suggest::nearest(&never, answers.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the answers are {}", answers.collect::<Vec<_>>().join(", ")),
    };
    cx.names
        .error(Code::NeverHolds, predicate.at, message, &help);
}

/// The text that a predicate wants, if no answer is equal to any that it wants.
fn never_given(
    predicate: &Predicate,
    choices: &AnswerChoices,
    cx: &Compiler<'_>,
) -> Option<String> {
    if !matches!(*predicate.operator, Operator::Is(_)) || predicate.polarity == Polarity::Negated {
        return None;
    }
    let operator = predicate.operator.settled(&cx.names.in_scope.vars);
    let ignores_case = operator.case() == CaseSensitivity::Ignored;
    let mut never = None;
    for operand in operator.operands() {
        let Operand::Literal(Value::String(text)) = operand else {
            return None;
        };
        let mut answers = choices.answers.iter();
        let is_given = answers.any(|answer| match ignores_case {
            true => answer.to_lowercase() == text.to_lowercase(),
            false => answer == text,
        });
        if is_given {
            return None;
        }
        never.get_or_insert_with(|| text.clone());
    }
    never
}
