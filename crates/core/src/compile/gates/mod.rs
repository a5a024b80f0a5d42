//! Lowers `during`, `dedupe`, `debounce`, `throttle` and `count` of a rule to its gates, checked in this order.
//! Reports a window longer than `retention`, because the runs in it would be deleted too early.

pub(crate) mod count;
pub(crate) mod debounce;

use std::sync::Arc;
use std::time::Duration;

use crate::compile::compiler::Compiler;
use crate::compile::gates::count::lower_count;
use crate::compile::gates::debounce::lower_debounce;
use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::decode::Decode;
use crate::document::duration;
use crate::document::vocabulary::Vocabulary;
use crate::document::{Entry, Node, Yaml};
use crate::gate::vocabulary::MAX_RUNS;
use crate::gate::{DebounceKeep, Gate, GateKind, describe_time, format_duration};
use crate::language::during::{REGULAR_HOURS, lower_during, lower_scheduled};
use crate::language::resolver::NameResolver;
use crate::path::Path;
use crate::rule::vocabulary::JOBSPEC;
use crate::schedule::{During, ScheduledDuration};

use crate::gate::vocabulary::{ABSENT, COUNT, DEBOUNCE, DEDUPE, SEQUENCE, SEQUENCE_STEP, THROTTLE};

/// Lowers the gates of a rule, in the order in which they are checked. None after an error.
pub fn lower(rule: &Node, cx: &mut Compiler<'_>) -> Option<Vec<Gate>> {
    let during = rule.get("during").map(|node| lower_during_gate(node, cx));
    let dedupe = rule.get("dedupe").map(|node| lower_dedupe(node, cx));
    let debounce = rule.get("debounce").map(|node| lower_debounce(node, cx));
    let throttle = rule.get("throttle").map(|node| lower_throttle(node, cx));
    let count = rule.get("count").map(|node| lower_count(node, rule, cx));
    let all = [during, dedupe, debounce, throttle, count];
    all.into_iter().flatten().collect()
}

/// Whether a gate keeps all events, or could be meant to, if it has mistakes.
pub fn keeps_all(rule: &Node) -> bool {
    if rule.get("count").is_some() || rule.get("sequence").is_some() {
        return true;
    }
    let may_be = |entry: &&Entry| entry.key == "debounce" || JOBSPEC.get(&entry.key).is_none();
    let is_all = |keep: &Node| {
        let keep = keep.as_text().and_then(DebounceKeep::parse);
        keep.is_none_or(|keep| keep == DebounceKeep::All)
    };
    let mut debounces = rule.as_map().into_iter().flatten().filter(may_be);
    debounces.any(|entry| entry.value.get("keep").is_some_and(is_all))
}

fn lower_during_gate(node: &Node, cx: &mut Compiler<'_>) -> Option<Gate> {
    let during = lower_during(node, &mut cx.names)?;
    if during.is_empty() {
        let message = format!("the rule can never run: {}", during.never_again());
        return cx.reject_value(node.at, message, REGULAR_HOURS);
    }
    Some(Gate {
        kind: GateKind::During(during),
        per: None,
        window: ScheduledDuration::always(Duration::ZERO),
    })
}

fn lower_dedupe(node: &Node, cx: &mut Compiler<'_>) -> Option<Gate> {
    check_entries(node, &DEDUPE, cx.diagnostics())?;
    let per = match node.get("per") {
        Some(per) => lower_per(per, &DEDUPE, &mut cx.names),
        None => report_missing(node, &DEDUPE, "per", cx.diagnostics()),
    };
    let window = lower_window(node, &DEDUPE, "for", cx);
    Some(Gate {
        kind: GateKind::Dedupe,
        per: Some(per?),
        window: window?,
    })
}

fn lower_throttle(node: &Node, cx: &mut Compiler<'_>) -> Option<Gate> {
    check_entries(node, &THROTTLE, cx.diagnostics())?;
    let per = match node.get("per") {
        Some(per) => lower_per(per, &THROTTLE, &mut cx.names).map(Some),
        None => Some(None),
    };
    let limit = match node.get("limit") {
        Some(limit) => cx.whole_number(limit, "limit", 1..=MAX_RUNS),
        None => report_missing(node, &THROTTLE, "limit", cx.diagnostics()),
    };
    let window = lower_window(node, &THROTTLE, "in", cx);
    Some(Gate {
        kind: GateKind::Throttle {
            limit: u32::try_from(limit?).expect("the range fits"),
        },
        per: per?,
        window: window?,
    })
}

/// Checks the keys of a gate. Reports another value with the mapping that was probably meant.
pub fn check_entries(node: &Node, gate: &Vocabulary, diagnostics: &mut Diagnostics) -> Option<()> {
    if node.as_map().is_some() {
        return diagnostics.entries(node, gate).map(|_| ());
    }
    let message = format!("{} takes a mapping, found {}", gate.name, node.kind());
    diagnostics.reject(
        Code::WrongType,
        node.at,
        message,
        &suggest_mapping(node, gate),
    )
}

