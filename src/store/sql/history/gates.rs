//! What a gate and the loop guard would decide on now. The answer can be another one a moment later.

use jiff::Timestamp;

use super::{HistoryDatabase, SqlHistory};
use crate::store::history::HistoryError;
use crate::store::sql::params;
use crate::store::sqlite::gates::causation::{chain, loop_history};
use crate::store::sqlite::gates::gate_history;
use crate::store::sqlite::gates::series::kept_events;
use crate::store::sqlite::gates::window::window;
use flowtrigger_core::gate::debounce::DebounceWindow;
use flowtrigger_core::gate::series::check::SeriesCheck;
use flowtrigger_core::gate::series::{SeriesEvent, SeriesState};
use flowtrigger_core::gate::{GateCheck, GateHistory};
use flowtrigger_core::loop_guard::{CausingRun, LoopCheck, LoopHistory, MAX_CHAIN_LINKS};
use flowtrigger_core::run::RunId;

impl<D: HistoryDatabase> SqlHistory<D> {
    pub(super) fn admitted_runs(
        &self,
        rule: &str,
        check: &GateCheck,
        except: Option<RunId>,
        now: Timestamp,
    ) -> Result<GateHistory, HistoryError> {
        match self.queue(rule)? {
            Some(queue) => {
                let connection = &self.database;
                Ok(gate_history(connection, queue, check, except, now)?)
            }
            None => Ok(GateHistory::default()),
        }
    }

    pub(super) fn kept_for(
        &self,
        rule: &str,
        check: &SeriesCheck<'_>,
        now: Timestamp,
    ) -> Result<(SeriesState, Vec<SeriesEvent>), HistoryError> {
        match self.queue(rule)? {
            Some(queue) => Ok(kept_events(&self.database, queue, check, check.time(now))?),
            None => Ok(Default::default()),
        }
    }

    pub(super) fn window_for(
        &self,
        rule: &str,
        value: &str,
        now: Timestamp,
    ) -> Result<Option<DebounceWindow>, HistoryError> {
        let open = match self.queue(rule)? {
            Some(queue) => window(&self.database, queue, value)?,
            None => None,
        };
        let open = open.map(|window| window.gathering);
        Ok(open.filter(|gathering| gathering.until > now))
    }

    pub(super) fn find_loop_history(
        &self,
        rule: &str,
        check: &LoopCheck,
        now: Timestamp,
    ) -> Result<(LoopHistory, Vec<CausingRun>), HistoryError> {
        let facts = loop_history(&self.database, self.queue(rule)?, check, now)?;
        let chain = match facts.cause {
            Some((cause, _)) => chain(&self.database, cause, MAX_CHAIN_LINKS)?,
            None => Vec::new(),
        };
        Ok((facts, chain))
    }

    fn queue(&self, rule: &str) -> Result<Option<i64>, HistoryError> {
        let sql = "SELECT id FROM queues WHERE rule = ?1";
        self.database.first(sql, params![rule], |row| row.get(0))
    }
}
