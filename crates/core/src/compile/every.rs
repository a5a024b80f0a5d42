//! Lowers `every`: when a rule ticks, and the condition by which it gets its own ticks only.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::compile::compiler::Compiler;
use crate::compile::event_pattern::lower_types;
use crate::diagnostic::{Code, Report, Span};
use crate::document::decode::Decode;
use crate::document::{Entry, Node, Yaml};
use crate::event::format::clock::{CLOCK, TICK_TYPE};
use crate::event::type_pattern::TypePattern;
use crate::gate::{Gate, GateKind};
use crate::language::condition::Condition;
use crate::rule::vocabulary::EVERY;
use crate::schedule::cron::Cron;
use crate::schedule::every::{Every, MissedTicks};
use crate::schedule::zone;

/// Lowers `every` of a rule; the inner None is a rule without it. None after an error.
pub fn lower(rule: &Node, cx: &mut Compiler<'_>) -> Option<Option<Every>> {
    let Some(node) = rule.get("every") else {
        return Some(None);
    };
    for key in ["event_source", "event_type", "sequence"] {
        let written = rule.as_map().unwrap_or_default();
        if let Some(entry) = written.iter().find(|entry| entry.key == key) {
            let message = format!("`{key}` beside `every`");
            let help = "keep one: a rule runs for events, or at its own times; write two rules with `flow_name` for both";
            cx.invalid(entry.key_at, message, help);
        }
    }
    let every = match &node.value {
        Yaml::Map(_) => lower_mapping(node, cx),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) | Yaml::List(_) => {
            let (expression, cron) = lower_cron(node, "every", cx)?;
            Some(Every {
                expression,
                cron,
                zone_name: "UTC".to_owned(),
                zone: TimeZone::UTC,
                missed: MissedTicks::default(),
            })
        }
    };
    every.map(Some)
}

/// The source and the type of ticks, as if the rule named them.
pub fn ticks(every: &Node, cx: &mut Compiler<'_>) -> (Option<String>, Option<Arc<[TypePattern]>>) {
    let types = text_node(TICK_TYPE, every.at);
    (Some(CLOCK.to_owned()), lower_types(&types, Some(CLOCK), cx))
}

/// The condition of a rule, with the one that the tick is the rule's own.
pub fn of_rule(
    name: &str,
    every: &Node,
    when: Option<Condition>,
    cx: &mut Compiler<'_>,
) -> Option<Condition> {
    let own = Node {
        value: Yaml::Map(vec![Entry {
            key: "rule".to_owned(),
            key_at: every.at,
            value: text_node(name, every.at),
        }]),
        at: every.at,
    };
    let own = Condition::lower(&own, &mut cx.names)?;
    let mut parts = conjuncts(own);
    parts.extend(conjuncts(when?));
    Some(Condition::All(parts))
}

/// Ticks that are compared with the schedule of the gate: those of some years, or of some days of a frequent rule.
const COMPARED_TICKS: usize = 3_000;
/// Where the comparison begins: a rule is judged the same whenever it is compiled.
const COMPARED_FROM: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// Reports a rule whose gate `during` admits none of its ticks.
pub fn check_during(rule: &Node, every: &Every, gates: &[Gate], cx: &mut Compiler<'_>) {
    let during = gates.iter().find_map(|gate| match &gate.kind {
        GateKind::During(during) => Some(during),
        GateKind::Dedupe
        | GateKind::Debounce { .. }
        | GateKind::Throttle { .. }
        | GateKind::Series(_) => None,
    });
    let Some(during) = during else { return };
    let ticks = std::iter::successors(every.next(COMPARED_FROM), |tick| every.next(*tick));
    let mut ticks = ticks.take(COMPARED_TICKS).peekable();
    if ticks.peek().is_none() || ticks.any(|tick| during.contains(tick)) {
        return;
    }
    let at = rule.get("during").map_or(rule.at, |during| during.at);
    let message = format!(
        "`during` is never true at a time of `{}`: no tick starts a run",
        every.expression
    );
    let help = "`flowtrigger schedule --next` lists the open hours, and `flowtrigger schedule --ticks --next` the ticks";
    cx.error(Code::NeverHolds, at, message, help);
}

fn conjuncts(condition: Condition) -> Vec<Condition> {
    match condition {
        Condition::All(parts) => parts,
        Condition::Any(_) | Condition::Predicate(_) => vec![condition],
    }
}

fn text_node(text: &str, at: Span) -> Node {
    Node {
        value: Yaml::Text(text.to_owned()),
        at,
    }
}

fn lower_mapping(node: &Node, cx: &mut Compiler<'_>) -> Option<Every> {
    cx.entries(node, &EVERY)?;
    let zone = match node.get("zone") {
        Some(zone) => lower_zone(zone, cx),
        None => Some(("UTC".to_owned(), TimeZone::UTC)),
    };
    let missed = match node.get("missed") {
        Some(missed) => lower_missed(missed, cx),
        None => Some(MissedTicks::default()),
    };
    let Some(cron) = node.get("cron") else {
        let message = "`every` has no `cron`";
        let help = "write `every: { cron: \"0 9 * * mon-fri\", zone: Europe/Berlin }`";
        return cx.reject(Code::MissingKey, node.at, message, help);
    };
    let (expression, cron) = lower_cron(cron, "cron", cx)?;
    let (zone_name, zone) = zone?;
    Some(Every {
        expression,
        cron,
        zone_name,
        zone,
        missed: missed?,
    })
}

fn lower_cron(node: &Node, key: &str, cx: &mut Compiler<'_>) -> Option<(String, Cron)> {
    let text = cx.text(node, key)?;
    match Cron::parse(&text) {
        Ok(cron) if cron.is_never() => {
            let message = format!("`{text}` never comes: no month has such a day");
            let help = "write a day of the month that exists: `0 9 28 2 *`";
            cx.reject_value(node.at, message, help)
        }
        Ok(cron) => Some((text, cron)),
        Err(mistake) => cx.reject_value(node.at, mistake.message, &mistake.help),
    }
}

fn lower_zone(node: &Node, cx: &mut Compiler<'_>) -> Option<(String, TimeZone)> {
    let name = cx.text(node, "zone")?;
    match zone::named(&name) {
        Ok(zone) => Some(zone),
        Err(help) => cx.reject_value(node.at, format!("unknown time zone `{name}`"), &help),
    }
}

fn lower_missed(node: &Node, cx: &mut Compiler<'_>) -> Option<MissedTicks> {
    let word = match &node.value {
        // `missed: null` is meant as `none`.
        Yaml::Null => "none",
        _ => node.as_text().unwrap_or_default(),
    };
    let found = MissedTicks::parse(word);
    if found.is_none() {
        let help = "write `missed: last` for the newest missed tick alone, `all` for each, `none` for none of them";
        cx.invalid(node.at, "`missed` takes last, none or all", help);
    }
    found
}
