//! Hands out runs: claims those whose turn it is and keeps as many at work as the limit allows.
//! It alone owns the running tasks; a run that panics is buried as dead, and takes nothing with it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tracing::error;

use super::Perform;
use super::handle::{Phase, Shared};
use super::worker::work;
use crate::core::run::{RunId, State};
use crate::store::{Claim, Store};

/// The longest sleep without a look at the clock on the wall, which may jump.
const LONGEST_NAP: Duration = Duration::from_secs(30);
/// Between two tries of a store that fails.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// Runs until the engine has been drained.
pub(super) async fn dispatch<S: Store, P: Perform>(shared: Arc<Shared<S, P>>) {
    let mut phase = shared.phase.subscribe();
    let mut crew = Crew {
        shared,
        tasks: JoinSet::new(),
        at_work: HashMap::new(),
    };
    while crew.turn(&mut phase).await {}
    crew.dismiss().await;
}

/// The runs at work.
struct Crew<S, P> {
    shared: Arc<Shared<S, P>>,
    tasks: JoinSet<()>,
    at_work: HashMap<Id, RunId>,
}

impl<S: Store, P: Perform> Crew<S, P> {
    /// Claims what it can, then waits until something changes. False when all is drained.
    async fn turn(&mut self, phase: &mut watch::Receiver<Phase>) -> bool {
        let now = *phase.borrow_and_update();
        if self.takes_more(now) {
            self.claim().await;
        }
        let due = self.due().await;
        if self.is_drained(now, due) {
            return false;
        }
        let nap = self.nap(now, due);
        tokio::select! {
            () = self.shared.work.notified() => {}
            () = tokio::time::sleep(nap) => {}
            _ = phase.changed() => {}
            Some(ended) = self.tasks.join_next_with_id() => self.ended(ended).await,
        }
        true
    }

    /// A durable store keeps what is queued for the next start; any other loses it, so that as much
    /// as possible is still done.
    fn takes_more(&self, phase: Phase) -> bool {
        phase == Phase::Accepting || !S::DURABLE
    }

    fn is_drained(&self, phase: Phase, due: Option<Duration>) -> bool {
        let Phase::Draining { until } = phase else {
            return false;
        };
        let left = until.saturating_duration_since(Instant::now());
        let in_time = due.is_some_and(|due| due <= left) && self.takes_more(phase);
        left.is_zero() || (self.tasks.is_empty() && !in_time)
    }

    fn free(&self) -> usize {
        let limit = self.shared.options.concurrency.max(1);
        limit.saturating_sub(self.tasks.len())
    }

    async fn claim(&mut self) {
        let free = self.free();
        if free == 0 {
            return;
        }
        let claim = Claim {
            limit: free,
            per_rule: self.shared.options.concurrency.max(1),
            now: self.shared.now(),
        };
        let claimed = match self.shared.store.claim(claim).await {
            Ok(claimed) => claimed,
            Err(error) => {
                error!(%error, "runs could not be claimed; trying again");
                tokio::time::sleep(STORE_PAUSE).await;
                return;
            }
        };
        for run in claimed {
            let id = run.id;
            let shared = Arc::clone(&self.shared);
            let task = self.tasks.spawn(async move { work(&shared, run).await });
            self.at_work.insert(task.id(), id);
        }
    }

    /// How long until a parked run wants to go on.
    async fn due(&self) -> Option<Duration> {
        let due = self.shared.store.next_due().await.ok().flatten()?;
        let wait = due.duration_since(Timestamp::now());
        Some(wait.try_into().unwrap_or(Duration::ZERO))
    }

    fn nap(&self, phase: Phase, due: Option<Duration>) -> Duration {
        let mut nap = LONGEST_NAP;
        if let Phase::Draining { until } = phase {
            nap = nap.min(until.saturating_duration_since(Instant::now()));
        }
        // Without a free place a due run cannot start, and the end of another wakes us.
        match due {
            Some(due) if self.free() > 0 && self.takes_more(phase) => {
                nap.min(due.max(Duration::from_millis(1)))
            }
            Some(_) | None => nap,
        }
    }

    async fn ended(&mut self, ended: Result<(Id, ()), JoinError>) {
        match ended {
            Ok((task, ())) => {
                self.at_work.remove(&task);
            }
            Err(fault) => {
                if let Some(run) = self.at_work.remove(&fault.id()) {
                    self.bury(run, fault).await;
                }
            }
        }
        self.shared.ended.notify_waiters();
    }

    async fn bury(&self, run: RunId, fault: JoinError) {
        let why = match fault.try_into_panic() {
            Ok(panic) => format!(
                "a fault of the program stopped this run: {}; please report it",
                said(&*panic)
            ),
            Err(_) => return,
        };
        error!(
            run = run.0,
            state = "dead",
            "run stopped by a fault of the program"
        );
        if let Err(error) = self
            .shared
            .store
            .advance(run, Vec::new(), Some(State::Dead { why }))
            .await
        {
            error!(run = run.0, %error, "the run's end could not be kept");
        }
    }

    /// Stops what is still at work when the time is over.
    async fn dismiss(mut self) {
        self.tasks.abort_all();
        while let Some(ended) = self.tasks.join_next_with_id().await {
            self.ended(ended).await;
        }
    }
}

fn said(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no reason given")
}
