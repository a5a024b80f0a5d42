//! Executes a command in the background, run by run or event by event, at the default rate, through the same commands as
//! the command line. A replay keeps its state file, so that `flowtrigger replay --resume` can continue it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::runtime::Handle;
use tracing::{info, warn};

use super::registry::{CommandExtent, CommandOutcome, CommandRecord, RejectedPart};
use super::replay_effect::ReplayEffect;
use crate::page::PageState;
use crate::report::error::CommandError;
use crate::report::replay::assess::Assessor;
use crate::report::replay::current_rules::RulesOrigin;
use crate::report::replay::execution::{
    ReplayEnd, ReplayEvent, ReplayExecution, ReplayFailure, ReplayObserver, ReplayedEventPlan,
    ReplayedRuns,
};
use crate::report::replay::lock::ReplayLock;
use crate::report::replay::rate::{Pacer, ReplayRate};
use crate::report::replay::state_file::ReplayFile;
use crate::report::replay::targets::ReplayTarget;
use crate::report::run::command::{RunCommand, RunStatusRow};
use crate::source::admin::{AdminApi, AdminError};
use crate::store::history::RunRow;
use crate::store::{History, ReplayId, RevisionId};
use flowtrigger_core::matching::find::MatchScratch;
use flowtrigger_core::run::commander::Commander;

/// How long a busy daemon is asked again, and how often.
const BUSY_LIMIT: Duration = Duration::from_secs(60);
const BUSY_INTERVAL: Duration = Duration::from_millis(500);

/// Retries or cancels runs, one after the other.
pub async fn runs<A: AdminApi>(
    state: Arc<PageState<A>>,
    record: Arc<CommandRecord>,
    runs: Vec<RunRow>,
) {
    record.update(|progress| progress.total = runs.len());
    let mut pacer = Pacer::new(ReplayRate::default(), Instant::now());
    let mut outcome = CommandOutcome::Complete;
    for run in &runs {
        if record.is_stopped() {
            outcome = CommandOutcome::Stopped("it was stopped".to_owned());
            break;
        }
        // A cancelled run sends nothing.
        if record.command == RunCommand::Retry {
            tokio::time::sleep_until(pacer.next().into()).await;
        }
        match one_run(&*state.admin, &record, run.id.0).await {
            Ok(changed) => {
                pacer.started(changed.len(), Instant::now());
                record.update(|progress| {
                    progress.processed += 1;
                    progress.left.pop_front();
                    progress.add_runs(None, &changed);
                });
            }
            Err(AdminError::Unavailable(why)) => {
                outcome = CommandOutcome::Failed(why);
                break;
            }
            Err(
                AdminError::NotFound(why)
                | AdminError::Conflict(why)
                | AdminError::Unprocessable(why),
            ) => record.update(|progress| {
                progress.processed += 1;
                progress.left.pop_front();
                progress.add_rejection(RejectedPart {
                    run: Some(run.id),
                    event: None,
                    why,
                });
            }),
        }
    }
    end(&record, outcome);
}

/// One run. A daemon that is busy is asked again for a while.
async fn one_run<A: AdminApi>(
    admin: &A,
    record: &CommandRecord,
    run: u64,
) -> Result<Vec<RunStatusRow>, AdminError> {
    let began = Instant::now();
    loop {
        let done = match record.command {
            RunCommand::Retry => admin.retry(run, record.commander()).await,
            RunCommand::Cancel => admin.cancel(run, record.commander()).await,
            RunCommand::Replay(_) => admin.replay(run, None, record.commander()).await,
        };
        match done {
            Err(AdminError::Unavailable(_))
                if began.elapsed() < BUSY_LIMIT && !record.is_stopped() =>
            {
                tokio::time::sleep(BUSY_INTERVAL).await;
            }
            done => return Ok(done?.into_iter().map(RunStatusRow::from).collect()),
        }
    }
}

/// Replays events on a blocking thread, which reads the archive.
pub async fn replay<A: AdminApi>(
    state: Arc<PageState<A>>,
    record: Arc<CommandRecord>,
    effect: ReplayEffect,
) {
    record.update(|progress| {
        progress.total = effect.summary.events;
        progress.replay = Some(effect.file.id());
    });
    let (observed, runtime) = (Arc::clone(&record), Handle::current());
    let replayed = tokio::task::spawn_blocking(move || {
        let history = match state.history.open() {
            Ok(history) => history,
            Err(error) => return CommandOutcome::Failed(error.to_string()),
        };
        let daemon = DaemonReplay {
            state: &state,
            runtime,
            revision: match effect.rules.origin {
                RulesOrigin::Daemon { revision, .. } | RulesOrigin::Store { revision, .. } => {
                    revision
                }
                RulesOrigin::Files => RevisionId(0),
            },
            by: observed.commander(),
        };
        let done = blocking_replay(&daemon, &observed, effect, &*history, state.data.clone());
        done.unwrap_or_else(|error| CommandOutcome::Failed(error.to_string()))
    });
    let outcome = replayed.await.unwrap_or_else(|_| {
        CommandOutcome::Failed("the replay ended early; this is a bug, please report it".to_owned())
    });
    end(&record, outcome);
}

