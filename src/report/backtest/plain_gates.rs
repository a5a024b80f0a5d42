//! Decides at once which matches become runs, for rules whose gates are `during`, `dedupe` and `throttle` alone: they depend on
//! the times of earlier runs and on nothing else. A store decides on the others.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};

use jiff::{SignedDuration, Timestamp};

use crate::report::backtest::outcome::MatchOutcome;
use crate::store::PlannedRun;
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::gate::{Gate, GateCheck, GateDecision, GateHistory, GateKind};
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::RunId;

/// The times of commits may go back by less than this: a commit has the time at which its event was received.
const DISORDER: SignedDuration = SignedDuration::from_mins(1);
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
#[derive(Debug)]
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
            admissions.add(matched.at, run);
            admissions.until = admissions.until.max(check.window.after(matched.at));
        }
        if let Some(at) = matched.released
            && !dedupes.is_empty()
        {
            self.ends.push(Reverse((at, run)));
            self.dedupes.insert(run, dedupes);
        }
        if self.admitted.len() > self.sweep_at.max(SWEEP) {
            let until = matched.at.checked_sub(DISORDER).unwrap_or(Timestamp::MIN);
            self.admitted
                .retain(|_, admissions| admissions.until >= until);
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

impl Default for Admissions {
    fn default() -> Self {
        Self {
            runs: VecDeque::new(),
            until: Timestamp::MIN,
        }
    }
}

impl Admissions {
    /// Adds a run. Its time may be earlier than that of the run before.
    fn add(&mut self, at: Timestamp, run: u64) {
        let later = self.runs.iter().rev().take_while(|(other, _)| *other > at);
        let place = self.runs.len() - later.count();
        self.runs.insert(place, (at, run));
    }

    /// The runs after a time.
    fn history(&mut self, since: Timestamp) -> GateHistory {
        let is_over = |at: Timestamp| since.duration_since(at) > DISORDER;
        while self.runs.front().is_some_and(|(at, _)| is_over(*at)) {
            self.runs.pop_front();
        }
        let before = self.runs.partition_point(|(at, _)| *at <= since);
        GateHistory {
            runs: u32::try_from(self.runs.len() - before).unwrap_or(u32::MAX),
            oldest: self.runs.get(before).map(|(at, run)| (RunId(*run), *at)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_count_by_their_times_whatever_their_order() {
        let at = |seconds: i64| Timestamp::from_second(seconds).expect("a time");
        let mut admissions = Admissions::default();
        for (run, seconds) in [(1, 100), (2, 99), (3, 101)] {
            admissions.add(at(seconds), run);
        }
        let counted = |admissions: &mut Admissions, since: i64| {
            let history = admissions.history(at(since));
            (history.runs, history.oldest.map(|(run, _)| run.0))
        };
        assert_eq!(counted(&mut admissions, 99), (2, Some(1)));
        assert_eq!(counted(&mut admissions, 98), (3, Some(2)));
        assert_eq!(counted(&mut admissions, 150), (0, None));
        let earlier = counted(&mut admissions, 98);
        assert_eq!(earlier, (3, Some(2)), "a commit of an earlier time");
        assert_eq!(counted(&mut admissions, 1_000), (0, None));
        assert!(admissions.runs.is_empty());
    }
}