/// Returns the help for a gate written as a single value.
fn suggest_mapping(node: &Node, gate: &Vocabulary) -> String {
    let text = node.as_text().unwrap_or_default();
    let window = duration::parse(text).map(|_| text);
    let path = Path::parse(text).ok().filter(|_| window.is_none());
    let path = path.map(|path| path.text);
    if gate.name == DEBOUNCE.name {
        let path = path.as_deref().unwrap_or("ticket.id");
        return format!(
            "write `debounce: {{ per: {path}, quiet: {} }}`",
            window.unwrap_or("10m")
        );
    }
    if gate.name == COUNT.name {
        let path = path.as_deref().unwrap_or("ticket.requester_id");
        return format!(
            "write `count: {{ per: {path}, at_least: 3, in: {} }}`",
            window.unwrap_or("1h")
        );
    }
    if [SEQUENCE.name, SEQUENCE_STEP.name, ABSENT.name].contains(&gate.name) {
        return suggest_sequence(gate);
    }
    if gate.name == DEDUPE.name {
        let path = path.as_deref().unwrap_or("ticket.id");
        return format!(
            "write `dedupe: {{ per: {path}, for: {} }}`",
            window.unwrap_or("24h")
        );
    }
    let rate = text.split_once('/').and_then(|(limit, window)| {
        let limit: u32 = limit.trim().parse().ok()?;
        let window = window.trim();
        let window = match window.starts_with(|c: char| c.is_ascii_digit()) {
            true => window.to_owned(),
            false => format!("1{}", window.get(..1)?),
        };
        duration::parse(&window).map(|_| (limit, window))
    });
    match (&node.value, rate) {
        (_, Some((limit, window))) => {
            format!("write `throttle: {{ limit: {limit}, in: {window} }}`")
        }
        (Yaml::Number(number), None) => {
            format!("write `throttle: {{ limit: {number}, in: 1h }}`")
        }
        (_, None) => format!(
            "write `throttle: {{ limit: 3, in: {} }}`; with `per: ticket.id` each ticket has its own limit",
            window.unwrap_or("1h")
        ),
    }
}

fn suggest_sequence(part: &Vocabulary) -> String {
    if part.name == SEQUENCE_STEP.name {
        return "write `{ event_type: ticket.StatusChanged, when: { current: solved } }`".into();
    }
    if part.name == ABSENT.name {
        return "write `absent: { event_type: ticket.CommentAdded }`".into();
    }
    "write `sequence: { per: ticket.id, in: 1d, steps: [{ event_type: … }, { event_type: … }] }`"
        .into()
}

/// Reports a missing key of a gate, unless an unknown key was reported, which may be meant as this one.
pub fn report_missing<T>(
    node: &Node,
    gate: &Vocabulary,
    key: &str,
    diagnostics: &mut Diagnostics,
) -> Option<T> {
    let known = |key: &str| gate.get(key).is_some();
    if node.as_map()?.iter().any(|entry| !known(&entry.key)) {
        return None;
    }
    let message = format!("{} has no `{key}`", gate.name);
    let help = match key {
        "per" => {
            "add the field to compare, such as `per: ticket.id`; for all events of the rule together write `throttle: { limit: 1, in: 1h }`"
        }
        "at_least" => "add the number of events, such as `at_least: 3`",
        "steps" => {
            "add the events in their order, such as `steps: [{ event_type: ticket.TicketCreated }, { event_type: ticket.StatusChanged }]`"
        }
        "limit" => "add the maximum number of runs, such as `limit: 3`",
        "for" => "add the time, such as `for: 24h`",
        "quiet" => {
            "add the time without a further event before the run starts, such as `quiet: 10m`"
        }
        _ => "add the time, such as `in: 1h`",
    };
    diagnostics.reject(Code::MissingKey, node.at, message, help)
}

pub fn lower_per(
    node: &Node,
    gate: &Vocabulary,
    names: &mut NameResolver<'_>,
) -> Option<Arc<Path>> {
    let text = match node.as_text() {
        Some(text) => text,
        None => {
            let message = format!("`per` takes a path, found {}", node.kind());
            let help = "write one field, such as `per: ticket.id`";
            return names.reject(Code::WrongType, node.at, message, help);
        }
    };
    if duration::parse(text).is_some() {
        let message = format!("`per` takes a path, found the duration `{text}`");
        let help = "`per` is the field to compare, such as `ticket.id`; write the time under `for`, `quiet` or `in`";
        return names.reject_value(node.at, message, help);
    }
    if text == "steps" || text.starts_with("steps.") {
        let message = "a gate is checked before any step has run";
        let help = "use a field of the event, such as `ticket.id`";
        return names.reject(Code::UndefinedName, node.at, message, help);
    }
    let path = names.shared_path(text, node.at)?;
    if path.text == "event.id" {
        let message = match gate.name == DEBOUNCE.name {
            true => "`event.id` is different for every event, so no events are ever combined",
            false if [COUNT.name, SEQUENCE.name].contains(&gate.name) => {
                "`event.id` is different for every event, so each is counted alone"
            }
            false => "`event.id` is different for every event, so this gate never suppresses a run",
        };
        let help = "redeliveries of an event start no run anyway; write `per: ticket.id`";
        names.warning(Code::InvalidValue, node.at, message, help);
    }
    Some(path)
}

