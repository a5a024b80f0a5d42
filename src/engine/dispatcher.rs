//! Hands out runs: claims those whose turn it is and keeps as many at work as the limits allow.
//! It alone owns the running tasks; a run that panics is buried as dead, and takes nothing with it.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tracing::{error, warn};

use super::Perform;
use super::at_work::Order;
use super::clock::Pair;
use super::handle::{Phase, Shared};
use super::worker::{LAST_TRIES, passes, work};
use crate::core::run::{RunId, State};
use crate::store::{Claim, Store};

/// The longest sleep without a look at the clock on the wall, which may jump.
const LONGEST_NAP: Duration = Duration::from_secs(30);
/// Between two tries of a store that fails.
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// How long workers that are told to stop may take to put their runs back.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Runs until the engine has been drained.
pub(super) async fn dispatch<S: Store, P: Perform>(shared: Arc<Shared<S, P>>) {
    let mut phase = shared.phase.subscribe();
    let mut crew = Crew {
        clocks: Pair::of(shared.clock()),
        shared,
        tasks: JoinSet::new(),
    };
    while crew.turn(&mut phase).await {}
    crew.dismiss().await;
}

/// The runs at work.
struct Crew<S, P> {
    shared: Arc<Shared<S, P>>,
    tasks: JoinSet<()>,
    /// As they stood at the last look.
    clocks: Pair,
}

impl<S: Store, P: Perform> Crew<S, P> {
    /// Claims what it can, then waits until something changes. False when all is drained.
    async fn turn(&mut self, phase: &mut watch::Receiver<Phase>) -> bool {
        self.look_at_clocks().await;
        let now = *phase.borrow_and_update();
        if self.takes_more(now) {
            self.claim().await;
        }
        let due = self.due().await;
        if self.is_drained(now, due) {
            return false;
        }
        let nap = self.nap(now, due);
        let shared = Arc::clone(&self.shared);
        tokio::select! {
            () = shared.work.notified() => {}
            () = shared.clock().sleep(nap) => {}
            () = time_is_up(now) => {}
            _ = phase.changed() => {}
            Some(ended) = self.tasks.join_next_with_id() => self.ended(ended).await,
        }
        true
    }

    /// What waits for a time waits no longer because the clock was set back.
    async fn look_at_clocks(&mut self) {
        let now = Pair::of(self.shared.clock());
        if let Some(by) = self.clocks.set_back(&now) {
            let seconds = by.as_secs();
            warn!(
                seconds,
                "the clock was set back; what waits for a time is moved with it"
            );
            if let Err(error) = self.shared.store.shift(by).await {
                error!(%error, "what waits for a time could not be moved; trying again");
                return;
            }
        }
        self.clocks = now;
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

    /// Whoever cancels a run waits meanwhile, so that none is between being claimed and being at work.
    async fn claim(&mut self) {
        let places = self.shared.places.free();
        if places.is_empty() {
            return;
        }
        let claim = Claim {
            limit: places.len(),
            per_rule: self.shared.options.per_rule.max(1),
            now: self.shared.clock().now(),
        };
        let shared = Arc::clone(&self.shared);
        let mut at_work = shared.at_work.lock().await;
        let claimed = match shared.store.claim(claim).await {
            Ok(claimed) => claimed,
            Err(error) => {
                drop((at_work, places));
                error!(%error, "runs could not be claimed; trying again");
                return shared.clock().sleep(STORE_PAUSE).await;
            }
        };
        for (run, place) in claimed.into_iter().zip(places) {
            let id = run.id;
            let (orders, ordered) = watch::channel(Order::GoOn);
            let shared = Arc::clone(&shared);
            let task = async move { work(&shared, run, place, ordered).await };
            at_work.add(self.tasks.spawn(task).id(), id, orders);
        }
    }

    /// How long until a parked run wants to go on.
    async fn due(&self) -> Option<Duration> {
        let due = self.shared.store.next_due().await.unwrap_or_else(|error| {
            error!(%error, "the next run that is due could not be read; trying again");
            None
        })?;
        let wait: SignedDuration = due.duration_since(self.shared.clock().now());
        Some(wait.try_into().unwrap_or(Duration::ZERO))
    }

    /// Without a free place a due run cannot start, and the end of another wakes us.
    fn nap(&self, phase: Phase, due: Option<Duration>) -> Duration {
        let waits = self.shared.places.has_free() && self.takes_more(phase);
        match due.filter(|_| waits) {
            Some(due) => LONGEST_NAP.min(due.max(Duration::from_millis(1))),
            None => LONGEST_NAP,
        }
    }

    async fn ended(&mut self, ended: Result<(Id, ()), JoinError>) {
        let task = match &ended {
            Ok((task, ())) => *task,
            Err(fault) => fault.id(),
        };
        let run = self.shared.at_work.lock().await.remove(task);
        if let (Err(fault), Some(run)) = (ended, run)
            && let Ok(panic) = fault.try_into_panic()
        {
            let why = format!(
                "a fault of the program stopped this run: {}; please report it",
                said(&*panic)
            );
            self.tasks.spawn(bury(Arc::clone(&self.shared), run, why));
        }
        self.shared.ended.notify_waiters();
    }

    /// Stops what is still at work when the time is over.
    async fn dismiss(mut self) {
        self.shared.at_work.lock().await.stop_all();
        let until = Instant::now() + LAST_WORDS;
        while let Ok(Some(ended)) =
            tokio::time::timeout_at(until, self.tasks.join_next_with_id()).await
        {
            self.ended(ended).await;
        }
        self.tasks.abort_all();
        while let Some(ended) = self.tasks.join_next_with_id().await {
            self.ended(ended).await;
        }
    }
}

/// Tells the store, until it hears, of a run that nobody works on any more: it would be running for
/// ever.
async fn bury<S: Store, P: Perform>(shared: Arc<Shared<S, P>>, run: RunId, why: String) {
    error!(
        run = run.0,
        state = "dead",
        "run stopped by a fault of the program"
    );
    let mut last_tries = LAST_TRIES;
    let dead = State::Dead { why };
    while let Err(error) = shared
        .store
        .advance(run, Vec::new(), Some(dead.clone()))
        .await
    {
        error!(run = run.0, %error, "the run's end could not be kept");
        if !shared.accepting() {
            last_tries -= 1;
        }
        if last_tries == 0 || !passes(&error) {
            return;
        }
        shared.clock().sleep(STORE_PAUSE).await;
    }
}

async fn time_is_up(phase: Phase) {
    match phase {
        Phase::Accepting => std::future::pending().await,
        Phase::Draining { until } => tokio::time::sleep_until(until).await,
    }
}

fn said(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no reason given")
}
