//! Keeps events and runs: queue and log behind the trait [`Store`], reads behind the trait [`History`], for every
//! backend. A store decides what is a redelivery, which gates admit a run and which run is claimed next. It
//! evaluates no condition and executes no step.

mod answer;
mod any;
pub mod awaited;
mod claim;
mod command;
#[cfg(test)]
pub(crate) mod conformance;
mod delivery;
mod error;
mod file_owner;
pub mod history;
mod incoming;
mod integration_settings;
pub mod lease;
mod location;
mod minute;
mod notice;
pub mod postgres;
mod pushed;
mod record;
mod recovery;
mod replay;
mod revision;
pub mod sql;
pub mod sqlite;
mod storage;
pub mod suspension;
mod tick;
mod traces;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::watch;

use awaited::AwaitedTypes;
use flowtrigger_core::event::Event;
use flowtrigger_core::run::exchange::RecordedExchange;
use flowtrigger_core::run::{LogEntry, RunId, RunState};
use history::EventRowId;
use notice::flow;
use suspension::{ParkedQuery, ParkedRuns, Release, StoredSuspension, SuspensionChange};

pub use answer::{AnswerOutcome, AnswerState, AnswerStore, GivenAnswer};
pub use any::AnyStore;
pub use claim::{Advance, ClaimId, ClaimRequest, ClaimedRuns, EndAtOnce, EndedRun};
pub use command::{CommandKind, CommandTarget, GivenCommand};
pub use delivery::{
    DeliveredEvents, Delivery, DeliveryId, DeliveryKind, DeliveryOutcome, DeliveryPart,
    MAX_ACCEPTED_DELIVERIES, MAX_REJECTED_DELIVERIES,
};
pub use error::{RowError, StoreError};
pub use file_owner::foreign_owner;
pub use history::History;
pub use incoming::{
    ArrivalKind, BodyComparison, Committed, FirstDelivery, IncomingEvent, LoopFindings, PlannedRun,
    UnmatchedEvent,
};
pub use integration_settings::SettingsError;
pub use lease::Membership;
pub use location::{StoreLocation, StoreOpenError};
pub use minute::{Minute, Percentiles};
pub use notice::OutageNotice;
pub use postgres::{PostgresOpenError, PostgresSettings, PostgresStore};
pub use pushed::{PushedHead, PushedRevision, PushedTexts, short_digest};
pub use record::{ClaimedRun, RunRecord, RunStatus};
pub use recovery::RecoveryReport;
pub use replay::{InvalidReplayId, ReplayId, ReplayMark, SeenRuns, UnfinishedRuns};
pub use revision::{Revision, RevisionId, StoreSettings};
pub use sql::history::{PostgresHistory, SqliteHistory};
pub use sqlite::redelivery::EQUAL_BODIES_WINDOW;
pub use sqlite::{SqliteStore, damaged_databases, database_size};
pub use storage::{StorageUse, free_space};
pub use tick::LastTick;
pub use traces::{MAX_UNTRACED, UntracedRun};

/// The run queue and the log. A method returns once its change is as safe as the backend makes it.
pub trait Store: AnswerStore {
    /// Whether what was committed survives the end of the process.
    fn is_durable(&self) -> bool;

    /// Commits events with their planned runs, all or none, in this order. An event whose id is known from
    /// its source is a redelivery: it gets its earlier runs, and nothing runs twice. Gates are checked in
    /// the same transaction, so that no two events pass a gate that admits one. An event without runs is not
    /// remembered, so that a rule written later can still match it, unless runs may wait for its type. What runs wait for is
    /// compared with each event that is not a redelivery, and planned with each run; see [`Self::awaited`].
    fn commit_all(
        &self,
        events: Vec<IncomingEvent>,
    ) -> impl Future<Output = Result<Vec<Committed>, StoreError>> + Send;

    fn commit(
        &self,
        event: IncomingEvent,
    ) -> impl Future<Output = Result<Committed, StoreError>> + Send {
        async {
            let mut committed = self.commit_all(vec![event]).await?;
            Ok(committed.pop().unwrap_or_default())
        }
    }

