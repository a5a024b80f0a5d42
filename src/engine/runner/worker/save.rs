//! Stores what happened to a run under its claim, and repeats while the store fails. A call starts only while the claim
//! is known to be current.

use std::time::Duration;

use tracing::error;

use super::{Worker, WorkerExit};
use crate::engine::lease::LeaseTerm;
use crate::engine::limits::active_runs::{ActiveRun, WorkerSignal};
use crate::engine::runner::performer::Perform;
use crate::engine::state::EngineState;
use crate::store::{Advance, Store, StoreError};
use flowtrigger_core::run::RunState;

/// The delay before a failed store operation is tried again.
const STORE_RETRY_DELAY: Duration = Duration::from_secs(1);
/// Attempts of a failed store operation while the program stops.
pub const MAX_SHUTDOWN_ATTEMPTS: u32 = 3;

/// Whether an advance was written whose answer was lost.
enum Earlier {
    Written,
    Unknown,
}

impl<S: Store, P: Perform> Worker<'_, S, P> {
    /// Stores the unsaved log entries and the new state. Repeats while the store fails: what happened must not be
    /// lost.
    pub(super) async fn save(&mut self, state: Option<RunState>) -> Result<(), WorkerExit> {
        if self.unsaved.is_empty() && state.is_none() {
            return Ok(());
        }
        let mut logged = false;
        let mut last_tries = MAX_SHUTDOWN_ATTEMPTS;
        loop {
            if *self.signals.borrow() == WorkerSignal::Stop {
                last_tries -= 1;
            }
            let term = self.shared.lease.term();
            let advance = Advance {
                run: self.run.id,
                claim: Some(self.run.claim),
                entries: self.unsaved.clone(),
                state: state.clone(),
            };
            match advance_one(&self.shared.store, advance).await {
                Ok(()) => {
                    self.term = term;
                    self.saved();
                    return Ok(());
                }
                Err(StoreError::ClaimLost(_)) => return Err(WorkerExit::ClaimLost),
                Err(error) if last_tries == 0 || !is_transient(&error) => {
                    self.log_unsaved(&error);
                    return Err(WorkerExit::StoreFailed);
                }
                Err(error) if !logged => {
                    let run = self.run.id.0;
                    error!(run, %error, "failed to store the run's log; trying again every second");
                    logged = true;
                }
                Err(_) => {}
            }
            self.shared.clock().sleep(STORE_RETRY_DELAY).await;
            if let Earlier::Written = self.earlier(state.as_ref()).await {
                self.saved();
                return match state {
                    Some(_) => Ok(()),
                    None => self.check_claim().await,
                };
            }
        }
    }

    fn saved(&mut self) {
        self.stored += self.unsaved.len();
        self.unsaved.clear();
        self.save_exchanges();
    }

    /// Whether a failed advance was written all the same: the connection to a shared store can end between its commit
    /// and its answer. A local store always answers.
    async fn earlier(&mut self, state: Option<&RunState>) -> Earlier {
        if !self.shared.store.is_shared() {
            return Earlier::Unknown;
        }
        let Ok(Some(record)) = self.shared.store.run(self.run.id).await else {
            return Earlier::Unknown;
        };
        let has_entries = record.log.len() >= self.stored + self.unsaved.len();
        let has_state = match state {
            None => true,
            Some(state) => record.state.as_str() == state.as_str(),
        };
        match has_entries && has_state {
            true => Earlier::Written,
            false => Earlier::Unknown,
        }
    }

    /// Whether the claim is current.
    async fn check_claim(&mut self) -> Result<(), WorkerExit> {
        self.term = LeaseTerm::default();
        let active = self.active_run();
        let term = confirm_claim(self.shared, active, self.term).await;
        self.term = term.map_err(|_| WorkerExit::ClaimLost)?;
        Ok(())
    }

    pub(super) fn active_run(&self) -> ActiveRun {
        ActiveRun {
            run: self.run.id,
            claim: self.run.claim,
        }
    }
}

/// Waits until the lease permits a start, and asks the store whether the claim is still current if another term of the
/// lease has begun since it was known.
///
/// # Errors
/// [`StoreError::ClaimLost`], and nothing else.
pub async fn confirm_claim<S: Store, P>(
    shared: &EngineState<S, P>,
    ActiveRun { run, claim }: ActiveRun,
    known: LeaseTerm,
) -> Result<LeaseTerm, StoreError> {
    let mut known = known;
    loop {
        shared.lease.permitted(shared.clock()).await;
        let term = shared.lease.term();
        if term == known {
            return Ok(term);
        }
        let nothing = Advance {
            run,
            claim: Some(claim),
            entries: Vec::new(),
            state: None,
        };
        match advance_one(&shared.store, nothing).await {
            Ok(()) => known = term,
            Err(error) if is_transient(&error) => shared.clock().sleep(STORE_RETRY_DELAY).await,
            Err(_) => return Err(StoreError::ClaimLost(run.0)),
        }
    }
}

/// Stores what happened to one run.
pub async fn advance_one<S: Store>(store: &S, advance: Advance) -> Result<(), StoreError> {
    let unknown = StoreError::UnknownRun(advance.run.0);
    let result = store.advance_all(vec![advance]).await.pop();
    result.unwrap_or(Err(unknown))
}

/// Whether a store error is transient.
pub fn is_transient(error: &StoreError) -> bool {
    match error {
        StoreError::Busy
        | StoreError::Unreachable(_)
        | StoreError::Broken(_)
        | StoreError::Damaged(_) => true,
        StoreError::Full { .. }
        | StoreError::TooManyWaiters { .. }
        | StoreError::ClaimLost(_)
        | StoreError::UnknownRun(_)
        | StoreError::UnknownEvent
        | StoreError::OnlyTells(_)
        | StoreError::Redacted(_)
        | StoreError::Settings(_)
        | StoreError::WrongState { .. } => false,
    }
}
