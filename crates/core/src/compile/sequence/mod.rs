//! Lowers `sequence` of a rule: its steps with the event types to listen to, the condition that any of them is met, and
//! the gate that lets only complete sequences through.

pub mod absent;

use std::sync::Arc;

use crate::compile::compiler::Compiler;
use crate::compile::event_pattern::lower_types;
use crate::compile::gates::count::lower_time;
use crate::compile::gates::{check_entries, lower_per, report_missing};
use crate::compile::sequence::absent::{IsLast, check_absent};
use crate::diagnostic::{Code, Report};
use crate::document::{Entry, Node, Yaml};
use crate::event::type_pattern::TypePattern;
use crate::fingerprint::fingerprint;
use crate::gate::sequence::SEQUENCE_LIMITS;
use crate::gate::series::SeriesKind;
use crate::gate::series::check::{SeriesGate, SeriesItem};
use crate::gate::vocabulary::{SEQUENCE, SEQUENCE_STEP};
use crate::gate::{Gate, GateKind};
use crate::language::condition::Condition;
use crate::rule::sequence_step::SequenceStep;
use crate::schedule::ScheduledDuration;

/// A sequence with what its rule needs of it.
pub struct LoweredSequence {
    pub types: Arc<[TypePattern]>,
    /// That the event matches a step.
    pub when: Condition,
    pub steps: Arc<[SequenceStep]>,
    pub gate: Gate,
}

/// Lowers the value of `sequence`. The fields of the rule are then those of all its event types.
pub fn lower_sequence(
    node: &Node,
    rule: &Node,
    source: Option<&str>,
    cx: &mut Compiler<'_>,
) -> Option<LoweredSequence> {
    check_entries(node, &SEQUENCE, cx.diagnostics())?;
    check_others(node, rule, cx);
    let items = positive(lower_items(node, cx)?, node, cx);
    let mut lowered = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        lowered.push(lower_step(item, index, source, cx));
    }
    let types = all_types(items, node, source, cx);
    let per = match node.get("per") {
        Some(per) => lower_per(per, &SEQUENCE, &mut cx.names).map(Some),
        None => Some(None),
    };
    let within = lower_time(node, &SEQUENCE, cx);
    let (steps, conditions): (Vec<SequenceStep>, Vec<Condition>) = lowered
        .into_iter()
        .collect::<Option<Vec<_>>>()?
        .into_iter()
        .unzip();
    let labels: Arc<[String]> = items.iter().map(label).collect();
    let digest = fingerprint(&[node.to_json().to_string().as_bytes()]);
    let digest = digest.iter().map(|byte| format!("{byte:02x}"));
    Some(LoweredSequence {
        types: types?,
        when: Condition::Any(conditions),
        gate: Gate {
            kind: GateKind::Series(SeriesGate {
                kind: SeriesKind::Sequence(steps.len()),
                distinct: None,
                steps: labels,
                settings: digest.collect(),
                item: SeriesItem::Unread,
            }),
            per: per?,
            window: ScheduledDuration::always(within?),
        },
        steps: steps.into(),
    })
}

/// Reports keys of the rule that a sequence excludes.
fn check_others(node: &Node, rule: &Node, cx: &mut Compiler<'_>) {
    for (key, help) in [
        (
            "event_type",
            "remove `event_type`: each step of the sequence names its own",
        ),
        (
            "debounce",
            "remove `debounce`: the run of a sequence starts with its last event",
        ),
        (
            "count",
            "remove `count`, or write two rules: one counts, the other has the sequence",
        ),
    ] {
        if let Some(other) = rule.get(key) {
            let at = if key == "event_type" {
                other.at
            } else {
                node.at
            };
            cx.invalid(at, format!("`{key}` beside `sequence`"), help);
        }
    }
}

/// The steps as written, if their number is right.
fn lower_items<'n>(node: &'n Node, cx: &mut Compiler<'_>) -> Option<&'n [Node]> {
    let Some(steps) = node.get("steps") else {
        return report_missing(node, &SEQUENCE, "steps", cx.diagnostics());
    };
    let Some(items) = steps.as_list() else {
        let message = format!("`steps` takes a list of events, found {}", steps.kind());
        let help = "write each event as `- { event_type: ticket.TicketCreated }`";
        return cx.reject(Code::WrongType, steps.at, message, help);
    };
    let (least, most) = (SEQUENCE_LIMITS.start(), SEQUENCE_LIMITS.end());
    if !SEQUENCE_LIMITS.contains(&items.len()) {
        let message = format!(
            "a sequence has {least} to {most} steps, found {}",
            items.len()
        );
        let help = match items.len() < *least {
            true => "for one event write `event_type` and `when`, without `sequence`",
            false => {
                "name the events that matter; `count` starts a run after many events of one kind"
            }
        };
        return cx.reject_value(steps.at, message, help);
    }
    Some(items)
}

