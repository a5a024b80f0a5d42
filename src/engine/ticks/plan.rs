//! Decides which ticks are due: in the order of time, and missed ones as the rules say. Functions of the time that they are
//! given.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::is_missed;
use crate::store::LastTick;
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::event::Event;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::schedule::every::{Every, MISSED_AFTER, MissedTicks};

/// Missed ticks of one rule that run with `missed: all`.
const MOST_MISSED: usize = 1_000;
/// Ticks that wait for the store. Further ones are planned when it has taken these.
const MOST_DUE: usize = 50_000;
/// A last tick that is so far in the future was noted while the clock was wrong.
const CLOCK_WAS_WRONG: SignedDuration = SignedDuration::from_hours(1);

/// The rules with `every`, and their ticks that wait to be committed.
#[derive(Default)]
pub struct TickPlan {
    rules: BTreeMap<Arc<str>, TickingRule>,
    /// The next tick of each rule.
    order: BTreeSet<(Timestamp, Arc<str>)>,
    due: VecDeque<DueTick>,
    /// The last ticks that the store does not have yet.
    unnoted: BTreeMap<Arc<str>, LastTick>,
}

struct TickingRule {
    rule: Arc<Rule>,
    every: Arc<Every>,
    /// The last tick that was planned, or when the rule was loaded.
    planned: Timestamp,
}

/// A tick that is to be committed.
#[derive(Clone)]
pub struct DueTick {
    pub rule: Arc<Rule>,
    pub at: Timestamp,
    pub missed: bool,
}

/// Missed ticks of a rule that do not run.
#[derive(Debug, PartialEq)]
pub struct Skipped {
    pub rule: Arc<str>,
    pub since: Timestamp,
    pub until: Timestamp,
    /// How many, if `all` of them should run.
    pub left_out: Option<usize>,
}

impl DueTick {
    pub fn event(&self) -> Option<Event> {
        self.rule.tick(self.at, self.missed)
    }

    fn last(&self) -> LastTick {
        LastTick {
            rule: self.rule.name.clone(),
            expression: expression(&self.rule),
            at: self.at,
        }
    }
}

fn expression(rule: &Rule) -> String {
    let every = rule.every.as_ref();
    every.map(|every| every.text()).unwrap_or_default()
}

impl TickPlan {
    /// Takes the rules that tick. Returns the names that the store has and that are none of them any more.
    pub fn set_rules(
        &mut self,
        rules: &[Arc<Rule>],
        known: Vec<LastTick>,
        now: Timestamp,
    ) -> Vec<String> {
        let mut known: BTreeMap<String, LastTick> = known
            .into_iter()
            .map(|last| (last.rule.clone(), last))
            .collect();
        let before = std::mem::take(&mut self.rules);
        self.order.clear();
        for rule in rules.iter().filter(|rule| rule.mode != Mode::Disabled) {
            let Some(every) = &rule.every else { continue };
            let name: Arc<str> = rule.name.as_str().into();
            let stored = known.remove(&rule.name);
            let stored = stored.filter(|last| last.expression == every.text());
            let planned = before.get(&name);
            let planned = planned.filter(|planned| planned.every.text() == every.text());
            let planned = match (planned, &stored) {
                (Some(planned), _) => planned.planned,
                (None, Some(stored)) => stored.at,
                (None, None) => now,
            };
            if stored.is_none() {
                let last = LastTick {
                    rule: rule.name.clone(),
                    expression: every.text(),
                    at: planned,
                };
                self.unnoted.insert(Arc::clone(&name), last);
            }
            let ticking = TickingRule {
                rule: Arc::clone(rule),
                every: Arc::clone(every),
                planned,
            };
            self.rules.insert(Arc::clone(&name), ticking);
            self.plan_next(&name);
        }
        self.keep_due();
        known.into_keys().collect()
    }

    /// Removes ticks of rules that are gone or tick at other times, and gives the others the current rule.
    fn keep_due(&mut self) {
        let rules = &self.rules;
        let due = std::mem::take(&mut self.due).into_iter();
        let kept = due.filter_map(|tick| {
            let ticking = rules.get(tick.rule.name.as_str())?;
            let same = ticking.every.text() == expression(&tick.rule);
            same.then(|| DueTick {
                rule: Arc::clone(&ticking.rule),
                ..tick
            })
        });
        self.due = kept.collect();
        self.unnoted.retain(|name, _| rules.contains_key(name));
    }

    /// Plans the ticks that are due. Returns those that are left out.
    pub fn advance(&mut self, now: Timestamp) -> Vec<Skipped> {
        let mut skipped = Vec::new();
        let mut new = Vec::new();
        self.correct_clock(now);
        while self.due.len() + new.len() < MOST_DUE
            && let Some((next, name)) = self.order.first().cloned()
            && next <= now
        {
            self.order.pop_first();
            let Some(ticking) = self.rules.get_mut(&name) else {
                continue;
            };
            let (ticks, left_out) = ticking.ticks(&name, now);
            skipped.extend(left_out);
            // Ticks that do not run are not planned again.
            ticking.planned = ticks.last().copied().unwrap_or(now);
            if ticks.is_empty() {
                self.unnoted.insert(Arc::clone(&name), ticking.last());
            }
            new.extend(ticks.into_iter().map(|at| DueTick {
                rule: Arc::clone(&ticking.rule),
                at,
                missed: is_missed(at, now),
            }));
            self.plan_next(&name);
        }
        new.sort_by(|a, b| (a.at, &a.rule.name).cmp(&(b.at, &b.rule.name)));
        self.due.extend(new);
        skipped
    }

