//! Where a replay sends its events: to the running daemon, or to the store without a daemon in between.

use jiff::Timestamp;
use reqwest::StatusCode;

use crate::cli::options::GlobalOptions;
use crate::cli::runs::admin_client::{AdminClient, run_statuses, system_user};
use crate::cli::runs::offline::OfflineStore;
use crate::engine::Rulebook;
use crate::report::error::CommandError;
use crate::report::replay::current_rules::{CurrentRules, RulesOrigin};
use crate::report::replay::execution::{
    ReplayEvent, ReplayFailure, ReplayedEventPlan, ReplayedRuns,
};
use crate::report::run::command::RunStatusRow;
use crate::source::admin::ReplayRequest;
use crate::store::history::EventRowId;
use crate::store::{
    ArrivalKind, CommandKind, CommandTarget, GivenCommand, History, IncomingEvent, ReplayId,
    ReplayMark, RevisionId, RunStatus, Store, StoreError,
};
use flowtrigger_core::path::redact::is_redacted;

/// An open destination.
pub enum ReplayDestination<'a> {
    Daemon(&'a AdminClient, RevisionId),
    Store(Box<ReplayStore<'a>>),
}

/// A store that is used without a daemon.
pub struct ReplayStore<'a> {
    offline: OfflineStore,
    revision: RevisionId,
    book: &'a Rulebook,
    history: &'a dyn History,
}

impl<'a> ReplayDestination<'a> {
    /// Opens the destination that the rules are from.
    pub fn open(
        rules: &'a CurrentRules,
        daemon: Option<&'a AdminClient>,
        history: &'a dyn History,
        global: &GlobalOptions,
    ) -> Result<Self, CommandError> {
        match (rules.origin, daemon) {
            (RulesOrigin::Daemon { revision, .. }, Some(admin)) => {
                Ok(ReplayDestination::Daemon(admin, revision))
            }
            (origin, _) => {
                let offline = OfflineStore::open(global)?;
                let revision = match origin {
                    RulesOrigin::Store { revision, .. } => revision,
                    RulesOrigin::Daemon { .. } | RulesOrigin::Files => {
                        offline.set_revision(&rules.book)?
                    }
                };
                Ok(ReplayDestination::Store(Box::new(ReplayStore {
                    offline,
                    revision,
                    book: &rules.book,
                    history,
                })))
            }
        }
    }
}

impl ReplayEvent for ReplayDestination<'_> {
    fn replay(
        &self,
        replay: ReplayId,
        part: &ReplayedEventPlan,
    ) -> Result<ReplayedRuns, ReplayFailure> {
        match self {
            ReplayDestination::Daemon(admin, revision) => {
                let request = part.request(replay, *revision);
                ask_daemon(admin, &request)
            }
            ReplayDestination::Store(store) => store.replay(replay, part),
        }
    }
}

fn ask_daemon(admin: &AdminClient, request: &ReplayRequest) -> Result<ReplayedRuns, ReplayFailure> {
    const OTHER_VERSION: &str = "the answer of the daemon is invalid; is it another version?";
    let (status, body) = admin
        .replay_event(request)
        .map_err(ReplayFailure::Stopped)?;
    let why = body["error"].as_str();
    match (status, why) {
        (StatusCode::OK, _) => {
            let runs = |key: &str| {
                let runs = run_statuses(&body[key]);
                runs.ok_or_else(|| ReplayFailure::Stopped(OTHER_VERSION.into()))
            };
            Ok(ReplayedRuns {
                started: runs("runs")?,
                repeated: runs("repeated")?,
                left_out: runs("left_out")?,
            })
        }
        (StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY, Some(why)) => {
            Err(ReplayFailure::Rejected(why.to_owned()))
        }
        (StatusCode::SERVICE_UNAVAILABLE, Some(why)) => Err(ReplayFailure::Busy(why.to_owned())),
        (_, Some(why)) => Err(ReplayFailure::Stopped(why.to_owned())),
        (_, None) => Err(ReplayFailure::Stopped(OTHER_VERSION.into())),
    }
}

impl ReplayStore<'_> {
    fn log(&self, event: EventRowId, started: &[RunStatus]) -> Result<(), ReplayFailure> {
        if started.is_empty() {
            return Ok(());
        }
        let given = GivenCommand {
            at: Timestamp::now(),
            kind: CommandKind::Replay,
            target: CommandTarget::Event(event),
            by: system_user(),
            result: Ok(started.iter().map(|run| run.id).collect()),
        };
        let logged = self
            .offline
            .ask(async |store| store.record_command(given).await);
        logged.map_err(|error| ReplayFailure::Stopped(error.to_string()))
    }

    fn replay(
        &self,
        replay: ReplayId,
        part: &ReplayedEventPlan,
    ) -> Result<ReplayedRuns, ReplayFailure> {
        let record = self.history.event(part.event);
        let record = record.map_err(|error| ReplayFailure::Stopped(error.to_string()))?;
        let event = record
            .map(|record| record.event)
            .filter(|event| !is_redacted(event))
            .ok_or_else(|| ReplayFailure::Rejected(StoreError::UnknownEvent.to_string()))?;
        let mut planned = self.book.plan(&event);
        planned.retain(|planned| part.rules.contains(&planned.rule.name));
        let mark = ReplayMark {
            event: Some(part.event),
            replay: Some(replay),
            seen: Some(part.seen),
        };
        let arrival = IncomingEvent {
            event,
            received: Timestamp::now(),
            revision: self.revision,
            planned,
            occasion: ArrivalKind::Replay(mark),
            delivery: None,
        };
        let committed = self.offline.ask(async |store| store.commit(arrival).await);
        let rows = |runs: Vec<_>| runs.into_iter().map(RunStatusRow::new).collect();
        match committed {
            Ok(committed) => {
                self.log(part.event, &committed.runs)?;
                Ok(ReplayedRuns {
                    started: rows(committed.runs),
                    repeated: rows(committed.repeated),
                    left_out: rows(committed.left_out),
                })
            }
            Err(error @ StoreError::UnknownEvent) => {
                Err(ReplayFailure::Rejected(error.to_string()))
            }
            Err(StoreError::Full { unfinished }) => Err(ReplayFailure::Stopped(format!(
                "{unfinished} runs are unfinished, the limit; start the daemon, which executes them"
            ))),
            Err(error @ StoreError::TooManyWaiters { .. }) => {
                Err(ReplayFailure::Stopped(error.to_string()))
            }
            Err(
                error @ (StoreError::Busy
                | StoreError::UnknownRun(_)
                | StoreError::ClaimLost(_)
                | StoreError::OnlyTells(_)
                | StoreError::Redacted(_)
                | StoreError::Settings(_)
                | StoreError::WrongState { .. }
                | StoreError::Unreachable(_)
                | StoreError::Broken(_)
                | StoreError::Damaged(_)),
            ) => Err(ReplayFailure::Stopped(error.to_string())),
        }
    }
}
