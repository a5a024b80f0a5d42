//! What the overview shows, read at most every two seconds for each range and for all users together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::Mutex;

use super::chart_range::{ChartColumn, ChartRange};
use crate::page::PageState;
use crate::page::page_error::PageError;
use crate::page::reader::HistoryReadError;
use crate::report::daemons::LiveDaemons;
use crate::report::problems::{MAX_FAILED_RUNS, Problems};
use crate::source::admin::{AdminApi, Status};
use crate::store::Minute;
use crate::store::history::{ReceiverActivity, RecentEvent, SuspendedTarget};
use flowtrigger_core::suspension::SuspensionTarget;

/// How long what was read is shown without reading again.
const MAX_AGE: Duration = Duration::from_secs(2);

/// The stored events that may be the one received last.
const RECENT_EVENTS: usize = 50;
/// Fewer events than this are the first ones.
const FEW_EVENTS: usize = 10;

/// What was read at one moment.
#[derive(Debug, Clone)]
pub struct OverviewData {
    pub at: Timestamp,
    pub status: Status,
    /// The stored event that was received last. One without a match is stored later, with a higher number.
    pub last_event: Option<RecentEvent>,
    /// Whether somebody begins to use the daemon: so few events are stored that each is worth a look.
    pub few_events: bool,
    pub columns: Vec<ChartColumn>,
    /// Events of the last minute that is over; `None` if it was not counted.
    pub last_minute: Option<u64>,
    pub problems: Problems,
    pub receivers: Vec<ReceiverActivity>,
    /// What is paused or down.
    pub suspended: Vec<SuspendedTarget>,
    /// The daemons that share the store.
    pub daemons: LiveDaemons,
}

/// What was read last, by range.
#[derive(Default)]
pub struct OverviewCache {
    last: Mutex<BTreeMap<ChartRange, CachedOverview>>,
}

struct CachedOverview {
    read: Instant,
    data: Arc<OverviewData>,
}

impl OverviewCache {
    /// Reads again for the next page: a command has changed what it shows.
    pub async fn forget(&self) {
        self.last.lock().await.clear();
    }
}

impl OverviewData {
    /// What is suspended at a target.
    pub fn suspended_at(&self, target: &SuspensionTarget) -> Option<&SuspendedTarget> {
        self.suspended.iter().find(|found| found.target == *target)
    }

    /// Whether the daemon has never received an event, as far as is known.
    pub fn is_first_start(&self) -> bool {
        let has_run = self.status.runs.values().any(|count| *count > 0);
        let has_event = self.columns.iter().any(|column| column.events() > 0);
        self.last_event.is_none() && !has_run && !has_event
    }
}

impl<A: AdminApi> PageState<A> {
    /// Pages that are asked for at the same time wait for one answer.
    pub(super) async fn overview_data(
        &self,
        range: ChartRange,
    ) -> Result<Arc<OverviewData>, PageError> {
        let mut last = self.overview.last.lock().await;
        if let Some(cached) = last.get(&range).filter(|c| c.read.elapsed() < MAX_AGE) {
            return Ok(Arc::clone(&cached.data));
        }
        let data = Arc::new(self.read_overview(range).await?);
        let cached = CachedOverview {
            read: Instant::now(),
            data: Arc::clone(&data),
        };
        last.insert(range, cached);
        Ok(data)
    }

    /// What was counted in the minute that is not over.
    fn minute_so_far(&self, status: &Status, at: Timestamp) -> Minute {
        let runs = status
            .runs
            .iter()
            .filter(|(state, _)| Minute::counts(state));
        Minute {
            runs: runs
                .map(|(state, count)| ((*state).to_owned(), *count))
                .collect(),
            ..(self.current_minute)(Minute::number_of(at))
        }
    }

    async fn read_overview(&self, range: ChartRange) -> Result<OverviewData, PageError> {
        let at = Timestamp::now();
        let status = self.admin.status().await?;
        let current = self.minute_so_far(&status, at);
        let read = self.history.read(move |history| {
            let mut minutes = history.minutes(range.since(at))?;
            let last_minute = minutes
                .last()
                .filter(|last| last.minute == current.minute - 1);
            let last_minute = last_minute.map(Minute::events);
            // The store may have just got it.
            if minutes
                .last()
                .is_none_or(|last| last.minute < current.minute)
            {
                minutes.push(current);
            }
            let failed = history.failed_runs(MAX_FAILED_RUNS)?;
            let recent = history.recent_events(RECENT_EVENTS, Timestamp::MIN)?;
            let few_events = recent.len() < FEW_EVENTS;
            let last_event = recent
                .into_iter()
                .max_by_key(|event| (event.received, event.row));
            Ok::<_, HistoryReadError>(OverviewData {
                at,
                status,
                last_event,
                few_events,
                columns: range.sum_up(&minutes, at),
                last_minute,
                problems: Problems::of(&failed, at),
                receivers: history.receivers(at)?,
                suspended: history.suspended()?,
                daemons: LiveDaemons::of(&history.daemons()?),
            })
        });
        Ok(read.await?)
    }
}
