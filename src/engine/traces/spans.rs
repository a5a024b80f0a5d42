//! Makes the spans of a run from its log: one for the run, for the time before its first step, for each step and for each
//! attempt. The same log gives the same spans.

use std::collections::HashMap;

use jiff::Timestamp;

use super::attempt_span::AttemptShape;
use super::otlp::{
    FLAGS_LOCAL_PARENT, FLAGS_REMOTE_PARENT, Link, SpanAttribute, SpanKind, SpanStatus, TraceSpan,
};
use crate::store::history::{TracedAttempt, TracedEntry, TracedRun};
use flowtrigger_core::event::trace_context::SpanId;
use flowtrigger_core::run::span_ids::SpanIds;

/// Spans of one run. What a longer log has besides is only counted.
const MAX_SPANS: usize = 5_000;
/// Characters of a message.
const MAX_MESSAGE_CHARS: usize = 1_000;
/// States of runs that are not over.
const UNFINISHED: [&str; 5] = ["queued", "debouncing", "running", "retrying", "waiting"];
/// States of runs that failed.
const FAILED: [&str; 2] = ["dead", "held"];

/// The spans of a run. A run that was retried has one tree of spans for each time; the last is left out while it is not
/// over.
pub fn spans_of(run: &TracedRun) -> Vec<TraceSpan> {
    let is_over = !UNFINISHED.contains(&run.state.as_str());
    let logs: Vec<&[TracedEntry]> = run
        .log
        .split(|entry| matches!(entry, TracedEntry::Retried { .. }))
        .collect();
    let retried = run.log.iter().filter_map(|entry| match entry {
        TracedEntry::Retried { at } => Some(*at),
        TracedEntry::Waiting { .. } | TracedEntry::Started { .. } | TracedEntry::Attempt(_) => None,
    });
    let starts = std::iter::once(run.planned).chain(retried);
    let last = logs.len() - 1;
    let mut spans = Vec::new();
    for ((round, log), start) in logs.into_iter().enumerate().zip(starts) {
        let is_last = round == last;
        if is_last && !is_over {
            break;
        }
        let ended = log.iter().map(end_of).max().unwrap_or(start).max(start);
        let tree = RunTree {
            run,
            ids: SpanIds::new(run.identity(), run.trace, run.id, round),
            round,
            start,
            end: match is_last {
                true => ended.max(run.changed),
                false => ended,
            },
            is_last,
        };
        tree.add_to(&mut spans, log);
    }
    spans
}

fn end_of(entry: &TracedEntry) -> Timestamp {
    match entry {
        TracedEntry::Retried { at }
        | TracedEntry::Waiting { at, .. }
        | TracedEntry::Started { at, .. } => *at,
        TracedEntry::Attempt(attempt) => attempt.ended(),
    }
}

fn start_of(entry: &TracedEntry) -> Timestamp {
    match entry {
        TracedEntry::Retried { at }
        | TracedEntry::Waiting { at, .. }
        | TracedEntry::Started { at, .. } => *at,
        TracedEntry::Attempt(attempt) => attempt.started,
    }
}

/// A run, or its part after `runs retry`.
struct RunTree<'r> {
    run: &'r TracedRun,
    ids: SpanIds<'r>,
    round: usize,
    start: Timestamp,
    end: Timestamp,
    is_last: bool,
}

/// What is known of a step.
struct StepSpan<'r> {
    path: &'r str,
    start: Timestamp,
    end: Timestamp,
    waits: bool,
    /// How the last attempt failed.
    failure: Option<&'r str>,
}

