//! Events that are acted on and waited for, one report each, in the order in which they came.
//! It looks ahead a little and never far: memory stays bounded however many events there are.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use tokio::sync::mpsc;

use super::match_bytes::IncomingEvent;
use super::submit::SubmittedEvent;
use crate::core::event::Brief;
use crate::engine::handle::Engine;
use crate::engine::runner::report::RunReport;
use crate::engine::{EngineError, Perform};
use crate::store::{Placed, Record, Store};

/// Events under way before the oldest is reported. One slow run holds up the reports behind it, and
/// the work of no more events than this.
const LOOKAHEAD: usize = 64;

/// One event, and what became of it.
#[derive(Debug, Clone)]
pub struct EventReport {
    pub event: Brief,
    /// The rules that match, by name.
    pub matched: Vec<String>,
    /// The same event came before: these are its earlier runs.
    pub redelivered: bool,
    pub runs: Vec<RunReport>,
}

/// Acts on events as they come and hands out a report for each once all its runs came to their end.
/// Stops where `report` breaks.
pub async fn act<S: Store, P: Perform>(
    engine: &Engine<S, P>,
    mut events: mpsc::Receiver<IncomingEvent>,
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

/// The report of the oldest event; waits for ever where none is under way.
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

/// A run that the store let go of long ago, as that of an event that came again may be, is told
/// without its steps.
fn reports(runs: &[Placed], records: &[Record]) -> Vec<RunReport> {
    let report = |placed: &Placed| {
        let record = records.iter().find(|record| record.id == placed.id);
        record.map_or_else(|| RunReport::without_log(placed), RunReport::of)
    };
    runs.iter().map(report).collect()
}