    /// Takes the runs to execute next and makes them running. A run owns its lane while it is queued, running
    /// or retrying; only the owner of a lane is claimed. A waiting or debouncing run has no lane: when its
    /// time has come it is queued again, behind the owner and among the others by age. Rules take turns, so
    /// that one with many runs delays no other; within a rule the oldest run is first. Each claim has its own id.
    fn claim(
        &self,
        request: ClaimRequest,
    ) -> impl Future<Output = Result<Vec<ClaimedRun>, StoreError>> + Send;

    /// Claims like [`Self::claim`], and ends the runs that need no worker in the same transaction. Both together are at most
    /// `request.limit`. The default ends none.
    fn claim_or_end(
        &self,
        request: ClaimRequest,
        _end: EndAtOnce,
    ) -> impl Future<Output = Result<ClaimedRuns, StoreError>> + Send {
        async move {
            Ok(ClaimedRuns {
                started: self.claim(request).await?,
                ended: Vec::new(),
                next_due: self.next_due().await,
            })
        }
    }

    /// Returns once everything that was committed before is as safe as the backend makes it. The default is for stores whose
    /// commits are that at once.
    fn sync(&self) -> impl Future<Output = Result<(), StoreError>> + Send {
        async { Ok(()) }
    }

    /// For each run, in this order: appends entries to its log and changes its state, if one is given, both or
    /// neither. Each succeeds or fails alone, and the results are in the order of `advances`. One whose claim is not
    /// current writes nothing and fails with [`StoreError::ClaimLost`]. A state that does not hold the lane passes it
    /// to the next run. A run that is over stays as it is. When a run dies whose rule has an `on_dead` flow, a run of
    /// that flow reports it, queued or counted with the same commit: at most one of a cause within
    /// [`RunLimits::notice_every`](flowtrigger_core::config::limits::RunLimits::notice_every).
    fn advance_all(
        &self,
        advances: Vec<Advance>,
    ) -> impl Future<Output = Vec<Result<(), StoreError>>> + Send;

    /// [`Self::advance_all`] for one run and without a claim, so that nothing fences it: for tests and tools.
    fn advance(
        &self,
        run: RunId,
        entries: Vec<LogEntry>,
        state: Option<RunState>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        let advance = Advance {
            run,
            claim: None,
            entries,
            state,
        };
        async move {
            let result = self.advance_all(vec![advance]).await.pop();
            result.unwrap_or(Err(StoreError::UnknownRun(run.0)))
        }
    }

