//! Finds two rules that write different values to one field of the same object for one event.

use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value;

use crate::analysis::findings::required_values::RequiredValues;
use crate::analysis::findings::{Analysed, Finding, ProofReport};
use crate::analysis::{Analyzer, FoundEvent, Goal, Subject, Witness};
use crate::compile::guarded_request::guarded_requests;
use crate::compile::self_trigger::written_fields;
use crate::compile::write_targets::to_help_desk;
use crate::config::mode::Mode;
use crate::diagnostic::{Code, Span};
use crate::event::catalogue::write_effects::TargetObject;
use crate::language::condition::Condition;
use crate::language::operator::format_value;
use crate::language::template::json::JsonTemplate;

/// More pairs than this are not compared for one set of rules.
const MAX_PAIRS: usize = 20_000;

/// A constant that a rule writes to a field.
struct Write {
    rule: usize,
    value: Value,
    at: Span,
    /// Under which it is written, the rule's condition included.
    condition: Condition,
}

/// Adds the rules that write different values. Each rule is reported with one other.
pub(super) fn find(analysed: &Analysed<'_>, analyzer: &mut Analyzer<'_>, report: &mut ProofReport) {
    let mut fields: FxHashMap<String, Vec<Write>> = FxHashMap::default();
    let mut required: FxHashMap<usize, RequiredValues> = FxHashMap::default();
    for (number, event) in analysed.events.iter().enumerate() {
        if event.is_some() && analysed.rule(number).mode == Mode::Live {
            add_writes(analysed, number, &mut fields);
        }
    }
    fields.retain(|_, writes| writes.iter().any(|write| write.value != writes[0].value));
    for write in fields.values().flatten() {
        let rule = analysed.rule(write.rule);
        required
            .entry(write.rule)
            .or_insert_with(|| RequiredValues::of(rule));
    }
    let mut names: Vec<&String> = fields.keys().collect();
    names.sort();
    let mut left = MAX_PAIRS;
    for name in names {
        let writes = &fields[name];
        let mut reported: FxHashSet<usize> = FxHashSet::default();
        for (first, second) in pairs(writes, &required) {
            let (a, b) = (&writes[first], &writes[second]);
            if reported.contains(&a.rule) || reported.contains(&b.rule) {
                continue;
            }
            if left == 0 {
                report.not_compared += 1;
                continue;
            }
            left -= 1;
            let subjects = [a, b]
                .map(|write| Subject::of_rule(analysed.rule(write.rule)).with(&write.condition));
            let goals = subjects.map(Goal::Matches);
            if let FoundEvent::Found(event) = analyzer.find(&goals) {
                reported.extend([a.rule, b.rule]);
                report
                    .findings
                    .push(finding(analysed, name, [a, b], *event));
            }
        }
    }
}

fn add_writes(analysed: &Analysed<'_>, number: usize, fields: &mut FxHashMap<String, Vec<Write>>) {
    let rule = analysed.rule(number);
    for request in guarded_requests(rule) {
        if !to_help_desk(request.http, analysed.config) {
            continue;
        }
        for written in written_fields::of(request.http) {
            let Some(fields_of) = (written.target == TargetObject::Own)
                .then(|| written.field(written.object))
                .flatten()
            else {
                continue;
            };
            let mut constants = Vec::new();
            leaves(written.object, fields_of, &mut constants);
            for (field, value) in constants {
                let guards = request.guards.iter();
                let writes = fields
                    .entry(format!("{} {field}", rule.event_source))
                    .or_default();
                // The last write of a rule decides.
                writes.retain(|write| write.rule != number);
                writes.push(Write {
                    rule: number,
                    value,
                    at: request.step.at,
                    condition: Condition::All(guards.map(|guard| (*guard).clone()).collect()),
                });
            }
        }
    }
}

