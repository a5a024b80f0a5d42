//! Lowers `wait` of a step: for a duration of which all hours or open hours count, or until a time in the event or a result.
//! Reports waits that are longer than a run can last.

use std::time::Duration;

use crate::compile::flow::action::ActionSpec;
use crate::compile::flow::for_each::lower_path;
use crate::diagnostic::{Code, Diagnostics, Report, Span};
use crate::document::decode::Decode;
use crate::document::duration;
use crate::document::vocabulary::words;
use crate::document::{Node, Yaml};
use crate::flow::control::Wait;
use crate::flow::limits::MAX_RUN_TIME;
use crate::flow::step::Action;
use crate::flow::vocabulary::{WAIT, wait};
use crate::gate::{describe_time, format_duration};
use crate::language::during::{REGULAR_HOURS, lower_scheduled};
use crate::language::names::StepOutput;
use crate::language::resolver::NameResolver;
use crate::path::Path;
use crate::schedule::{During, ScheduledDuration};

pub const ACTION: ActionSpec = ActionSpec {
    output: |_| StepOutput::Keys(&[]),
    ..ActionSpec::new(
        words! {
            "wait" wait => "Waits for a duration or for open hours, or until the time at a path. Other runs continue meanwhile.";
        },
        |node, _, cx| lower(node, &mut cx.names).map(Action::Wait),
    )
};

fn lower(node: &Node, names: &mut NameResolver<'_>) -> Option<Wait> {
    match &node.value {
        Yaml::Map(_) => lower_keys(node, names),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) | Yaml::List(_) => {
            lower_for(node, names.diagnostics)
                .map(|time| Wait::For(ScheduledDuration::always(time)))
        }
    }
}

fn lower_keys(node: &Node, names: &mut NameResolver<'_>) -> Option<Wait> {
    let entries = names.entries(node, &WAIT)?;
    let is_known = entries.iter().all(|entry| WAIT.get(&entry.key).is_some());
    match (node.get("for"), node.get("until"), node.get("during")) {
        (Some(time), Some(_), _) => {
            let help =
                "`until` waits for a time in the event, `for` for a duration: keep one of them";
            names.reject_value(time.at, "`wait` has both `for` and `until`", help)
        }
        (Some(time), None, _) => lower_open_hours(node, time, names).map(Wait::For),
        (None, Some(_), Some(during)) => {
            let help = "`during` says which hours of `for` count; remove it, or test the time with `choose` before";
            names.reject_value(during.at, "`during` has no effect beside `until`", help)
        }
        (None, Some(until), None) => lower_until(until, names).map(Wait::Until),
        (None, None, _) if !is_known => None,
        (None, None, Some(_)) => {
            let help = "write `wait: { for: 4h, during: SCHEDULE }`";
            names.reject(Code::MissingKey, node.at, "`wait` has no `for`", help)
        }
        (None, None, None) => {
            let help = "write `wait: 4h`, or `wait: { until: PATH }`";
            names.reject(Code::MissingKey, node.at, "`wait` has no `until`", help)
        }
    }
}

/// Lowers a duration of which only some hours count. Reports one that lasts longer than a run can.
fn lower_open_hours(
    node: &Node,
    time: &Node,
    names: &mut NameResolver<'_>,
) -> Option<ScheduledDuration> {
    lower_for(time, names.diagnostics)?;
    let wait = lower_scheduled(node, "wait", names)?;
    check_open_hours(node.at, "wait", &wait, names.diagnostics)?;
    Some(wait)
}

/// Reports a duration that can take longer than a run, or that can never end, because too few hours count.
pub(crate) fn check_open_hours(
    at: Span,
    key: &str,
    time: &ScheduledDuration,
    diagnostics: &mut Diagnostics,
) -> Option<()> {
    let Some(longest) = time.longest() else {
        let never = time.during.as_ref().map(During::never_again);
        let message = format!("`{key}` can never end: {}", never.unwrap_or_default());
        return diagnostics.reject_value(at, message, REGULAR_HOURS);
    };
    if longest <= MAX_RUN_TIME {
        return Some(());
    }
    let (written, longest) = (describe_time(time), format_duration(longest));
    let message = format!("`{key}` of {written} can take {longest}, and a run lasts at most 90d");
    let help = "wait for fewer hours, or let a later event start a new run";
    diagnostics.reject_value(at, message, help)
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

fn lower_until(until: &Node, names: &mut NameResolver<'_>) -> Option<Path> {
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
