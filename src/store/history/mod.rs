//! The read side of a store, as one trait for every backend: events, runs with their logs, gates, and the
//! rules of an earlier time. Commands and pages read through it; nothing here names a database.

mod activity;
mod archive;
mod daemon;
mod delivery;
mod error;
mod event;
mod event_list;
mod failed_run;
mod queue;
mod receiver;
pub mod revision;
mod run;
mod run_detail;
mod run_waiter;
mod suspended;
mod traced_run;

use std::time::Duration;

use jiff::Timestamp;

use crate::store::{GivenCommand, Minute, RevisionId};
use flowtrigger_core::config::Config;
use flowtrigger_core::event::Event;
use flowtrigger_core::gate::debounce::DebounceWindow;
use flowtrigger_core::gate::series::check::SeriesCheck;
use flowtrigger_core::gate::series::{SeriesEvent, SeriesState};
use flowtrigger_core::gate::{GateCheck, GateHistory};
use flowtrigger_core::loop_guard::{Causation, CausingRun, LoopCheck, LoopHistory};
use flowtrigger_core::run::RunId;
use flowtrigger_core::run::exchange::RecordedExchange;

pub use activity::{ACTIVITY_DAYS, RuleActivity, RuleDay};
pub use archive::{
    ArchiveFilter, ArchivePosition, ArchivedEvent, ArchivedEvents, ArchivedText, OriginalRun,
    RevisionStart,
};
pub use daemon::DaemonRow;
pub use delivery::{
    DeliveryCount, DeliveryFilter, DeliveryMatch, DeliveryRow, DeliveryTotals, EventDeliveryRow,
};
pub use error::{HistoryError, HistoryOpenError};
pub use event::{
    EventNames, EventQuery, EventRecord, EventRow, EventRowId, EventSelector, NearestEvent,
    RecentEvent, RetainedRange,
};
pub use event_list::{
    CappedCount, EventFilter, EventPage, EventRun, ListedEvent, ListedOutcome, MAX_LISTED_RUNS,
};
pub use failed_run::{FailedRun, FailedRuns, FailedState};
pub use queue::RuleQueue;
pub use receiver::{
    LastAttempt, RECEIVER_COLUMNS, RECEIVER_TIME, ReceiverActivity, ReceiverColumn, ReceiverHealth,
};
pub use revision::{PastRevision, RevisionInForce, RevisionTexts};
pub use run::{DeathNotice, Page, ReportedFailures, RunComparison, RunFilter, RunRow, RunTotals};
pub use run_detail::{GateAdmission, RuleAtPlanning, RunDetail, WindowDetail, WindowEvent};
pub use run_waiter::{DecisionKind, FailedPredicate, RunWaiter, WaitingStep};
pub use suspended::SuspendedTarget;
pub use traced_run::{
    TracedAttempt, TracedEntry, TracedFailure, TracedRequest, TracedRun, TracedRuns,
};

/// A question is answered within this time or fails: a long read can keep a database from releasing
/// space that it no longer needs.
pub const MAX_QUERY_TIME: Duration = Duration::from_secs(20);

/// The newest events among which the nearest name is searched.
const RECENT_EVENTS: usize = 5_000;
/// Runs of one event that are listed.
const RUNS_OF_EVENT: usize = 1_000;

/// The read side of a store. It never writes, and a daemon never waits for it.
///
/// Methods block, for up to [`MAX_QUERY_TIME`]: async code calls them on a blocking thread. A value
/// answers one question at a time; open another one to ask at the same time. What a daemon changes
/// meanwhile may show in the second of two answers.
pub trait History: Send {
    /// Events by id or by key. Returns the newest first, or the ones nearest to `query.at`.
    fn events(&self, query: &EventQuery) -> Result<Vec<EventRow>, HistoryError>;

    /// The event of a row; `None` if it has been deleted.
    fn event(&self, row: EventRowId) -> Result<Option<EventRecord>, HistoryError>;

    /// The runs whose steps an event decided, with the paths of these steps.
    fn continued_by(&self, event: EventRowId) -> Result<Vec<(RunId, String)>, HistoryError>;

    /// The steps that wait for events with the type and the value of an event, in the order of their runs.
    fn waiting_for(&self, event: &Event) -> Result<Vec<WaitingStep>, HistoryError>;

    /// Stored events in the order of their receipt, the oldest first, at most `limit`.
    fn archive(
        &self,
        filter: &ArchiveFilter,
        after: Option<ArchivePosition>,
        limit: usize,
    ) -> Result<Vec<ArchivedEvent>, HistoryError>;

