//! Lowers `count` of a rule, the last of its gates: what it counts, how many, and within which time.
//! Reports numbers outside of its bounds, and a `debounce` in the same rule.

use std::time::Duration;

use crate::compile::compiler::Compiler;
use crate::compile::gates::{check_entries, lower_per, report_missing};
use crate::diagnostic::{Code, Report};
use crate::document::decode::Decode;
use crate::document::vocabulary::Vocabulary;
use crate::document::{Node, Yaml};
use crate::gate::count::{COUNT_LIMITS, EventCount};
use crate::gate::series::SeriesKind;
use crate::gate::series::check::{SeriesGate, SeriesItem};
use crate::gate::vocabulary::COUNT;
use crate::gate::{Gate, GateKind, format_duration};
use crate::schedule::ScheduledDuration;

pub fn lower_count(node: &Node, rule: &Node, cx: &mut Compiler<'_>) -> Option<Gate> {
    check_entries(node, &COUNT, cx.diagnostics())?;
    check_debounce(node, rule, cx);
    let per = match node.get("per") {
        Some(per) => lower_per(per, &COUNT, &mut cx.names).map(Some),
        None => Some(None),
    };
    let distinct = match node.get("distinct") {
        Some(distinct) => lower_per(distinct, &COUNT, &mut cx.names).map(Some),
        None => Some(None),
    };
    let at_least = match node.get("at_least") {
        Some(at_least) => lower_number(at_least, cx),
        None => report_missing(node, &COUNT, "at_least", cx.diagnostics()),
    };
    let within = lower_time(node, &COUNT, cx);
    let (at_least, distinct) = (at_least?, distinct?);
    let counted = distinct.as_ref().map_or("", |path| &path.text);
    Some(Gate {
        kind: GateKind::Series(SeriesGate {
            kind: SeriesKind::Count(EventCount {
                at_least,
                is_distinct: distinct.is_some(),
            }),
            settings: format!("{at_least} {counted}"),
            distinct,
            steps: [].into(),
            item: SeriesItem::Unread,
        }),
        per: per?,
        window: ScheduledDuration::always(within?),
    })
}

/// A debounce replaces runs, of which a count has only the last.
fn check_debounce(node: &Node, rule: &Node, cx: &mut Compiler<'_>) {
    if rule.get("debounce").is_none() {
        return;
    }
    let message = "`count` beside `debounce`: a rule has one of them";
    let help = "to collect the events after the last one of a count, write two rules; to count without waiting, remove `debounce`";
    cx.invalid(node.at, message, help);
}

fn lower_number(node: &Node, cx: &mut Compiler<'_>) -> Option<u32> {
    let number = match &node.value {
        Yaml::Number(number) => number.as_u64(),
        Yaml::Null | Yaml::Bool(_) | Yaml::Text(_) | Yaml::List(_) | Yaml::Map(_) => None,
    };
    let (least, most) = (COUNT_LIMITS.start(), COUNT_LIMITS.end());
    match number {
        Some(number) if COUNT_LIMITS.contains(&number) => u32::try_from(number).ok(),
        Some(1) => {
            let message = "`at_least: 1` has no effect: every event starts a run";
            let help = "remove `count`, or write the number of events, such as `at_least: 3`";
            cx.reject_value(node.at, message, help)
        }
        Some(number) if number > *most => {
            let message = format!("`at_least: {number}` is larger than its bounds: {most} at most");
            let help = "count fewer events; for the events of a longer time send them to a system that keeps them";
            cx.reject_value(node.at, message, help)
        }
        Some(_) | None => {
            let message = format!("`at_least` takes a whole number from {least} to {most}");
            let help = "write the number of events, such as `at_least: 3`";
            cx.reject_value(node.at, message, help)
        }
    }
}

/// The time under `in`. No longer than runs are kept: their events are deleted with them.
pub fn lower_time(node: &Node, of: &Vocabulary, cx: &mut Compiler<'_>) -> Option<Duration> {
    let Some(node) = node.get("in") else {
        return report_missing(node, of, "in", cx.diagnostics());
    };
    let time = cx.duration(node, "in")?;
    let kept = cx.config.retention.keep_for;
    if time.is_zero() {
        let help = "write the time within which the events must happen, such as `in: 1h`";
        return cx.reject_value(node.at, "`in` must be more than 0", help);
    }
    if time > kept {
        let (time, kept) = (format_duration(time), format_duration(kept));
        let message = format!("`in` is {time}, longer than runs are kept: `retention` is {kept}");
        let help = format!(
            "write {kept} at most, or set `retention: {{ for: {time} }}` in flowtrigger.yaml"
        );
        cx.names
            .not_configured(Code::InvalidValue, node.at, message, &help);
        return None;
    }
    Some(time)
}