impl<'r> RunTree<'r> {
    fn add_to(&self, spans: &mut Vec<TraceSpan>, log: &'r [TracedEntry]) {
        let mut steps = Steps::default();
        let mut attempts = Vec::new();
        let first = log.iter().map(start_of).min();
        for (index, entry) in log.iter().enumerate() {
            match entry {
                TracedEntry::Retried { .. } => {}
                TracedEntry::Waiting { step, at, until } => {
                    steps
                        .at(step, *at, (*until).clamp(*at, self.end.max(*at)))
                        .waits = true;
                }
                TracedEntry::Started { step, number, at } => {
                    let has_ended = log[index..].iter().any(|later| {
                        matches!(later, TracedEntry::Attempt(attempt)
                            if attempt.number == *number && attempt.step == *step)
                    });
                    if !has_ended {
                        let end = self.end.max(*at);
                        steps.at(step, *at, end).failure = Some(INTERRUPTED);
                        attempts.push(self.interrupted(step, *number, *at));
                    }
                }
                TracedEntry::Attempt(attempt) => {
                    let step = steps.at(&attempt.step, attempt.started, attempt.ended());
                    step.failure = attempt.failure.as_ref().map(|failure| {
                        match attempt.ends_an_item() {
                            // It may be that of a `fail` step, in which no field is redacted.
                            true => "",
                            false => failure.message.as_str(),
                        }
                    });
                    attempts.extend(self.attempt(attempt));
                }
            }
        }
        let steps = steps.in_order.iter().map(|step| self.step(step));
        let mut below: Vec<TraceSpan> = first
            .filter(|first| *first > self.start)
            .map(|first| self.queued(first))
            .into_iter()
            .chain(steps)
            .chain(attempts)
            .collect();
        let omitted = below.len().saturating_sub(MAX_SPANS);
        below.truncate(MAX_SPANS);
        spans.push(self.root(log, omitted));
        spans.append(&mut below);
    }

    fn span(&self, id: SpanId, parent: Option<SpanId>) -> TraceSpan {
        TraceSpan {
            trace_id: self.ids.trace(),
            span_id: id,
            parent_span_id: parent,
            flags: FLAGS_LOCAL_PARENT,
            name: String::new(),
            kind: SpanKind::Internal,
            start: self.start,
            end: self.end,
            attributes: Vec::new(),
            links: Vec::new(),
            status: None,
        }
    }

    fn root(&self, log: &[TracedEntry], omitted: usize) -> TraceSpan {
        let run = self.run;
        let state = match self.is_last {
            true => run.state.as_str(),
            false => "retried",
        };
        let mut attributes = vec![
            SpanAttribute::number("flowtrigger.run.id", run.id.0),
            SpanAttribute::text("flowtrigger.run.state", state),
            SpanAttribute::text("flowtrigger.rule", run.rule.as_str()),
            SpanAttribute::text("flowtrigger.event.id", run.event.as_str()),
            SpanAttribute::text("flowtrigger.event.type", run.event_type.as_str()),
            SpanAttribute::text("flowtrigger.event.source", run.source.as_str()),
        ];
        let mut add = |key, value: u64| {
            if value > 0 {
                attributes.push(SpanAttribute::number(key, value));
            }
        };
        add("flowtrigger.run.generation", run.generation.into());
        add("flowtrigger.run.retries", self.round as u64);
        add(
            "flowtrigger.run.reports_on",
            run.tells_of.map_or(0, |run| run.0),
        );
        add("flowtrigger.spans_omitted", omitted as u64);
        let failed_attempt = log.iter().rev().find_map(|entry| match entry {
            TracedEntry::Attempt(attempt) if !attempt.ends_an_item() => Some(attempt),
            TracedEntry::Attempt(_)
            | TracedEntry::Retried { .. }
            | TracedEntry::Waiting { .. }
            | TracedEntry::Started { .. } => None,
        });
        let failure = failed_attempt.and_then(|attempt| attempt.failure.as_ref());
        let has_failed = match self.is_last {
            true => FAILED.contains(&state),
            false => failure.is_some(),
        };
        if has_failed {
            attributes.push(SpanAttribute::text("error.type", state.to_owned()));
        }
        let message = failure.map(|failure| failure.message.as_str());
        let parent = run.trace.map(|trace| trace.span);
        TraceSpan {
            flags: match parent {
                Some(_) => FLAGS_REMOTE_PARENT,
                None => FLAGS_LOCAL_PARENT,
            },
            name: format!("run {}", run.rule),
            kind: SpanKind::Consumer,
            attributes,
            links: self.before().into_iter().collect(),
            status: has_failed.then(|| error(message.unwrap_or_default())),
            ..self.span(self.ids.run(), parent)
        }
    }

    /// The span of the run before it was retried.
    fn before(&self) -> Option<Link> {
        let before = self.round.checked_sub(1)?;
        let run = self.run;
        let ids = SpanIds::new(run.identity(), run.trace, run.id, before);
        Some(Link {
            trace_id: ids.trace(),
            span_id: ids.run(),
        })
    }