    /// The event whose runs are those of a stored event: itself, or the one that it repeats. `None` if there is none
    /// with runs.
    fn original(&self, event: &ArchivedEvent) -> Result<Option<EventRowId>, HistoryError>;

    /// The texts of events of one page of [`Self::archive`], in any order. Events that were deleted meanwhile are left
    /// out.
    fn archived_texts(&self, page: &[ArchivedEvent]) -> Result<Vec<ArchivedText>, HistoryError>;

    /// The runs that the arrival of these events caused, without those of replays and without notices.
    fn original_runs(&self, page: &[ArchivedEvent]) -> Result<Vec<OriginalRun>, HistoryError>;

    /// When revisions came into force before a time, the oldest first. Only the newest ones are kept.
    fn revision_starts(&self, until: Timestamp) -> Result<Vec<RevisionStart>, HistoryError>;

    /// Stored events that pass the filter, the newest first, with their runs in short.
    fn event_list(
        &self,
        filter: &EventFilter,
        page: EventPage,
    ) -> Result<Vec<ListedEvent>, HistoryError>;

    /// How many stored events pass the filter, counted up to `cap`.
    fn count_events(&self, filter: &EventFilter, cap: usize) -> Result<CappedCount, HistoryError>;

    /// Which of the newest `limit` stored events were received at a time or later, the newest first.
    fn recent_events(
        &self,
        limit: usize,
        since: Timestamp,
    ) -> Result<Vec<RecentEvent>, HistoryError>;

    /// Id and key of the newest events, at most `limit`.
    fn recent_names(&self, limit: usize) -> Result<Vec<EventNames>, HistoryError>;

    /// How far back events are kept.
    fn retained(&self) -> Result<RetainedRange, HistoryError>;

    /// Requests of senders, the newest first, at most `limit`.
    fn deliveries(
        &self,
        filter: &DeliveryFilter,
        limit: usize,
    ) -> Result<Vec<DeliveryRow>, HistoryError>;

    /// How many requests a filter selects.
    fn delivery_totals(&self, filter: &DeliveryFilter) -> Result<DeliveryTotals, HistoryError>;

    /// The request that delivered an event first; `None` if it is not kept.
    fn delivery_of(&self, row: EventRowId) -> Result<Option<EventDeliveryRow>, HistoryError>;

    /// When a revision came into force last before a time: with a start or a reload.
    fn in_force_since(
        &self,
        revision: RevisionId,
        at: Timestamp,
    ) -> Result<Option<Timestamp>, HistoryError>;

    /// The commands that were given last, the newest first.
    fn commands(&self, limit: usize) -> Result<Vec<GivenCommand>, HistoryError>;

    /// The commands that were given to a run, the oldest first.
    fn commands_of(&self, run: RunId) -> Result<Vec<GivenCommand>, HistoryError>;

    /// The numbers of each minute from the one of this time on, the oldest first. Minutes without a daemon are missing.
    fn minutes(&self, since: Timestamp) -> Result<Vec<Minute>, HistoryError>;

    /// Runs that pass the filter, the newest first.
    fn runs(&self, filter: &RunFilter, page: Page) -> Result<Vec<RunRow>, HistoryError>;

    /// Everything that is known of one run; `None` if there is no such run, or no longer.
    fn run(&self, run: RunId) -> Result<Option<RunDetail>, HistoryError>;

    /// The exchanges of a run's attempts, the oldest first. Those of the last moment may be missing, and those that
    /// the configuration does not keep have no content.
    fn exchanges(&self, run: RunId) -> Result<Vec<RecordedExchange>, HistoryError>;

    /// Runs as their traces need them. Runs after the first are left out if they would have more attempts than this
    /// together.
    fn traced_runs(&self, runs: &[RunId], most_attempts: usize)
    -> Result<TracedRuns, HistoryError>;

    /// How many runs are in each state, by the state's name.
    fn counts(&self) -> Result<Vec<(String, u64)>, HistoryError>;

    /// How many unfinished runs of each rule are in each state, the rules with the most first.
    fn unfinished_by_rule(&self) -> Result<Vec<RuleQueue>, HistoryError>;

    /// What is suspended, and how many runs wait for it.
    fn suspended(&self) -> Result<Vec<SuspendedTarget>, HistoryError>;

    /// How many of the newest `cap` runs that pass the filter are in each state.
    fn run_totals(&self, filter: &RunFilter, cap: usize) -> Result<RunTotals, HistoryError>;