    /// Queues or counts the notice by `on_outage` about a receiver that fails, with the rule and the event of the run that
    /// noticed it: at most one of a receiver within the time between notices. Does nothing if the configuration has no
    /// `on_outage`, or if the run is such a notice itself.
    fn notify_outage(
        &self,
        run: RunId,
        outage: OutageNotice,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Whether other daemons use it too. It then needs a beat every [`lease::BEAT`]. The default is for stores that one
    /// process has for itself.
    fn is_shared(&self) -> bool {
        false
    }

    /// The time of the store, given that of this machine: a shared store has its own clock, which decides for all
    /// daemons. The default is the time of this machine.
    fn time(&self, machine: Timestamp) -> Timestamp {
        machine
    }

    /// Notes whether the last reload of this daemon failed, for those who list the daemons. The default is for stores that
    /// list none.
    fn note_reload(&self, _failed: bool) {}

    /// Renews the lease of this daemon, by which its claims are valid. Joins again if the lease has ended.
    fn beat(&self) -> impl Future<Output = Result<Membership, StoreError>> + Send {
        async { Ok(Membership::alone()) }
    }

    /// Queues the runs of daemons whose lease has ended again, or holds them; their claims have ended then.
    fn take_over(&self) -> impl Future<Output = Result<RecoveryReport, StoreError>> + Send {
        async { Ok(RecoveryReport::default()) }
    }

    /// Changes when another daemon may have queued runs or ended some. The default never changes: its sender is gone,
    /// and `changed` fails.
    fn wakeups(&self) -> watch::Receiver<u64> {
        watch::channel(0).1
    }

    /// Queues a dead, held or cancelled run again, last in its lane, with its flow, key and log. Fails if
    /// fields of its event have been removed.
    fn retry(
        &self,
        run: RunId,
        now: Timestamp,
    ) -> impl Future<Output = Result<RunStatus, StoreError>> + Send;

    /// Cancels a run that is unfinished or held.
    fn cancel(&self, run: RunId) -> impl Future<Output = Result<RunStatus, StoreError>> + Send;

    /// What is suspended.
    fn suspensions(&self)
    -> impl Future<Output = Result<Vec<StoredSuspension>, StoreError>> + Send;

    /// Changes what is suspended, and returns the new version; `None` if the row no longer has the expected one.
    fn change_suspension(
        &self,
        change: SuspensionChange,
    ) -> impl Future<Output = Result<Option<i64>, StoreError>> + Send;

    /// How many runs wait for the end of each suspension.
    fn parked(&self) -> impl Future<Output = Result<Vec<ParkedRuns>, StoreError>> + Send;

    /// Runs that wait for the end of a suspension, the oldest first.
    fn parked_runs(
        &self,
        query: ParkedQuery,
    ) -> impl Future<Output = Result<Vec<RunId>, StoreError>> + Send;

    /// Queues those of the runs that wait for the target, and returns how many.
    fn release(&self, release: Release) -> impl Future<Output = Result<u32, StoreError>> + Send;

    /// When the next run is due that waits for a time.
    fn next_due(&self) -> impl Future<Output = Result<Option<Timestamp>, StoreError>> + Send;

    /// The event of a row; `None` if it has been deleted.
    fn stored_event(
        &self,
        event: EventRowId,
    ) -> impl Future<Output = Result<Option<Arc<Event>>, StoreError>> + Send;

    fn run(&self, run: RunId)
    -> impl Future<Output = Result<Option<RunRecord>, StoreError>> + Send;

    /// The runs that an event led to, by the event's source and id.
    fn runs_of(
        &self,
        source: &str,
        event: &str,
    ) -> impl Future<Output = Result<Vec<RunRecord>, StoreError>> + Send;

    /// Runs that are not over, the oldest first, at most `limit`.
    fn unfinished(
        &self,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<RunStatus>, StoreError>> + Send;

    /// Whether a run is queued since before a time.
    fn has_queued_before(
        &self,
        time: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// When the queued run was queued that was planned first.
    fn oldest_queued_at(
        &self,
    ) -> impl Future<Output = Result<Option<Timestamp>, StoreError>> + Send;

    /// How many runs are in each state, by the state's name.
    fn counts(
        &self,
    ) -> impl Future<Output = Result<BTreeMap<&'static str, u64>, StoreError>> + Send;

    /// The wall clock was set back by this much (a negative time): due times and gate windows move with it.
    fn shift_clock(
        &self,
        by: SignedDuration,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Stores the rules and the configuration that evaluate events from now on. Fields to redact are removed
    /// from an event with the last run that may need them: at once if there is none, and not while one is
    /// dead or held, which a person may retry.
    fn set_revision(
        &self,
        revision: Revision,
    ) -> impl Future<Output = Result<RevisionId, StoreError>> + Send;

    /// The scopes in which an integration has settings.
    fn integration_scopes(
        &self,
        integration: &str,
    ) -> impl Future<Output = Result<Vec<String>, StoreError>> + Send;

    /// The settings of an integration in a scope; `None` if there are none.
    fn integration_settings(
        &self,
        integration: &str,
        scope: &str,
    ) -> impl Future<Output = Result<Option<Value>, StoreError>> + Send;

    /// Sets the top-level keys of an object in the settings, and returns the result.
    fn patch_integration_settings(
        &self,
        integration: &str,
        scope: &str,
        patch: Value,
    ) -> impl Future<Output = Result<Value, StoreError>> + Send;

    /// What runs wait for. An event of such a type is committed although it matches no rule. The default is for stores of
    /// programs that execute no run.
    fn awaited(&self) -> Arc<AwaitedTypes> {
        Arc::default()
    }

    /// How many events runs wait for. The default is for stores of programs that execute no run.
    fn count_waiters(&self) -> impl Future<Output = Result<u64, StoreError>> + Send {
        async { Ok(0) }
    }

    /// Archives an event that led to no run, for later questions. Never waits: an event that cannot be
    /// written soon is lost, and counted.
    fn archive_unmatched(
        &self,
        event: UnmatchedEvent,
        revision: RevisionId,
        received: Timestamp,
        delivery: Option<DeliveryPart>,
    );

    /// The id of the next request, before it is known what becomes of it: its events name it.
    fn next_delivery(&self) -> DeliveryId;

    /// Keeps the exchange of an attempt for later questions. Never waits: an exchange that cannot be written soon
    /// is lost, and counted. The default is for stores that keep none.
    fn record_exchange(&self, _exchange: RecordedExchange) {}

    /// Keeps a request for later questions. Never waits, keeps only the newest ones, and only counts most of many
    /// equal ones. The default is for stores that keep none.
    fn record_delivery(&self, _delivery: Delivery) {}

    /// Logs a command after its effect. The default is for stores that keep no history.
    fn record_command(
        &self,
        _command: GivenCommand,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        async { Ok(()) }
    }

    /// Keeps the numbers of a minute, added to those that are kept of it. The default is for stores that keep none.
    fn record_minute(
        &self,
        _minute: Minute,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        async { Ok(()) }
    }

    /// The numbers of the minutes from this one on, the oldest first. The default is for stores that keep none.
    fn minutes_since(
        &self,
        _minute: i64,
    ) -> impl Future<Output = Result<Vec<Minute>, StoreError>> + Send {
        async { Ok(Vec::new()) }
    }

    /// When each rule with `every` ticked last. The default is for stores that keep nothing.
    fn last_ticks(&self) -> impl Future<Output = Result<Vec<LastTick>, StoreError>> + Send {
        async { Ok(Vec::new()) }
    }

    /// Keeps the last ticks of some rules, and deletes those of the rules in `gone`. The default is for stores that keep
    /// nothing.
    fn note_ticks(
        &self,
        _ticks: Vec<LastTick>,
        _gone: Vec<String>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        async { Ok(()) }
    }

    /// Runs that ended up to a time and whose traces are not exported yet, the oldest first: those that this daemon is to
    /// export. They are noted only if [`StoreSettings::traces`] is set. The default is for stores that note none.
    fn untraced_runs(
        &self,
        _until: Timestamp,
        _limit: usize,
    ) -> impl Future<Output = Result<Vec<UntracedRun>, StoreError>> + Send {
        async { Ok(Vec::new()) }
    }

    /// The traces of these runs are exported. If this is lost, they are exported again.
    fn forget_untraced(
        &self,
        _runs: Vec<UntracedRun>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        async { Ok(()) }
    }

    /// Forgets the oldest runs beyond a number, whose traces are never exported, and returns how many they were.
    fn limit_untraced(&self, _most: usize) -> impl Future<Output = Result<u64, StoreError>> + Send {
        async { Ok(0) }
    }

    /// Writes what was buffered by [`Self::archive_unmatched`], [`Self::record_exchange`] and [`Self::record_delivery`]. The default is for
    /// stores that buffer nothing.
    fn flush(&self) -> impl Future<Output = Result<(), StoreError>> + Send {
        async { Ok(()) }
    }

    /// Returns once the thread that writes has executed a job that changes nothing, whether or not it could: a thread that
    /// hangs never answers. The default is for stores without such a thread.
    fn probe(&self) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Whether the last change could be written; otherwise the reason why not. The default is for stores that
    /// cannot tell.
    fn health(&self) -> Result<(), String> {
        Ok(())
    }

    /// How much it takes on disk. The default is for stores in memory.
    fn storage(&self) -> StorageUse {
        StorageUse::default()
    }
}
