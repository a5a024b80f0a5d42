//! Finds circles of rules that start each other: each writes a field whose change is an event that the next one
//! matches. A rule that starts itself is reported when it is loaded.

use std::collections::VecDeque;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde_json::Value;

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

/// More steps from a write to a rule are not followed.
const MAX_EDGES: usize = 400_000;
/// From a rule, so many circles are tried until one is confirmed.
const MAX_ATTEMPTS: usize = 8;

/// A request that writes a field whose change is an event.
struct Writer<'r> {
    rule: &'r Rule,
    request: GuardedRequest<'r>,
}

/// One change that a request makes.
struct Change<'r> {
    written: &'static WriteEffect,
    writer: usize,
    fields: FieldWrites<'r>,
}

/// A change with the requests of other rules that its event leads to.
struct Effect {
    /// The number of the change.
    change: usize,
    leads_to: Vec<usize>,
}

/// Adds the circles. Each rule is reported in one circle.
pub(super) fn find(analysed: &Analysed<'_>, analyzer: &mut Analyzer<'_>, report: &mut ProofReport) {
    let writers = writers(analysed);
    let changes = changes(&writers);
    let graph = Graph::new(&writers, &changes, analysed, report);
    let mut reported: Vec<&str> = Vec::new();
    for start in 0..writers.len() {
        if reported.contains(&writers[start].rule.name.as_str()) {
            continue;
        }
        for circle in graph.circles(start, &writers) {
            let hops = circle
                .iter()
                .map(|(writer, change)| (&writers[*writer], &changes[*change]));
            let hops: Vec<(&Writer<'_>, &Change<'_>)> = hops.collect();
            if let Some(events) = confirmed(&hops, analyzer, analysed) {
                reported.extend(hops.iter().map(|(writer, _)| writer.rule.name.as_str()));
                report.findings.push(finding(&hops, events));
                break;
            }
        }
    }
}

fn writers<'r>(analysed: &'r Analysed<'_>) -> Vec<Writer<'r>> {
    let mut writers = Vec::new();
    for (number, event) in analysed.events.iter().enumerate() {
        let rule: &Rule = analysed.rule(number);
        let acts = rule.mode == Mode::Live && rule.event_source == "support";
        if event.is_none() || !acts || runs_once(rule) {
            continue;
        }
        let requests = guarded_requests(rule).into_iter();
        let writing = requests.filter(|request| to_help_desk(request.http, analysed.config));
        writers.extend(writing.map(|request| Writer { rule, request }));
    }
    writers
}

fn changes<'r>(writers: &[Writer<'r>]) -> Vec<Change<'r>> {
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

/// Which changes lead to which requests.
struct Graph {
    effects: Vec<Effect>,
    /// The effects of each writer.
    of_writer: Vec<Vec<usize>>,
}