/// The steps whose events must happen: all but a last one with `absent`.
fn positive<'n>(items: &'n [Node], sequence: &Node, cx: &mut Compiler<'_>) -> &'n [Node] {
    let (last, before) = items.split_last().expect("there are two at least");
    for item in before {
        check_absent(item, sequence, IsLast::No, cx);
        if let (Some(time), None) = (item.get("for"), item.get("absent")) {
            reject_time(time, cx);
        }
    }
    match (last.get("absent"), last.get("for")) {
        (Some(_), _) => {
            check_entries(last, &SEQUENCE_STEP, cx.diagnostics());
            check_absent(last, sequence, IsLast::Yes, cx);
            before
        }
        (None, time) => {
            if let Some(time) = time {
                reject_time(time, cx);
            }
            items
        }
    }
}

fn reject_time(time: &Node, cx: &mut Compiler<'_>) {
    let help = "the time of the whole sequence is `in`; `for` is how long an event must be absent";
    cx.invalid(time.at, "`for` without `absent`", help);
}

/// Lowers a step: the events that match it, and the part of the rule's condition.
fn lower_step(
    item: &Node,
    index: usize,
    source: Option<&str>,
    cx: &mut Compiler<'_>,
) -> Option<(SequenceStep, Condition)> {
    check_entries(item, &SEQUENCE_STEP, cx.diagnostics())?;
    if item.get("absent").is_some() {
        return None;
    }
    let Some(named) = item.get("event_type") else {
        return report_missing(item, &SEQUENCE_STEP, "event_type", cx.diagnostics());
    };
    let types = lower_types(named, source, cx);
    let group = format!("sequence.steps[{index}]");
    let when = match item.get("when") {
        Some(when) => Condition::lower_in(when, &group, &mut cx.names),
        None => Some(Condition::always()),
    };
    let (types, when) = (types?, when?);
    let of_type = type_condition(&types, named, &group, cx)?;
    let condition = match &when {
        Condition::All(parts) => Condition::All(
            std::iter::once(of_type)
                .chain(parts.iter().cloned())
                .collect(),
        ),
        Condition::Any(_) | Condition::Predicate(_) => Condition::All(vec![of_type, when.clone()]),
    };
    Some((SequenceStep { types, when }, condition))
}

/// That the event has one of the types, so that explanations say for each step why it was not met.
fn type_condition(
    types: &[TypePattern],
    at: &Node,
    group: &str,
    cx: &mut Compiler<'_>,
) -> Option<Condition> {
    let test = |pattern: &TypePattern| {
        let test = match pattern {
            TypePattern::Name(name) => text(name, at),
            TypePattern::Family(prefix) => entry("starts_with", text(prefix, at)),
        };
        entry("event.type", test)
    };
    let tests: Vec<Node> = types.iter().map(test).collect();
    let node = match tests.as_slice() {
        [one] => one.clone(),
        _ => entry(
            "any",
            Node {
                value: Yaml::List(tests),
                at: at.at,
            },
        ),
    };
    Condition::lower_in(&node, group, &mut cx.names)
}

fn text(text: &str, at: &Node) -> Node {
    Node {
        value: Yaml::Text(text.to_owned()),
        at: at.at,
    }
}

fn entry(key: &str, value: Node) -> Node {
    let at = value.at;
    let entry = Entry {
        key: key.to_owned(),
        key_at: at,
        value,
    };
    Node {
        value: Yaml::Map(vec![entry]),
        at,
    }
}

/// The event types of all steps, which the rule listens to.
fn all_types(
    items: &[Node],
    node: &Node,
    source: Option<&str>,
    cx: &mut Compiler<'_>,
) -> Option<Arc<[TypePattern]>> {
    let mut named: Vec<Node> = Vec::new();
    for types in items.iter().filter_map(|item| item.get("event_type")) {
        let each = types.as_list().unwrap_or(std::slice::from_ref(types));
        for one in each {
            let is_new = |known: &Node| known.as_text() != one.as_text();
            if named.iter().all(is_new) {
                named.push(one.clone());
            }
        }
    }
    let all = Node {
        value: Yaml::List(named),
        at: node.at,
    };
    lower_types(&all, source, cx)
}

/// The event types of a step as texts show them.
fn label(item: &Node) -> String {
    let types = item.get("event_type");
    let each = types.map(|types| types.as_list().unwrap_or(std::slice::from_ref(types)));
    let each = each.unwrap_or_default().iter().filter_map(Node::as_text);
    each.collect::<Vec<_>>().join(" or ")
}
