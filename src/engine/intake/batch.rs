//! Processes a stream of events and reports each, in order, once all its runs have finished. A bounded lookahead
//! limits memory.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use tokio::sync::mpsc;

use super::match_bytes::ReceivedEvent;
use super::submitted_event::SubmittedEvent;
use crate::engine::handle::Engine;
use crate::engine::runner::report::RunReport;
use crate::engine::{EngineError, Perform};
use crate::store::{RunRecord, RunStatus, Store};
use flowtrigger_core::event::summary::EventSummary;

/// Events in progress before the oldest is reported. A slow run delays the reports after it, and the work
/// of at most this many events.
const LOOKAHEAD: usize = 64;

/// One event and its runs.
#[derive(Debug, Clone)]
pub struct EventReport {
    pub event: EventSummary,
    /// The rules that match, by name.
    pub matched: Vec<String>,
    /// The event was accepted before: these are its earlier runs.
    pub redelivered: bool,
    pub runs: Vec<RunReport>,
}

/// Submits events as they arrive and calls `report` for each once all its runs have finished. Stops when
/// `report` breaks.
pub async fn act<S: Store, P: Perform>(
    engine: &Engine<S, P>,
    mut events: mpsc::Receiver<ReceivedEvent>,
    mut report: impl FnMut(EventReport) -> ControlFlow<()>,
) -> Result<(), EngineError> {
    let mut under_way: VecDeque<SubmittedEvent> = VecDeque::new();
    let mut more = true;
    while more || !under_way.is_empty() {
        tokio::select! {
            event = events.recv(), if more && under_way.len() < LOOKAHEAD => match event {
                Some(event) => under_way.push_back(engine.submit_matched(event).await?),
                None => more = false,
            },
            settled = oldest(engine, under_way.front()) => {
                under_way.pop_front();
                if report(settled?).is_break() {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// The report of the oldest event; never resolves if there is none.
async fn oldest<S: Store, P: Perform>(
    engine: &Engine<S, P>,
    oldest: Option<&SubmittedEvent>,
) -> Result<EventReport, EngineError> {
    match oldest {
        Some(oldest) => settle(engine, oldest).await,
        None => std::future::pending().await,
    }
}

async fn settle<S: Store, P: Perform>(
    engine: &Engine<S, P>,
    submitted: &SubmittedEvent,
) -> Result<EventReport, EngineError> {
    let records = engine.settled(&submitted.committed.runs).await?;
    Ok(EventReport {
        event: submitted.event.clone(),
        matched: submitted.matched.clone(),
        redelivered: submitted.committed.redelivered,
        runs: reports(&submitted.committed.runs, &records),
    })
}

/// A run that the store has deleted, as of a redelivered event, is reported without its steps.
fn reports(runs: &[RunStatus], records: &[RunRecord]) -> Vec<RunReport> {
    let report = |placed: &RunStatus| {
        let record = records.iter().find(|record| record.id == placed.id);
        record.map_or_else(|| RunReport::without_log(placed), RunReport::from_record)
    };
    runs.iter().map(report).collect()
}