impl Graph {
    fn new(
        writers: &[Writer<'_>],
        changes: &[Change<'_>],
        analysed: &Analysed<'_>,
        report: &mut ProofReport,
    ) -> Self {
        let mut graph = Self {
            effects: Vec::new(),
            of_writer: vec![Vec::new(); writers.len()],
        };
        let tested = tested_paths(writers);
        // Changes with the same type and values, as far as a rule tests them, lead to the same requests.
        let mut known: FxHashMap<String, usize> = FxHashMap::default();
        let listeners = listeners(writers);
        let mut edges = 0;
        for (number, change) in changes.iter().enumerate() {
            let signature = signature(change, &tested, writers, analysed);
            let effect = match known.get(&signature) {
                Some(effect) => *effect,
                None => {
                    let listening = listeners.get(change.written.event_type.as_str());
                    let listening = listening.map_or(&[][..], Vec::as_slice);
                    edges += listening.len();
                    let leads_to = match edges <= MAX_EDGES {
                        true => leads_to(change, listening, writers, analysed),
                        false => {
                            report.not_compared += 1;
                            Vec::new()
                        }
                    };
                    graph.effects.push(Effect {
                        change: number,
                        leads_to,
                    });
                    known.insert(signature, graph.effects.len() - 1);
                    graph.effects.len() - 1
                }
            };
            graph.of_writer[change.writer].push(effect);
        }
        graph
    }

    /// The shortest circles from a writer back to it, through at least one other rule.
    fn circles(&self, start: usize, writers: &[Writer<'_>]) -> Vec<Vec<(usize, usize)>> {
        let mut before: FxHashMap<usize, (usize, usize)> = FxHashMap::default();
        let mut queue = VecDeque::from([start]);
        let mut circles = Vec::new();
        let mut seen_effects = vec![false; self.effects.len()];
        while let Some(writer) = queue.pop_front() {
            for effect in &self.of_writer[writer] {
                let change = self.effects[*effect].change;
                if writer != start && std::mem::replace(&mut seen_effects[*effect], true) {
                    continue;
                }
                for next in &self.effects[*effect].leads_to {
                    if writers[*next].rule.name == writers[writer].rule.name {
                        continue;
                    }
                    if *next == start {
                        circles.push(path_to(writer, change, &before, start));
                        if circles.len() >= MAX_ATTEMPTS {
                            return circles;
                        }
                    } else if !before.contains_key(next) {
                        before.insert(*next, (writer, change));
                        queue.push_back(*next);
                    }
                }
            }
        }
        circles
    }
}

/// The writers from the start to the last one, each with the change that leads to the next.
fn path_to(
    last: usize,
    change: usize,
    before: &FxHashMap<usize, (usize, usize)>,
    start: usize,
) -> Vec<(usize, usize)> {
    let mut path = vec![(last, change)];
    let mut writer = last;
    while writer != start
        && let Some((earlier, change)) = before.get(&writer)
    {
        path.push((*earlier, *change));
        writer = *earlier;
    }
    path.reverse();
    path
}

fn tested_paths(writers: &[Writer<'_>]) -> Vec<String> {
    let guards = writers.iter().flat_map(|writer| &writer.request.guards);
    let predicates = guards.flat_map(|guard| guard.predicates());
    let mut paths: Vec<String> = predicates
        .map(|predicate| predicate.path.text.clone())
        .collect();
    paths.sort();
    paths.dedup();
    paths
}

/// What a change sets, as far as a rule tests it.
fn signature(
    change: &Change<'_>,
    tested: &[String],
    writers: &[Writer<'_>],
    analysed: &Analysed<'_>,
) -> String {
    let predicted = predicted(change, writers[change.writer].rule, analysed);
    let values = tested.iter().filter_map(|path| {
        let is_set =
            change.written.source_of(path).is_some() || path.starts_with(change.fields.object);
        is_set.then(|| {
            (
                path,
                predicted.known_value(path),
                change.fields.field(path).is_some(),
            )
        })
    });
    let values: Vec<String> = values
        .map(|(path, value, is_written)| format!("{path}={value:?}{is_written}"))
        .collect();
    let tags = ["additional_tags", "remove_tags"].map(|tags| {
        let field = format!("{}.{tags}", change.fields.object);
        change
            .fields
            .field(&field)
            .map(|template| template.constant())
    });
    format!(
        "{} {} {values:?} {tags:?}",
        change.written.event_type, change.written.writes
    )
}

fn predicted<'a>(
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

/// The requests of the rules that listen to each type of a change.
fn listeners(writers: &[Writer<'_>]) -> FxHashMap<&'static str, Vec<usize>> {
    let mut listeners: FxHashMap<&'static str, Vec<usize>> = FxHashMap::default();
    for effect in WriteEffect::all() {
        let event_type = effect.event_type.as_str();
        listeners.entry(event_type).or_insert_with(|| {
            let numbered = writers.iter().enumerate();
            let listens = |writer: &Writer<'_>| {
                let mut types = writer.rule.event_types.iter();
                types.any(|pattern| pattern.covers(event_type))
            };
            let listening = numbered.filter(|(_, writer)| listens(writer));
            listening.map(|(number, _)| number).collect()
        });
    }
    listeners
}

/// The requests that the event of a change certainly may start, among those of rules that listen to its type.
fn leads_to(
    change: &Change<'_>,
    listening: &[usize],
    writers: &[Writer<'_>],
    analysed: &Analysed<'_>,
) -> Vec<usize> {
    let starts = |number: &usize| {
        let writer = &writers[*number];
        let predicted = predicted(change, writer.rule, analysed);
        predicted.is_change()
            && writer
                .request
                .guards
                .iter()
                .all(|guard| predicted.may_pass(guard))
    };
    listening.iter().copied().filter(starts).collect()
}

/// Returns an event for each rule of the circle: that of the change before it, which the rule matches. `None` if a
/// rule matches none, or if the rules cannot match events of one object.
fn confirmed(
    hops: &[(&Writer<'_>, &Change<'_>)],
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
fn lasting(condition: &Condition, hops: &[(&Writer<'_>, &Change<'_>)]) -> Condition {
    match condition {
        Condition::All(parts) => {
            Condition::All(parts.iter().map(|part| lasting(part, hops)).collect())
        }
        Condition::Any(parts) => {
            Condition::Any(parts.iter().map(|part| lasting(part, hops)).collect())
        }
        Condition::Predicate(predicate) => {
            let path = &predicate.path.text;
            let of_object = |(_, change): &(&Writer<'_>, &Change<'_>)| {
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

fn finding(hops: &[(&Writer<'_>, &Change<'_>)], events: Vec<Witness>) -> Finding {
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
