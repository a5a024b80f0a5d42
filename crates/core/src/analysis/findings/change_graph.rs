//! Which changes of fields lead to which requests of other rules, and the circles among them.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::analysis::findings::circles::{Change, WritingRequest, predicted};
use crate::analysis::findings::{Analysed, ProofReport};
use crate::event::catalogue::write_effects::WriteEffect;

/// More steps from a write to a rule are not followed.
const MAX_EDGES: usize = 400_000;
/// From a rule, so many circles are tried until one is confirmed.
const MAX_ATTEMPTS: usize = 8;

/// A change with the requests of other rules that its event leads to.
pub struct Effect {
    /// The number of the change.
    change: usize,
    leads_to: Vec<usize>,
}

/// Which changes lead to which requests.
pub struct ChangeGraph {
    effects: Vec<Effect>,
    /// The effects of each writer.
    of_writer: Vec<Vec<usize>>,
}

impl ChangeGraph {
    pub(super) fn new(
        writers: &[WritingRequest<'_>],
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
    pub(super) fn circles(
        &self,
        start: usize,
        writers: &[WritingRequest<'_>],
    ) -> Vec<Vec<(usize, usize)>> {
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

fn tested_paths(writers: &[WritingRequest<'_>]) -> Vec<String> {
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
    writers: &[WritingRequest<'_>],
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

/// The requests of the rules that listen to each type of a change.
fn listeners(writers: &[WritingRequest<'_>]) -> FxHashMap<&'static str, Vec<usize>> {
    let mut listeners: FxHashMap<&'static str, Vec<usize>> = FxHashMap::default();
    for effect in WriteEffect::all() {
        let event_type = effect.event_type.as_str();
        listeners.entry(event_type).or_insert_with(|| {
            let numbered = writers.iter().enumerate();
            let listens = |writer: &WritingRequest<'_>| {
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
    writers: &[WritingRequest<'_>],
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
