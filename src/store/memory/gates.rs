//! Which runs count at a gate: when they were let through, by rule, gate and value.
//! It decides nothing: a gate reads these facts and says itself whether it is open.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::shift::moved;
use crate::core::gate::{Ask, Facts, Kind, Opening};
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
    /// The first gate that is closed.
    pub fn closed(&mut self, rule: &str, asks: &[Ask], now: Timestamp) -> Option<State> {
        asks.iter().find_map(|ask| {
            let facts = self.facts(rule, ask, now);
            match ask.decide(&facts) {
                Opening::Open => None,
                Opening::Closed { why } => Some(State::Suppressed {
                    gate: ask.kind.word().to_owned(),
                    why,
                }),
            }
        })
    }

    /// A run passed all gates.
    pub fn charge(&mut self, rule: &str, asks: &[Ask], run: RunId, now: Timestamp) {
        for ask in asks {
            let charges = self.0.entry(Gate::of(rule, ask)).or_default();
            charges.push((now, run));
        }
    }

    /// A run that never did its work counts no more for a `dedupe`.
    pub fn give_back(&mut self, rule: &str, asks: &[Ask], run: RunId) {
        for ask in asks.iter().filter(|ask| ask.kind == Kind::Dedupe) {
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

    fn facts(&mut self, rule: &str, ask: &Ask, now: Timestamp) -> Facts {
        let gate = Gate::of(rule, ask);
        let since = ask.since(now);
        let Some(charges) = self.0.get_mut(&gate) else {
            return Facts::default();
        };
        charges.retain(|(at, _)| *at > since);
        let facts = Facts {
            runs: u32::try_from(charges.len()).unwrap_or(u32::MAX),
            oldest: charges.first().map(|(at, run)| (*run, *at)),
        };
        if charges.is_empty() {
            self.0.remove(&gate);
        }
        facts
    }
}
