//! Finds circles of rules that start each other: each writes a field whose change is an event that the next one
//! matches. A rule that starts itself is reported when it is loaded.

use std::sync::Arc;

use serde_json::Value;

use crate::analysis::findings::change_graph::ChangeGraph;
use crate::analysis::findings::{Analysed, Finding, ProofReport};
use crate::analysis::{Analyzer, FoundEvent, Goal, Subject, Witness};
use crate::compile::guarded_request::{GuardedRequest, guarded_requests};
use crate::compile::self_trigger::written_fields::{self, FieldWrites};
use crate::compile::self_trigger::{PredictedChange, runs_once};
use crate::compile::write_targets::to_help_desk;
use crate::config::mode::Mode;
use crate::diagnostic::Code;
use crate::event::catalogue::write_effects::WriteEffect;
use crate::event::type_pattern::TypePattern;
use crate::language::condition::{Condition, Polarity, Predicate};
use crate::language::operator::is::{ContainerComparison, Is};
use crate::language::operator::operand::{Operand, Operands};
use crate::language::operator::{CaseSensitivity, Operator};
use crate::path::Path;
use crate::rule::Rule;

/// A request that writes a field whose change is an event.
pub(super) struct WritingRequest<'r> {
    pub rule: &'r Rule,
    pub request: GuardedRequest<'r>,
}

/// One change that a request makes.
pub(super) struct Change<'r> {
    pub written: &'static WriteEffect,
    pub writer: usize,
    pub fields: FieldWrites<'r>,
}

/// Adds the circles. Each rule is reported in one circle.
pub(super) fn find(analysed: &Analysed<'_>, analyzer: &mut Analyzer<'_>, report: &mut ProofReport) {
    let writers = writers(analysed);
    let changes = changes(&writers);
    let graph = ChangeGraph::new(&writers, &changes, analysed, report);
    let mut reported: Vec<&str> = Vec::new();
    for start in 0..writers.len() {
        if reported.contains(&writers[start].rule.name.as_str()) {
            continue;
        }
        for circle in graph.circles(start, &writers) {
            let hops = circle
                .iter()
                .map(|(writer, change)| (&writers[*writer], &changes[*change]));
            let hops: Vec<(&WritingRequest<'_>, &Change<'_>)> = hops.collect();
            if let Some(events) = confirmed(&hops, analyzer, analysed) {
                reported.extend(hops.iter().map(|(writer, _)| writer.rule.name.as_str()));
                report.findings.push(finding(&hops, events));
                break;
            }
        }
    }
}

fn writers<'r>(analysed: &'r Analysed<'_>) -> Vec<WritingRequest<'r>> {
    let mut writers = Vec::new();
    for (number, event) in analysed.events.iter().enumerate() {
        let rule: &Rule = analysed.rule(number);
        let acts = rule.mode == Mode::Live && rule.event_source == "support";
        if event.is_none() || !acts || runs_once(rule) {
            continue;
        }
        let requests = guarded_requests(rule).into_iter();
        let writing = requests.filter(|request| to_help_desk(request.http, analysed.config));
        writers.extend(writing.map(|request| WritingRequest { rule, request }));
    }
    writers
}

fn changes<'r>(writers: &[WritingRequest<'r>]) -> Vec<Change<'r>> {
    let mut changes = Vec::new();
    for (number, writer) in writers.iter().enumerate() {
        for effect in WriteEffect::all() {
            let of_effect = written_fields::of(writer.request.http).into_iter();
            let fields = of_effect.filter(|fields| {
                effect.ticket == fields.target
                    && effect.object() == fields.object
                    && fields.field(&effect.writes).is_some()
            });
            changes.extend(fields.map(|fields| Change {
                written: effect,
                writer: number,
                fields,
            }));
        }
    }
    changes
}

pub(super) fn predicted<'a>(
    change: &'a Change<'_>,
    rule: &'a Rule,
    analysed: &'a Analysed<'_>,
) -> PredictedChange<'a> {
    PredictedChange {
        rule,
        written: change.written,
        request: &change.fields,
        catalogue: &analysed.config.catalogue,
    }
}