    /// Lets rules tick again whose last tick is in the future.
    fn correct_clock(&mut self, now: Timestamp) {
        let latest = now.checked_add(CLOCK_WAS_WRONG).unwrap_or(Timestamp::MAX);
        let ahead = self.rules.iter_mut();
        let ahead = ahead.filter(|(_, ticking)| ticking.planned > latest);
        let names: Vec<Arc<str>> = ahead
            .map(|(name, ticking)| {
                ticking.planned = now;
                Arc::clone(name)
            })
            .collect();
        if !names.is_empty() {
            self.order.retain(|(_, name)| !names.contains(name));
        }
        for name in names {
            self.plan_next(&name);
        }
    }

    fn plan_next(&mut self, name: &Arc<str>) {
        let ticking = self.rules.get(name);
        let next = ticking.and_then(|ticking| ticking.every.next(ticking.planned));
        if let Some(next) = next {
            self.order.insert((next, Arc::clone(name)));
        }
    }

    /// The ticks that wait to be committed, in their order.
    pub fn due(&self) -> &VecDeque<DueTick> {
        &self.due
    }

    /// When something is due next.
    pub fn next(&self) -> Option<Timestamp> {
        let waiting = self.due.front().map(|tick| tick.at);
        let next = self.order.first().map(|(next, _)| *next);
        waiting.or(next)
    }

    /// The first ticks were committed.
    pub fn committed(&mut self, count: usize) {
        for tick in self.due.drain(..count.min(self.due.len())) {
            self.unnoted
                .insert(tick.rule.name.as_str().into(), tick.last());
        }
    }

    /// Removes ticks that another daemon committed.
    pub fn skip_committed(&mut self, known: &[LastTick]) {
        let known: BTreeMap<&str, &LastTick> = known
            .iter()
            .map(|last| (last.rule.as_str(), last))
            .collect();
        self.due.retain(|tick| {
            let last = known.get(tick.rule.name.as_str());
            let last = last.filter(|last| last.expression == expression(&tick.rule));
            last.is_none_or(|last| last.at < tick.at)
        });
    }

    /// What the store does not have yet.
    pub fn unnoted(&self) -> Vec<LastTick> {
        self.unnoted.values().cloned().collect()
    }

    /// The store has it.
    pub fn noted(&mut self) {
        self.unnoted.clear();
    }
}

impl TickingRule {
    fn last(&self) -> LastTick {
        LastTick {
            rule: self.rule.name.clone(),
            expression: self.every.text(),
            at: self.planned,
        }
    }

    /// The ticks from the last one until now that run, and those that are left out.
    fn ticks(&self, name: &Arc<str>, now: Timestamp) -> (Vec<Timestamp>, Option<Skipped>) {
        match self.every.missed {
            MissedTicks::All => self.all_ticks(name, now),
            MissedTicks::Last | MissedTicks::None => self.newest_ticks(name, now),
        }
    }

    fn all_ticks(&self, name: &Arc<str>, now: Timestamp) -> (Vec<Timestamp>, Option<Skipped>) {
        let mut ticks = VecDeque::new();
        let (mut left_out, mut first) = (0, None);
        for tick in self.since(self.planned, now) {
            ticks.push_back(tick);
            if ticks.len() > MOST_MISSED {
                left_out += 1;
                first = first.or(ticks.pop_front());
            }
        }
        let skipped = first.map(|since| Skipped {
            rule: Arc::clone(name),
            since,
            until: ticks.front().copied().unwrap_or(now),
            left_out: Some(left_out),
        });
        (ticks.into(), skipped)
    }

    /// The ticks that are not late; if there are none and the rule wants it, the last one that is.
    fn newest_ticks(&self, name: &Arc<str>, now: Timestamp) -> (Vec<Timestamp>, Option<Skipped>) {
        let recent = now.checked_sub(MISSED_AFTER).unwrap_or(Timestamp::MIN);
        let before = recent.checked_sub(SignedDuration::from_nanos(1));
        let from = self.planned.max(before.unwrap_or(recent));
        let mut ticks: Vec<Timestamp> = self.since(from, now).collect();
        if ticks.is_empty() && self.every.missed == MissedTicks::Last {
            let newest = self.every.previous(now);
            ticks.extend(newest.filter(|newest| *newest > self.planned));
        }
        let first = self.every.next(self.planned).unwrap_or(now);
        let until = ticks.first().copied().unwrap_or(now);
        let skipped = (first < until).then(|| Skipped {
            rule: Arc::clone(name),
            since: first,
            until,
            left_out: None,
        });
        (ticks, skipped)
    }

    fn since(&self, from: Timestamp, now: Timestamp) -> impl Iterator<Item = Timestamp> {
        let next = move |last: &Timestamp| self.every.next(*last).filter(|next| *next <= now);
        std::iter::successors(next(&from), next)
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
