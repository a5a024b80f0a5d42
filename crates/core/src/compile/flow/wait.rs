//! Lowers `wait` of a step: for a duration, or until a time in the event or a result.
//! Reports waits that are longer than a run can last.

use std::time::Duration;

use crate::compile::flow::action::ActionSpec;
use crate::compile::flow::for_each::lower_path;
use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::decode::Decode;
use crate::document::duration;
use crate::document::vocabulary::words;
use crate::document::{Node, Yaml};
use crate::flow::control::Wait;
use crate::flow::limits::MAX_RUN_TIME;
use crate::flow::step::Action;
use crate::flow::vocabulary::{WAIT, wait};
use crate::language::names::StepOutput;
use crate::language::resolver::NameResolver;
use crate::path::Path;

pub const ACTION: ActionSpec = ActionSpec {
    output: |_| StepOutput::Keys(&[]),
    ..ActionSpec::new(
        words! {
            "wait" wait => "Waits for a duration, or until the time at a path. Other runs continue meanwhile.";
        },
        |node, _, cx| lower(node, &mut cx.names).map(Action::Wait),
    )
};

fn lower(node: &Node, names: &mut NameResolver<'_>) -> Option<Wait> {
    match &node.value {
        Yaml::Map(_) => lower_until(node, names).map(Wait::Until),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) | Yaml::List(_) => {
            lower_for(node, names.diagnostics).map(Wait::For)
        }
    }
}

fn lower_for(node: &Node, diagnostics: &mut Diagnostics) -> Option<Duration> {
    let Some(length) = node.as_text().and_then(duration::parse) else {
        let help =
            "write a number and a unit, `wait: 4h`, or the path of a time, `wait: { until: PATH }`";
        return diagnostics.reject_value(node.at, "`wait` takes a duration", help);
    };
    let help = match (length.is_zero(), length > MAX_RUN_TIME) {
        (false, false) => return Some(length),
        (true, _) => "leave the step out",
        (false, true) => "let a later event start a new run",
    };
    let message = "`wait` must be more than 0 and at most 90d";
    diagnostics.reject_value(node.at, message, help)
}

fn lower_until(node: &Node, names: &mut NameResolver<'_>) -> Option<Path> {
    let entries = names.entries(node, &WAIT)?;
    let Some(until) = node.get("until") else {
        if entries.iter().all(|entry| WAIT.get(&entry.key).is_some()) {
            let help = "write `wait: 4h`, or `wait: { until: PATH }`";
            names.error(Code::MissingKey, node.at, "`wait` has no `until`", help);
        }
        return None;
    };
    reject_literal(until, names.diagnostics)?;
    let path = lower_path(until, "until", names)?;
    let Some(found) = names.never_a_time(&path) else {
        return Some(path);
    };
    let message = format!("`until` takes a time, and `{}` is {found}", path.text);
    let help = "name a field that contains one, such as `event.time`; to wait for a duration write `wait: 4h`";
    names.reject(Code::OperatorMismatch, until.at, message, help)
}

/// Reports a literal time or duration where a path is expected. Returns None after an error.
fn reject_literal(until: &Node, diagnostics: &mut Diagnostics) -> Option<()> {
    let text = until.as_text().unwrap_or_default();
    let (found, help) = if duration::parse(text).is_some() {
        ("a duration", format!("write `wait: {text}`"))
    } else if text.starts_with(|c: char| c.is_ascii_digit()) {
        (
            "a time",
            "write the path of a time, such as `until: ticket.due_at`; put a fixed time under `vars`: `until: vars.NAME`".to_owned(),
        )
    } else {
        return Some(());
    };
    let message = format!("`until` takes a path to a time, found {found}");
    diagnostics.reject(Code::BadPath, until.at, message, &help)
}