fn blocking_replay(
    daemon: &dyn ReplayEvent,
    record: &Arc<CommandRecord>,
    effect: ReplayEffect,
    history: &dyn History,
    data: PathBuf,
) -> Result<CommandOutcome, CommandError> {
    let mut file = effect.file;
    let _lock = match record.origin.extent {
        CommandExtent::Bulk => Some(ReplayLock::take(&data, file.id())?),
        CommandExtent::Named => None,
    };
    let scope = file.scope.clone();
    let mut assessor = Assessor {
        history,
        book: &effect.rules.book,
        scope: &scope,
        replay: file.id(),
        scratch: MatchScratch::default(),
    };
    let execution = ReplayExecution {
        destination: daemon,
        rate: Some(ReplayRate::default()),
        data: &data,
    };
    let mut observer = RecordedReplay(Arc::clone(record));
    let end = execution.run(&mut file, &mut assessor, &mut observer)?;
    record.update(|progress| progress.changed = progress.changed.max(file.progress.runs));
    Ok(match end {
        ReplayEnd::Complete => CommandOutcome::Complete,
        ReplayEnd::Stopped(why) => CommandOutcome::Stopped(why),
    })
}

/// Asks the daemon that serves the page.
struct DaemonReplay<'a, A> {
    state: &'a PageState<A>,
    runtime: Handle,
    revision: RevisionId,
    by: Commander,
}

impl<A: AdminApi> ReplayEvent for DaemonReplay<'_, A> {
    fn replay(
        &self,
        replay: ReplayId,
        part: &ReplayedEventPlan,
    ) -> Result<ReplayedRuns, ReplayFailure> {
        let request = part.request(replay, self.revision);
        let replayed = self
            .runtime
            .block_on(self.state.admin.replay_event(request, self.by.clone()));
        let rows = |runs: Vec<_>| runs.into_iter().map(RunStatusRow::from).collect();
        match replayed {
            Ok(replayed) => Ok(ReplayedRuns {
                started: rows(replayed.runs),
                repeated: rows(replayed.repeated),
                left_out: rows(replayed.left_out),
            }),
            Err(AdminError::NotFound(why) | AdminError::Unprocessable(why)) => {
                Err(ReplayFailure::Rejected(why))
            }
            Err(AdminError::Unavailable(why)) => Err(ReplayFailure::Busy(why)),
            Err(AdminError::Conflict(why)) => Err(ReplayFailure::Stopped(why)),
        }
    }
}

/// Notes the progress of a replay.
struct RecordedReplay(Arc<CommandRecord>);

impl ReplayObserver for RecordedReplay {
    fn is_stopped(&self) -> bool {
        self.0.is_stopped()
    }

    fn sleep_until(&self, until: Instant) {
        self.0.sleep_until(until);
    }

    fn on_runs(
        &mut self,
        _: &ReplayFile,
        target: &ReplayTarget,
        runs: &ReplayedRuns,
    ) -> Result<(), CommandError> {
        self.0.update(|progress| {
            progress.add_runs(target.run(), &runs.started);
        });
        Ok(())
    }

    fn on_rejected(
        &mut self,
        _: &ReplayFile,
        target: &ReplayTarget,
        why: &str,
    ) -> Result<(), CommandError> {
        self.0.update(|progress| {
            progress.add_rejection(RejectedPart {
                run: target.run(),
                event: target.event().map(|event| event.id.clone()),
                why: why.to_owned(),
            });
        });
        Ok(())
    }

    fn on_progress(&mut self, file: &ReplayFile) {
        self.0
            .update(|progress| progress.processed = file.progress.events);
    }
}

fn end(record: &CommandRecord, outcome: CommandOutcome) {
    let progress = record.progress();
    let (changed, rejected) = (progress.changed, progress.rejected);
    let (user, command) = (record.origin.user.as_str(), record.command.as_str());
    match outcome.why() {
        None => info!(
            user,
            command, changed, rejected, "command on the page ended"
        ),
        Some(why) => warn!(
            user,
            command, changed, rejected, why, "command on the page ended early"
        ),
    }
    record.end(Timestamp::now(), outcome);
}
