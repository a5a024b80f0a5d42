//! What earlier runs would have a rule's gates say now, read from the data folder where there is one.
//! It charges nothing, and where it cannot read it leaves the gates unasked and logs why.

use jiff::Timestamp;
use tracing::warn;

use crate::cli::options::GlobalOptions;
use crate::store::History;
use crate::store::history::{HistoryError, HistoryOpenError};
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::gate::GateCheck;
use flowtrigger_core::gate::debounce::DebounceCheck;
use flowtrigger_core::loop_guard::{CausingRun, LoopCheck, LoopHistory};
use flowtrigger_core::matching::gate_status::GateState;
use flowtrigger_core::rule::Rule;

pub struct GateHistorySource {
    history: Option<Box<dyn History>>,
    now: Timestamp,
}

impl GateHistorySource {
    pub fn of(global: &GlobalOptions) -> Self {
        let history = match global.history() {
            Ok(history) => Some(history),
            Err(HistoryOpenError::Nothing(_)) => None,
            Err(error) => {
                warn!(%error, "gates are not consulted");
                None
            }
        };
        Self {
            history,
            now: Timestamp::now(),
        }
    }

    /// Without a data folder.
    #[cfg(test)]
    pub fn none() -> Self {
        Self {
            history: None,
            now: Timestamp::UNIX_EPOCH,
        }
    }

    /// The same of the loop guard, with the chain that leads to the event.
    pub fn consult_loops(
        &self,
        rule: &Rule,
        ask: &LoopCheck,
    ) -> Option<(LoopHistory, Vec<CausingRun>)> {
        let facts = self
            .history
            .as_ref()?
            .loop_history(&rule.name, ask, self.now);
        facts
            .map_err(|error| warn!(rule = %rule.name, %error, "the loop guard is not consulted"))
            .ok()
    }

    /// What each gate would say now; nothing where nothing is known.
    pub fn consult(&self, rule: &Rule, asks: &[GateCheck]) -> Vec<GateState> {
        let Some(history) = &self.history else {
            return Vec::new();
        };
        let standings = self.standings(&**history, rule, asks);
        standings.unwrap_or_else(|error| {
            warn!(rule = %rule.name, %error, "its gates are not consulted");
            Vec::new()
        })
    }

    fn standings(
        &self,
        history: &dyn History,
        rule: &Rule,
        asks: &[GateCheck],
    ) -> Result<Vec<GateState>, HistoryError> {
        let debounce = asks.iter().find_map(DebounceCheck::of);
        let open = match debounce.filter(|_| rule.mode == Mode::Live) {
            Some(debounce) => history.open_window(&rule.name, debounce.value, self.now)?,
            None => None,
        };
        let standing = |ask| match DebounceCheck::of(ask) {
            Some(_) if rule.mode != Mode::Live => Ok(GateState::Open),
            Some(debounce) => Ok(GateState::of_debounce(&debounce, open.as_ref(), self.now)),
            None => {
                let but = open.map(|open| open.run);
                let facts = history.gate_history(&rule.name, ask, but, self.now)?;
                Ok(ask.decide(&facts).into())
            }
        };
        asks.iter().map(standing).collect()
    }
}