    /// The time before the first step.
    fn queued(&self, first: Timestamp) -> TraceSpan {
        TraceSpan {
            name: "queued".to_owned(),
            end: first,
            ..self.span(self.ids.queued(), Some(self.ids.run()))
        }
    }

    fn step(&self, step: &StepSpan<'_>) -> TraceSpan {
        let parent = match parent_path(step.path) {
            Some(parent) => self.ids.step(parent),
            None => self.ids.run(),
        };
        let mut attributes = vec![SpanAttribute::text("flowtrigger.step", step.path)];
        if step.waits {
            attributes.push(SpanAttribute::text("flowtrigger.step.action", "wait"));
        }
        TraceSpan {
            name: name_of(step.path),
            start: step.start,
            end: step.end,
            attributes,
            status: step.failure.map(error),
            ..self.span(self.ids.step(step.path), Some(parent))
        }
    }

    /// The span of an attempt; `None` for a result that a step computed itself.
    fn attempt(&self, attempt: &TracedAttempt) -> Option<TraceSpan> {
        let request = self.run.request_of(attempt);
        let is_computed = request.is_none() && attempt.took.is_zero();
        if attempt.ends_an_item() || is_computed {
            return None;
        }
        let AttemptShape {
            name,
            kind,
            mut attributes,
        } = AttemptShape::new(attempt, request);
        attributes.extend(self.place(&attempt.step, attempt.number));
        let failure = attempt.failure.as_ref();
        Some(TraceSpan {
            name,
            kind,
            start: attempt.started,
            end: attempt.ended(),
            attributes,
            status: failure.map(|failure| error(&failure.message)),
            ..self.attempt_of(&attempt.step, attempt.number)
        })
    }

    /// The span of an attempt without a result.
    fn interrupted(&self, step: &str, number: u32, at: Timestamp) -> TraceSpan {
        TraceSpan {
            name: "command".to_owned(),
            start: at,
            end: self.end.max(at),
            attributes: self.place(step, number).into(),
            status: Some(error(INTERRUPTED)),
            ..self.attempt_of(step, number)
        }
    }

    fn attempt_of(&self, step: &str, number: u32) -> TraceSpan {
        self.span(self.ids.attempt(step, number), Some(self.ids.step(step)))
    }

    fn place(&self, step: &str, number: u32) -> [SpanAttribute; 2] {
        [
            SpanAttribute::text("flowtrigger.step", step),
            SpanAttribute::number("flowtrigger.attempt", number.into()),
        ]
    }
}

const INTERRUPTED: &str = "it was interrupted, and its result is not known";

fn error(message: &str) -> SpanStatus {
    let message: String = message.chars().take(MAX_MESSAGE_CHARS).collect();
    SpanStatus::error(message)
}

/// The steps of a run in the order in which they started, each after those that contain it.
#[derive(Default)]
struct Steps<'r> {
    in_order: Vec<StepSpan<'r>>,
    by_path: HashMap<&'r str, usize>,
}

impl<'r> Steps<'r> {
    /// Something happened at a step, and in the steps that contain it.
    fn at(&mut self, path: &'r str, start: Timestamp, end: Timestamp) -> &mut StepSpan<'r> {
        if let Some(parent) = parent_path(path) {
            self.at(parent, start, end);
        }
        let index = match self.by_path.get(path) {
            Some(index) => *index,
            None => {
                self.by_path.insert(path, self.in_order.len());
                self.in_order.push(StepSpan {
                    path,
                    start,
                    end,
                    waits: false,
                    failure: None,
                });
                self.in_order.len() - 1
            }
        };
        let step = &mut self.in_order[index];
        step.start = step.start.min(start);
        step.end = step.end.max(end);
        step
    }
}

/// The path of the step that contains one: `each[2]` for `each[2].page`, and `each` for that.
fn parent_path(path: &str) -> Option<&str> {
    match path.ends_with(']') {
        true => path.rsplit_once('[').map(|(list, _)| list),
        false => path.rsplit_once('.').map(|(parent, _)| parent),
    }
}

/// The name of a step without what differs from run to run: the number of an item, and how often the step came before.
fn name_of(path: &str) -> String {
    let last = path.rsplit('.').next().unwrap_or(path);
    let name = last.split(['[', '#']).next().unwrap_or(last);
    match path.ends_with(']') {
        true => format!("{name}[]"),
        false => name.to_owned(),
    }
}

#[cfg(test)]
mod tests;