fn lower_window(
    node: &Node,
    gate: &Vocabulary,
    key: &str,
    cx: &mut Compiler<'_>,
) -> Option<ScheduledDuration> {
    let Some(node) = node.get(key) else {
        return report_missing(node, gate, key, cx.diagnostics());
    };
    let window = lower_scheduled(node, key, &mut cx.names)?;
    let kept = cx.config.retention.keep_for;
    if window.time.is_zero() {
        let help = format!(
            "a gate with no time has no effect; remove {}",
            match key {
                "at_most" => "`at_most`",
                _ => gate.name,
            }
        );
        let message = format!("`{key}` must be more than 0");
        return cx.reject_value(node.at, message, &help);
    }
    let longest = match &window.during {
        // It is too long anyway.
        Some(_) if window.time > kept => Some(window.time),
        Some(_) => window.longest(),
        None => Some(window.time),
    };
    let Some(longest) = longest else {
        let never = window
            .during
            .as_ref()
            .map(During::never_again)
            .unwrap_or_default();
        let message = format!("`{key}` can never end: {never}");
        return cx.reject_value(node.at, message, REGULAR_HOURS);
    };
    if longest > kept {
        let written = describe_time(&window);
        let (window, kept) = (format_duration(longest), format_duration(kept));
        let takes = match written == window {
            true => format!("is {window}"),
            false => format!("is {written}, which can take {window}"),
        };
        let message = format!("`{key}` {takes}, longer than runs are kept: `retention` is {kept}");
        let help = format!(
            "write {kept} at most, or set `retention: {{ for: {window} }}` in flowtrigger.yaml"
        );
        cx.names
            .not_configured(Code::InvalidValue, node.at, message, &help);
        return None;
    }
    Some(window)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::compile::rule_set;
    use crate::config;
    use crate::config::Config;
    use crate::diagnostic::{Diagnostics, FileId, Files};
    use crate::matching::rule_set::RuleSet;

    fn gates(written: &str) -> Vec<Gate> {
        let text = format!(
            "name: r\nevent_source: support\nevent_type: ticket.PriorityChanged\n{written}\nflow: [{{ succeed: fine }}]\n"
        );
        RuleSet::of_text(&text).rules[0].gates.clone()
    }

    #[test]
    fn dedupe_is_checked_before_throttle_in_any_order_of_keys() {
        let both = gates(
            "throttle: { limit: 3, in: 90m }\ndedupe: { per: $.input.ticket_event.ticket.id, for: 7d }",
        );
        assert_eq!(both[0].kind, GateKind::Dedupe);
        assert_eq!(both[0].window.time, Duration::from_secs(7 * 86_400));
        let per = both[0].per.as_ref().map(|per| per.text.as_str());
        assert_eq!(per, Some("$.input.ticket_event.ticket.id"));
        assert_eq!(both[1].kind, GateKind::Throttle { limit: 3 });
        assert_eq!(both[1].per, None);
        assert_eq!(gates("mode: live"), []);
    }

    #[test]
    fn debounce_is_second_and_keeps_the_last_event_by_default() {
        let all = gates(
            "throttle: { limit: 3, in: 90m }\ndebounce: { per: ticket.id, quiet: 4h }\ndedupe: { per: ticket.id, for: 7d }",
        );
        let kinds: Vec<&str> = all.iter().map(|gate| gate.kind.as_str()).collect();
        assert_eq!(kinds, ["dedupe", "debounce", "throttle"]);
        let (at_most, keep) = (None, DebounceKeep::Last);
        assert_eq!(all[1].kind, GateKind::Debounce { at_most, keep });
        assert_eq!(all[1].window.time, Duration::from_secs(4 * 3_600));
        let digest = gates("debounce: { quiet: 5m, at_most: 1h, keep: all }");
        let hour = ScheduledDuration::always(Duration::from_secs(3_600));
        let (at_most, keep) = (Some(hour), DebounceKeep::All);
        assert_eq!(digest[0].kind, GateKind::Debounce { at_most, keep });
        assert_eq!(digest[0].per, None);
    }

    fn messages(config: &Config) -> Vec<String> {
        let mut files = Files::default();
        let text = "name: r\nevent_source: support\nevent_type: ticket.PriorityChanged\ndedupe: { per: ticket.id, for: 14d }\nflow: [{ succeed: fine }]\n";
        let file = files.add("r.yaml", text);
        let mut diagnostics = Diagnostics::default();
        rule_set::rule_set(&Arc::new(files), &[file], config, &mut diagnostics);
        let all = diagnostics.sorted().into_iter();
        all.map(|diagnostic| diagnostic.message).collect()
    }

    #[test]
    fn a_window_cannot_exceed_retention() {
        assert_eq!(
            messages(&Config::default()),
            ["`for` is 14d, longer than runs are kept: `retention` is 7d"]
        );
        let text = "retention: { for: 14d }";
        let config = config::parse(
            FileId::default(),
            text,
            &BTreeMap::new(),
            &mut Diagnostics::default(),
        );
        assert_eq!(messages(&config), Vec::<String>::new());
    }
}
