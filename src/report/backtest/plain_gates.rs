//! Decides at once which matches become runs, for rules whose gates are `during`, `dedupe` and `throttle` alone: they depend on
//! the times of earlier runs and on nothing else. A store decides on the others.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};

use jiff::Timestamp;

use crate::report::backtest::outcome::MatchOutcome;
use crate::store::PlannedRun;
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::gate::{Gate, GateCheck, GateDecision, GateHistory, GateKind};
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::RunId;

/// Values between two looks for those that no longer count.
const SWEEP: usize = 65_536;

/// The runs that count at the gates.
#[derive(Debug, Default)]
pub struct PlainGates {
    admitted: HashMap<GateValue, Admissions>,
    /// Runs that end without their work, by the time of their end.
    ends: BinaryHeap<Reverse<(Timestamp, u64)>>,
    /// Where such a run counts until then.
    dedupes: HashMap<u64, Vec<GateValue>>,
    last_run: u64,
    sweep_at: usize,
}

/// The value of one gate of one rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct GateValue {
    rule: u32,
    gate: &'static str,
    value: Box<str>,
}

/// The runs that count for one value, the earliest first.
#[derive(Debug, Default)]
struct Admissions {
    runs: VecDeque<(Timestamp, u64)>,
    /// When the newest of them no longer counts.
    until: Timestamp,
}

/// The match of one event.
#[derive(Debug, Clone, Copy)]
pub struct PlainMatch<'m> {
    /// The number of the rule.
    pub rule: u32,
    pub planned: &'m PlannedRun,
    pub received: Timestamp,
    /// When it is committed.
    pub at: Timestamp,
    /// When its run ends without its work.
    pub released: Option<Timestamp>,
}

/// Whether the gates of a rule can be decided here. Two gates of one kind would share their values.
pub fn has_plain_gates(rule: &Rule) -> bool {
    let is_plain = |gate: &Gate| match gate.kind {
        GateKind::During(_) | GateKind::Dedupe | GateKind::Throttle { .. } => true,
        GateKind::Debounce { .. } | GateKind::Series(_) => false,
    };
    let kinds: HashSet<&str> = rule.gates.iter().map(|gate| gate.kind.as_str()).collect();
    kinds.len() == rule.gates.len() && rule.gates.iter().all(is_plain)
}

impl PlainGates {
    /// Decides on the next match in the order of the commits.
    pub fn decide(&mut self, matched: &PlainMatch<'_>) -> MatchOutcome {
        self.release(matched.at);
        for check in &matched.planned.asks {
            if !self.admits(matched, check) {
                return MatchOutcome::KeptBack(check.kind.as_str());
            }
        }
        self.admit(matched);
        match matched.planned.mode {
            Mode::Live => MatchOutcome::Run,
            Mode::Shadow => MatchOutcome::ShadowRun,
            Mode::Disabled => MatchOutcome::NoMatch,
        }
    }

    fn admits(&mut self, matched: &PlainMatch<'_>, check: &GateCheck) -> bool {
        let decision = match check.decide_during(matched.received) {
            Some(decision) => decision,
            None => {
                let since = check.since(matched.at);
                let counted = self.admitted.get_mut(&value(matched.rule, check));
                let history = counted.map(|admissions| admissions.history(since));
                check.decide(&history.unwrap_or_default())
            }
        };
        decision == GateDecision::Admit
    }

    fn admit(&mut self, matched: &PlainMatch<'_>) {
        self.last_run += 1;
        let run = self.last_run;
        let mut dedupes = Vec::new();
        let checks = matched.planned.asks.iter();
        for check in checks.filter(|check| check.kind.counts_runs()) {
            let value = value(matched.rule, check);
            if matched.released.is_some() && check.kind == GateKind::Dedupe {
                dedupes.push(value.clone());
            }
            let admissions = self.admitted.entry(value).or_default();
            admissions.runs.push_back((matched.at, run));
            admissions.until = check.window.after(matched.at);
        }
        if let Some(at) = matched.released
            && !dedupes.is_empty()
        {
            self.ends.push(Reverse((at, run)));
            self.dedupes.insert(run, dedupes);
        }
        if self.admitted.len() > self.sweep_at.max(SWEEP) {
            self.admitted
                .retain(|_, admissions| admissions.until >= matched.at);
            self.sweep_at = self.admitted.len() * 2;
        }
    }

    /// Lets runs that ended without their work no longer count for `dedupe`.
    fn release(&mut self, until: Timestamp) {
        while let Some(Reverse((at, run))) = self.ends.peek().copied()
            && at <= until
        {
            self.ends.pop();
            for value in self.dedupes.remove(&run).unwrap_or_default() {
                if let Some(admissions) = self.admitted.get_mut(&value) {
                    admissions.runs.retain(|(_, counted)| *counted != run);
                }
            }
        }
    }
}

impl Admissions {
    /// The runs after a time. Earlier ones never count again.
    fn history(&mut self, since: Timestamp) -> GateHistory {
        while self.runs.front().is_some_and(|(at, _)| *at <= since) {
            self.runs.pop_front();
        }
        GateHistory {
            runs: u32::try_from(self.runs.len()).unwrap_or(u32::MAX),
            oldest: self.runs.front().map(|(at, run)| (RunId(*run), *at)),
        }
    }
}

fn value(rule: u32, check: &GateCheck) -> GateValue {
    GateValue {
        rule,
        gate: check.kind.as_str(),
        value: check.value.as_str().into(),
    }
}