/// The fields with constant values. Comments, and tags that are added or removed, do not replace each other.
fn leaves(name: &str, template: &JsonTemplate, found: &mut Vec<(String, Value)>) {
    let last = name.rsplit('.').next().unwrap_or_default();
    let adds = matches!(last, "comment" | "additional_tags" | "remove_tags" | "id")
        || last.starts_with("additional_");
    if adds {
        return;
    }
    match template {
        JsonTemplate::Map(mapping) => {
            for (key, value) in mapping.entries() {
                leaves(&format!("{name}.{key}"), value, found);
            }
        }
        JsonTemplate::List(items) if last == "custom_fields" => {
            for item in items.iter() {
                let id = item.at(&["id"]).and_then(JsonTemplate::constant);
                let value = item.at(&["value"]).and_then(JsonTemplate::constant);
                if let (Some(id), Some(value)) = (id, value) {
                    found.push((format!("{name} {id}"), value));
                }
            }
        }
        JsonTemplate::Value(_)
        | JsonTemplate::Field(_)
        | JsonTemplate::Typed(_)
        | JsonTemplate::Text(_)
        | JsonTemplate::List(_) => {
            found.extend(template.constant().map(|value| (name.to_owned(), value)));
        }
    }
}

/// The pairs of writes with different values whose rules may match one event. Looked up by the required values of
/// the field that most rules require values of.
fn pairs<'w>(
    writes: &'w [Write],
    required: &'w FxHashMap<usize, RequiredValues>,
) -> impl Iterator<Item = (usize, usize)> + 'w {
    let mut counts: FxHashMap<&str, usize> = FxHashMap::default();
    for write in writes {
        for path in required[&write.rule].paths() {
            *counts.entry(path).or_default() += 1;
        }
    }
    let path = counts
        .into_iter()
        .max_by_key(|(path, count)| (*count, *path));
    let path = path.map(|(path, _)| path.to_owned()).unwrap_or_default();
    let mut by_value: FxHashMap<String, Vec<usize>> = FxHashMap::default();
    let mut others: Vec<usize> = Vec::new();
    for (number, write) in writes.iter().enumerate() {
        match required[&write.rule].of_path(&path) {
            Some(values) => {
                for value in values {
                    by_value.entry(value.to_string()).or_default().push(number);
                }
            }
            None => others.push(number),
        }
    }
    let candidates = move |number: usize| -> Vec<usize> {
        let mut found = match required[&writes[number].rule].of_path(&path) {
            Some(values) => {
                let listed = values
                    .iter()
                    .filter_map(|value| by_value.get(&value.to_string()));
                let mut found: Vec<usize> = listed.flatten().copied().collect();
                found.extend(&others);
                found
            }
            None => (0..writes.len()).collect(),
        };
        found.retain(|other| *other > number);
        found.sort_unstable();
        found.dedup();
        found
    };
    (0..writes.len()).flat_map(move |number| {
        let (a, of_a) = (&writes[number], &required[&writes[number].rule]);
        let others = candidates(number).into_iter().filter(|other| {
            let b = &writes[*other];
            a.rule != b.rule && a.value != b.value && !of_a.exclude(&required[&b.rule])
        });
        let pairs: Vec<(usize, usize)> = others.map(|other| (number, other)).collect();
        pairs
    })
}

fn finding(analysed: &Analysed<'_>, field: &str, writes: [&Write; 2], event: Witness) -> Finding {
    let [a, b] = writes;
    let field = field.split_once(' ').map_or(field, |(_, field)| field);
    let [first, second] = writes.map(|write| analysed.rule(write.rule));
    Finding {
        code: Code::ConflictingWrites,
        rule: second.name.clone(),
        others: vec![first.name.clone()],
        at: b.at,
        message: format!(
            "`{}` writes {} to `{field}`, and `{}` writes {} for the same event",
            second.name,
            format_value(&b.value),
            first.name,
            format_value(&a.value),
        ),
        help: "exclude the events of one rule in the other, or write the field in one rule".into(),
        related: vec![a.at],
        events: vec![event],
    }
}
