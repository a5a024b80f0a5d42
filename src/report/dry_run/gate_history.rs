//! Reads the history of a rule's gates from the store, if there is one.
//! Nothing is written. If the store cannot be read, the gates are not checked and the reason is logged.

use jiff::Timestamp;
use tracing::warn;

use crate::report::error::CommandError;
use crate::store::History;
use crate::store::history::HistoryError;
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::gate::GateCheck;
use flowtrigger_core::gate::debounce::DebounceCheck;
use flowtrigger_core::gate::series::check::SeriesCheck;
use flowtrigger_core::loop_guard::{CausingRun, LoopCheck, LoopHistory};
use flowtrigger_core::matching::gate_status::GateState;
use flowtrigger_core::rule::Rule;

#[derive(Clone, Copy)]
pub struct GateHistorySource<'h> {
    history: Option<&'h dyn History>,
    now: Timestamp,
}

/// The store that was opened, if it could be.
pub fn opened(result: Result<Option<Box<dyn History>>, CommandError>) -> Option<Box<dyn History>> {
    match result {
        Ok(history) => history,
        Err(error) => {
            warn!(%error, "gates are not consulted");
            None
        }
    }
}

impl<'h> GateHistorySource<'h> {
    /// Without a history, gates are not consulted.
    pub fn new(history: Option<&'h dyn History>) -> Self {
        Self {
            history,
            now: Timestamp::now(),
        }
    }

    /// The same for another time.
    pub fn at(self, now: Timestamp) -> Self {
        Self { now, ..self }
    }

    /// The time for which the gates are judged.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Returns the history of the loop guard, with the chain that caused the event.
    pub fn consult_loops(
        &self,
        rule: &Rule,
        check: &LoopCheck,
    ) -> Option<(LoopHistory, Vec<CausingRun>)> {
        let found = self.history?.loop_history(&rule.name, check, self.now);
        found
            .map_err(|error| warn!(rule = %rule.name, %error, "the loop guard is not consulted"))
            .ok()
    }

    /// Returns the state of each gate now. Empty without a history.
    pub fn consult(&self, rule: &Rule, checks: &[GateCheck]) -> Vec<GateState> {
        let Some(history) = self.history else {
            return Vec::new();
        };
        let states = self.states(history, rule, checks);
        states.unwrap_or_else(|error| {
            warn!(rule = %rule.name, %error, "its gates are not consulted");
            Vec::new()
        })
    }

    fn states(
        &self,
        history: &dyn History,
        rule: &Rule,
        checks: &[GateCheck],
    ) -> Result<Vec<GateState>, HistoryError> {
        let debounce = checks.iter().find_map(DebounceCheck::from_gate_check);
        let open = match debounce.filter(|_| rule.mode == Mode::Live) {
            Some(debounce) => history.open_window(&rule.name, debounce.value, self.now)?,
            None => None,
        };
        let state = |check| match (
            DebounceCheck::from_gate_check(check),
            SeriesCheck::from_gate_check(check),
        ) {
            (Some(_), _) if rule.mode != Mode::Live => Ok(GateState::Open),
            (Some(debounce), _) => Ok(GateState::of_debounce(&debounce, open.as_ref(), self.now)),
            (None, Some(series)) => {
                let (state, events) = history.counted_events(&rule.name, &series, self.now)?;
                let why = series.outlook(&state, events, self.now);
                Ok(why.map_or(GateState::Open, |why| GateState::Closed { why }))
            }
            (None, None) => {
                let but = open.map(|open| open.run);
                let found = history.gate_history(&rule.name, check, but, self.now)?;
                Ok(check.decide(&found).into())
            }
        };
        checks.iter().map(state).collect()
    }
}