/// Returns an event for each rule of the circle: that of the change before it, which the rule matches. `None` if a
/// rule matches none, or if the rules cannot match events of one object.
fn confirmed(
    hops: &[(&WritingRequest<'_>, &Change<'_>)],
    analyzer: &mut Analyzer<'_>,
    analysed: &Analysed<'_>,
) -> Option<Vec<Witness>> {
    let mut events = Vec::with_capacity(hops.len());
    let mut common = Vec::new();
    for (number, (writer, _)) in hops.iter().enumerate() {
        let (_, change) = hops[(number + hops.len() - 1) % hops.len()];
        let mut parts: Vec<Condition> =
            writer.request.guards.iter().map(|g| (*g).clone()).collect();
        common.push(Condition::All(
            parts.iter().map(|part| lasting(part, hops)).collect(),
        ));
        let predicted = predicted(change, writer.rule, analysed);
        let paths = change.written.sets.keys();
        for path in paths {
            if let Some(value) = predicted.known_value(path) {
                parts.push(equals(path, value)?);
            }
        }
        let condition = Condition::All(parts);
        let types = [TypePattern::Name(change.written.event_type.clone())];
        let subject = Subject {
            types: &types,
            ..Subject::of_rule(writer.rule).with(&condition)
        };
        match analyzer.find(&[Goal::Matches(subject)]) {
            FoundEvent::Found(event) => events.push(*event),
            FoundEvent::None | FoundEvent::Unknown(_) => return None,
        }
    }
    let all = Condition::All(common);
    let (first, _) = hops.first()?;
    let together = Subject::of_rule(first.rule).with(&all);
    match analyzer.find(&[Goal::Matches(together)]) {
        FoundEvent::Found(_) => Some(events),
        FoundEvent::None | FoundEvent::Unknown(_) => None,
    }
}

/// The part of a condition on fields of the object that no change of the circle writes.
fn lasting(condition: &Condition, hops: &[(&WritingRequest<'_>, &Change<'_>)]) -> Condition {
    match condition {
        Condition::All(parts) => {
            Condition::All(parts.iter().map(|part| lasting(part, hops)).collect())
        }
        Condition::Any(parts) => {
            Condition::Any(parts.iter().map(|part| lasting(part, hops)).collect())
        }
        Condition::Predicate(predicate) => {
            let path = &predicate.path.text;
            let of_object = |(_, change): &(&WritingRequest<'_>, &Change<'_>)| {
                let below = path.strip_prefix(change.fields.object);
                let is_written = change.written.writes == *path
                    || change.fields.field(path).is_some()
                    || path.ends_with(".tags");
                below.is_some_and(|below| below.starts_with('.')) && !is_written
            };
            match hops.iter().all(of_object) {
                true => condition.clone(),
                false => Condition::always(),
            }
        }
    }
}

/// The condition that a field has a value.
fn equals(path: &str, value: Value) -> Option<Condition> {
    let operator = Operator::Is(Is {
        operands: Operands(vec![Operand::Literal(value)]),
        case: CaseSensitivity::Exact,
        containers: ContainerComparison::WrongType,
    });
    Some(Condition::Predicate(Arc::new(Predicate {
        path: Arc::new(Path::parse(path).ok()?),
        operator: Arc::new(operator),
        polarity: Polarity::Positive,
        group: Arc::from("all"),
        at: crate::diagnostic::Span::default(),
    })))
}

fn finding(hops: &[(&WritingRequest<'_>, &Change<'_>)], events: Vec<Witness>) -> Finding {
    let names: Vec<String> = hops
        .iter()
        .map(|(writer, change)| {
            format!("`{}` writes `{}`", writer.rule.name, change.written.writes)
        })
        .collect();
    let (first, others) = (hops[0].0, &hops[1..]);
    Finding {
        code: Code::StartEachOther,
        rule: first.rule.name.clone(),
        others: others.iter().map(|(writer, _)| writer.rule.name.clone()).collect(),
        at: first.request.step.at,
        message: format!(
            "rules start each other: {}, which starts `{}` again",
            names.join(", which starts the next: "),
            first.rule.name
        ),
        help: "exclude our own changes in one of them, by `actor_id` or by the new value; otherwise only `loop_guard` stops the circle".into(),
        related: others.iter().map(|(writer, _)| writer.request.step.at).collect(),
        events,
    }
}