    /// The newest dead and held runs, at most `limit`, with what each sent last.
    fn failed_runs(&self, limit: usize) -> Result<FailedRuns, HistoryError>;

    /// The receivers that got a request in the last hour, or that dead or retrying runs sent to last, in alphabetical
    /// order. At most some hundred.
    fn receivers(&self, now: Timestamp) -> Result<Vec<ReceiverActivity>, HistoryError>;

    /// What each rule did that ever had a run, in alphabetical order.
    fn activity(&self, now: Timestamp) -> Result<Vec<RuleActivity>, HistoryError>;

    /// What one rule did; days without runs if it never had one.
    fn activity_of(&self, rule: &str, now: Timestamp) -> Result<RuleActivity, HistoryError>;

    /// How many runs of one rule are in each state, of those that were planned at a time or later.
    fn rule_counts(&self, rule: &str, since: Timestamp)
    -> Result<Vec<(String, u64)>, HistoryError>;

    /// The names of all rules that ever had a run, in alphabetical order.
    fn rules_with_runs(&self) -> Result<Vec<String>, HistoryError>;

    /// Rules and configuration as they were written; `None` if the revision is not kept.
    fn revision_texts(&self, id: RevisionId) -> Result<Option<RevisionTexts>, HistoryError>;

    /// The revision that came into force last; `None` before the first start of a daemon.
    fn latest_revision(&self) -> Result<Option<RevisionInForce>, HistoryError>;

    /// The configuration that came into force last.
    fn latest_config(&self) -> Result<Option<Config>, HistoryError>;

    /// The runs of a rule that count at a gate now. `except` is left out: the run that an event would
    /// replace in its debounce window.
    fn gate_history(
        &self,
        rule: &str,
        check: &GateCheck,
        except: Option<RunId>,
        now: Timestamp,
    ) -> Result<GateHistory, HistoryError>;

    /// The events that a count or a sequence of a rule keeps for the value of an event that is received now: as many
    /// as decide on it.
    fn counted_events(
        &self,
        rule: &str,
        check: &SeriesCheck<'_>,
        now: Timestamp,
    ) -> Result<(SeriesState, Vec<SeriesEvent>), HistoryError>;

    /// The debounce window of a rule that is open for a value now.
    fn open_window(
        &self,
        rule: &str,
        value: &str,
        now: Timestamp,
    ) -> Result<Option<DebounceWindow>, HistoryError>;

    /// What the loop guard would decide on now, with the chain that leads to the event.
    fn loop_history(
        &self,
        rule: &str,
        check: &LoopCheck,
        now: Timestamp,
    ) -> Result<(LoopHistory, Vec<CausingRun>), HistoryError>;

    /// The daemons that share the store, the live ones first. The default is for a store of one daemon, which is not
    /// listed.
    fn daemons(&self) -> Result<Vec<DaemonRow>, HistoryError> {
        Ok(Vec::new())
    }

    /// The runs that an event led to, the oldest first.
    fn runs_of(&self, row: EventRowId) -> Result<Vec<RunRow>, HistoryError> {
        let filter = RunFilter {
            row: Some(row),
            ..RunFilter::default()
        };
        let mut runs = self.runs(&filter, Page::first(RUNS_OF_EVENT))?;
        runs.reverse();
        Ok(runs)
    }

    /// Ids and keys that resemble a text, the most similar first.
    fn nearest(&self, text: &str) -> Result<Vec<NearestEvent>, HistoryError> {
        Ok(NearestEvent::among(self.recent_names(RECENT_EVENTS)?, text))
    }

    /// The compiled rules that evaluated an event; `None` if the revision is not kept.
    fn revision(
        &self,
        id: RevisionId,
        event: &Event,
    ) -> Result<Option<PastRevision>, HistoryError> {
        let texts = self.revision_texts(id)?;
        Ok(texts.map(|texts| PastRevision::compile(texts, event)))
    }

    /// The runs that led to a run, the nearest first, at most `limit`. It is shorter if retention has
    /// deleted the earlier ones.
    fn causes(&self, lineage: Causation, limit: usize) -> Result<Vec<RunRow>, HistoryError> {
        let mut causes: Vec<RunRow> = Vec::new();
        let mut next = lineage.cause;
        while let Some(run) = next.filter(|_| causes.len() < limit) {
            let Some(row) = self.runs(&RunFilter::one(run), Page::first(1))?.pop() else {
                break;
            };
            // A cause is always older, whatever a damaged row says.
            next = row.lineage.cause.filter(|cause| *cause < run);
            causes.push(row);
        }
        Ok(causes)
    }
}
