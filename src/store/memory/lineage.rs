//! What runs wrote about, so that an event can be laid to the one that caused it.
//! It decides nothing, and forgets what is older than the guard looks back.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::Inner;
use super::shift::moved;
use crate::core::gate::Facts;
use crate::core::loop_guard::{GATE, Guard, LINKS, Lineage, Link, LoopAsk, LoopFacts, Search};
use crate::core::run::{RunId, State};

/// By source and key.
#[derive(Debug)]
pub struct Traces(HashMap<String, Vec<Trace>>, usize);

/// Keys that are kept before those are looked for that count no more.
const MOST: usize = 10_000;

impl Default for Traces {
    fn default() -> Self {
        Self(HashMap::new(), MOST)
    }
}

#[derive(Debug)]
struct Trace {
    at: Timestamp,
    run: RunId,
    depth: u32,
    /// None of a replay, which counts in no rate.
    rule: Option<String>,
    guard: Arc<Guard>,
}

impl Trace {
    fn counts(&self, now: Timestamp) -> bool {
        let within = SignedDuration::try_from(self.guard.limits.within);
        let until = self.at.checked_add(within.unwrap_or(SignedDuration::MAX));
        until.map_or(true, |until| until > now)
    }
}

impl Traces {
    /// Lets go of what looks back no further than any guard does.
    fn bound(&mut self, now: Timestamp) {
        if self.0.len() >= self.1 {
            self.0
                .retain(|_, traces| traces.iter().any(|trace| trace.counts(now)));
            self.1 = MOST.max(self.0.len() * 2);
        }
    }

    pub fn shift(&mut self, by: SignedDuration) {
        for trace in self.0.values_mut().flatten() {
            trace.at = moved(trace.at, by);
        }
    }

    /// A run whose place was taken wrote nothing.
    pub fn forget(&mut self, run: RunId) {
        for traces in self.0.values_mut() {
            traces.retain(|trace| trace.run != run);
        }
    }

    fn since(&self, about: &str, since: Timestamp) -> impl DoubleEndedIterator<Item = &Trace> {
        let traces = self.0.get(about).into_iter().flatten();
        traces.filter(move |trace| trace.at > since)
    }

    fn rate(&self, rule: &str, about: &str, since: Timestamp) -> Facts {
        let of_rule = |trace: &&Trace| trace.rule.as_deref() == Some(rule);
        let mut runs = self.since(about, since).filter(of_rule).peekable();
        let oldest = runs.peek().map(|trace| (trace.run, trace.at));
        Facts {
            oldest,
            runs: u32::try_from(runs.count()).unwrap_or(u32::MAX),
        }
    }
}

impl Inner {
    /// Where the run would stand, and the state that it ends in where it may not begin.
    pub fn loop_guard(
        &self,
        rule: &str,
        ask: &LoopAsk,
        now: Timestamp,
    ) -> (Lineage, Option<State>) {
        let rate = ask.rate(now);
        let facts = LoopFacts {
            cause: ask.cause(now).and_then(|search| self.cause(search)),
            rate: rate.map_or_else(Facts::default, |(about, since)| {
                self.traces.rate(rule, about, since)
            }),
        };
        let lineage = ask.lineage(&facts);
        let closed = ask.decide(&facts).map(|tripped| State::Suppressed {
            gate: GATE.to_owned(),
            why: ask.why(tripped, &facts, &self.chain(lineage.cause)),
        });
        (lineage, closed)
    }

    /// Remembers that a run wrote about something; a replay has no rule to count for.
    pub fn trace(
        &mut self,
        rule: Option<&str>,
        ask: &LoopAsk,
        (run, lineage): (RunId, Lineage),
        now: Timestamp,
    ) {
        let Some(about) = ask.trace() else {
            return;
        };
        self.traces.bound(now);
        let traces = self.traces.0.entry(about.to_owned()).or_default();
        traces.retain(|trace| trace.counts(now));
        traces.push(Trace {
            at: now,
            run,
            depth: lineage.depth,
            rule: rule.map(str::to_owned),
            guard: Arc::clone(&ask.guard),
        });
    }

    fn cause(&self, search: Search<'_>) -> Option<(RunId, u32)> {
        let mut newest_first = self.traces.since(search.about, search.since).rev();
        let as_actor = |trace: &Trace| match search.actor {
            Some(actor) => trace.guard.acts_as.iter().any(|known| known == actor),
            None => true,
        };
        let found = newest_first.find(|trace| as_actor(trace) && self.began(trace.run))?;
        Some((found.run, found.depth))
    }

    /// What has not begun has written nothing; what is forgotten is over.
    fn began(&self, run: RunId) -> bool {
        let Some(record) = self.runs.get(&run).map(|kept| &kept.record) else {
            return true;
        };
        match record.state {
            State::Queued
            | State::Debouncing { .. }
            | State::Held { .. }
            | State::Skipped { .. }
            | State::Cancelled => !record.log.is_empty(),
            State::Running
            | State::Retrying { .. }
            | State::Waiting { .. }
            | State::Done
            | State::Shadow
            | State::Dead { .. }
            | State::Suppressed { .. } => true,
        }
    }

    fn chain(&self, cause: Option<RunId>) -> Vec<Link> {
        let mut chain = Vec::new();
        let mut next = cause;
        while let Some(kept) = next.and_then(|run| self.runs.get(&run)) {
            if chain.len() == LINKS {
                break;
            }
            let record = &kept.record;
            chain.push(Link {
                run: record.id,
                rule: record.rule.name.clone(),
            });
            next = record.lineage.cause;
        }
        chain
    }
}
