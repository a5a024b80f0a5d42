//! Which runs count at a gate: when they were let through, by rule, gate and value.
//! It decides nothing: a gate reads these facts and says itself whether it is open.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::shift::moved;
use crate::core::gate::{Ask, Debounce, Facts, Gathering, Kind, Opening, Turn};
use crate::core::run::{RunId, State};

#[derive(Debug, Default)]
pub struct Charges(HashMap<Gate, Vec<(Timestamp, RunId)>>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Gate {
    rule: String,
    gate: &'static str,
    value: String,
}

impl Gate {
    fn of(rule: &str, ask: &Ask) -> Self {
        Self {
            rule: rule.to_owned(),
            gate: ask.kind.word(),
            value: ask.value.clone(),
        }
    }
}

impl Charges {
    /// The first gate that is closed. A window that the event comes into counts as its own run: what
    /// that run was charged stands in no event's way.
    pub fn closed(
        &mut self,
        rule: &str,
        asks: &[Ask],
        open: Option<(Debounce<'_>, &Gathering)>,
        now: Timestamp,
    ) -> Option<State> {
        asks.iter().find_map(|ask| {
            let why = match (ask.kind, open) {
                (Kind::Debounce { .. }, Some((debounce, open))) => {
                    match debounce.turn(Some(open)) {
                        Turn::Joins(_) => debounce.joined(open),
                        Turn::Opens | Turn::Replaces(_) => return None,
                    }
                }
                (Kind::Debounce { .. }, None) => return None,
                (Kind::Dedupe | Kind::Throttle { .. }, _) => {
                    let but = open.map(|(_, open)| open.run);
                    match ask.decide(&self.facts(rule, ask, but, now)) {
                        Opening::Open => return None,
                        Opening::Closed { why } => why,
                    }
                }
            };
            let gate = ask.kind.word().to_owned();
            Some(State::Suppressed { gate, why })
        })
    }

    /// A run passed all gates.
    pub fn charge(&mut self, rule: &str, asks: &[Ask], run: RunId, now: Timestamp) {
        for ask in asks.iter().filter(|ask| Debounce::of(ask).is_none()) {
            let charges = self.0.entry(Gate::of(rule, ask)).or_default();
            charges.push((now, run));
        }
    }

    /// A run that never did its work counts no more for a `dedupe`.
    pub fn give_back(&mut self, rule: &str, asks: &[Ask], run: RunId) {
        self.let_off(
            rule,
            asks.iter().filter(|ask| ask.kind == Kind::Dedupe),
            run,
        );
    }

    /// A run whose place was taken counts nowhere, as if it had never been.
    pub fn give_all_back(&mut self, rule: &str, asks: &[Ask], run: RunId) {
        self.let_off(rule, asks.iter(), run);
    }

    fn let_off<'a>(&mut self, rule: &str, asks: impl Iterator<Item = &'a Ask>, run: RunId) {
        for ask in asks {
            if let Some(charges) = self.0.get_mut(&Gate::of(rule, ask)) {
                charges.retain(|(_, charged)| *charged != run);
            }
        }
    }

    pub fn shift(&mut self, by: SignedDuration) {
        for (at, _) in self.0.values_mut().flatten() {
            *at = moved(*at, by);
        }
    }

    /// What is known of the runs that count, one of them left out.
    fn facts(&mut self, rule: &str, ask: &Ask, but: Option<RunId>, now: Timestamp) -> Facts {
        let gate = Gate::of(rule, ask);
        let since = ask.since(now);
        let Some(charges) = self.0.get_mut(&gate) else {
            return Facts::default();
        };
        charges.retain(|(at, _)| *at > since);
        let mut others = charges.iter().filter(|(_, run)| Some(*run) != but);
        let facts = Facts {
            oldest: others.clone().next().map(|(at, run)| (*run, *at)),
            runs: u32::try_from(others.by_ref().count()).unwrap_or(u32::MAX),
        };
        if charges.is_empty() {
            self.0.remove(&gate);
        }
        facts
    }
}
