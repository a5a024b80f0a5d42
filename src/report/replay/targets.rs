//! Reads the events of a replay one by one, in its order. A page holds the names of the events and no bodies, so that
//! memory is limited whatever the events are.

use std::collections::VecDeque;

use crate::report::error::CommandError;
use crate::report::replay::scope::{ReplayScope, SelectedRuns};
use crate::report::replay::state_file::ReplayProgress;
use crate::store::History;
use crate::store::history::{
    ArchivePosition, ArchivedEvent, HistoryError, Page, RunFilter, RunRow,
};
use flowtrigger_core::run::RunId;

/// Events per page.
pub const PAGE: usize = 500;

/// One event to replay.
#[derive(Debug, Clone)]
pub enum ReplayTarget {
    Event(ArchivedEvent),
    /// The event of a run.
    Run(Box<RunOfEvent>),
    /// The run was deleted since it was selected.
    DeletedRun(RunId),
}

#[derive(Debug, Clone)]
pub struct RunOfEvent {
    pub run: RunRow,
    pub event: ArchivedEvent,
}

/// The events of a replay from a place on.
pub struct ReplayTargets<'a> {
    history: &'a dyn History,
    scope: &'a ReplayScope,
    page: VecDeque<ArchivedEvent>,
    after: Option<ArchivePosition>,
    /// Runs that were read.
    index: usize,
}

impl<'a> ReplayTargets<'a> {
    /// Continues behind what is completed.
    pub fn new(
        history: &'a dyn History,
        scope: &'a ReplayScope,
        progress: &ReplayProgress,
    ) -> Self {
        Self {
            history,
            scope,
            page: VecDeque::new(),
            after: progress.position(),
            index: progress.events,
        }
    }

    pub fn read_next(&mut self) -> Result<Option<ReplayTarget>, CommandError> {
        match self.scope {
            ReplayScope::Runs(selected) => self.next_run(selected),
            ReplayScope::Archive(scope) => loop {
                if self.page.is_empty() {
                    let page = self.history.archive(&scope.filter(), self.after, PAGE)?;
                    self.page = page.into();
                }
                let Some(event) = self.page.pop_front() else {
                    return Ok(None);
                };
                self.after = Some(event.position);
                if scope.row.is_none_or(|row| row == event.position.row.0) {
                    return Ok(Some(ReplayTarget::Event(event)));
                }
            },
        }
    }

    fn next_run(&mut self, selected: &SelectedRuns) -> Result<Option<ReplayTarget>, CommandError> {
        let Some(run) = selected.runs.get(self.index) else {
            return Ok(None);
        };
        self.index += 1;
        let run = RunId(*run);
        // Not `History::run`: it compiles the rules of that time.
        let found = self.history.runs(&RunFilter::one(run), Page::first(1))?;
        let Some(row) = found.into_iter().next() else {
            return Ok(Some(ReplayTarget::DeletedRun(run)));
        };
        let record = match self.history.event(row.event_row) {
            Ok(record) => record,
            Err(HistoryError::Unreadable(_)) => None,
            Err(error @ (HistoryError::Timeout | HistoryError::Failed(_))) => {
                return Err(error.into());
            }
        };
        let received = record.map_or(row.planned, |record| record.head.received);
        Ok(Some(ReplayTarget::Run(Box::new(RunOfEvent {
            event: ArchivedEvent {
                position: ArchivePosition {
                    received,
                    row: row.event_row,
                },
                source: row.source.clone(),
                endpoint: row.endpoint.clone(),
                event_type: row.event_type.clone(),
                id: row.event.clone(),
                key: row.key.clone(),
                matched: true,
                had_runs: false,
            },
            run: row,
        }))))
    }
}

impl ReplayTarget {
    /// The event; `None` if it was deleted with its run.
    pub fn event(&self) -> Option<&ArchivedEvent> {
        match self {
            ReplayTarget::Event(event) => Some(event),
            ReplayTarget::Run(run) => Some(&run.event),
            ReplayTarget::DeletedRun(_) => None,
        }
    }

    /// The run whose event it is.
    pub fn run(&self) -> Option<RunId> {
        match self {
            ReplayTarget::Event(_) => None,
            ReplayTarget::Run(run) => Some(run.run.id),
            ReplayTarget::DeletedRun(run) => Some(*run),
        }
    }
}
