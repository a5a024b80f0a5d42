//! Jobs of the commit thread: events to store, runs to advance, commands to runs. A job says what it concerns, is executed in the
//! workspace, perhaps again if the transaction has to be repeated, and is answered after the commit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::error::PostgresError;
use super::scope::{BatchScope, RunAccess, RunExtent, RunScope};
use super::workspace::Workspace;
use crate::store::awaited::{AwaitedSubject, AwaitedTypes};
use crate::store::notice::NoticeCause;
use crate::store::sqlite::commit::EncodedEvent;
use crate::store::sqlite::transaction::WriteTransaction;
use crate::store::{Advance, ClaimId, Committed, StoreError};
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::{LogEntry, RunState};

pub trait BatchJob: Send {
    /// The rules whose rows it needs.
    fn rules(&self) -> Vec<Arc<Rule>> {
        Vec::new()
    }

    /// The time that its caller gives, for stores that go by it.
    fn time(&self) -> Option<Timestamp> {
        None
    }

    /// What its new runs wait for.
    fn subjects(&self) -> Vec<AwaitedSubject> {
        Vec::new()
    }

    /// What it concerns, given the rows of [`Self::rules`] and of [`Self::subjects`].
    fn scope(&self, rows: &KnownRows<'_>) -> BatchScope;

    /// Executes it, and remembers its result.
    fn execute(&mut self, workspace: &mut Workspace) -> Result<(), PostgresError>;

    /// Answers after the commit, or with the reason why there was none.
    fn finish(self: Box<Self>, committed: Result<(), StoreError>);
}

/// Rows that jobs refer to.
pub struct KnownRows<'a> {
    /// The queues of rules, by name.
    pub queues: &'a HashMap<String, i64>,
    pub awaited: &'a AwaitedTypes,
}

/// What this daemon knows of a run that it has claimed.
#[derive(Debug, Clone)]
pub struct OwnClaim {
    pub claim: ClaimId,
    pub queue: i64,
    pub lane: Option<String>,
    pub day: i64,
    /// Entries of the log that are known to be stored.
    pub logged: i64,
    /// Whether it waits for events.
    pub waits: bool,
    /// Entries after those of which it is not known whether they are stored, if the answer of a commit was lost.
    pub unanswered: Option<Vec<LogEntry>>,
}

/// The runs that this daemon has claimed.
#[derive(Debug, Clone, Default)]
pub struct OwnClaims(Arc<Mutex<HashMap<u64, OwnClaim>>>);

impl OwnClaims {
    pub fn get(&self, run: u64) -> Option<OwnClaim> {
        self.lock().get(&run).cloned()
    }

    pub fn insert(&self, run: u64, claim: OwnClaim) {
        self.lock().insert(run, claim);
    }

    pub fn remove(&self, run: u64) {
        self.lock().remove(&run);
    }

    /// So many entries of the log are stored, and perhaps these.
    fn set_logged(&self, run: u64, logged: i64, unanswered: Option<Vec<LogEntry>>) {
        if let Some(own) = self.lock().get_mut(&run) {
            (own.logged, own.unanswered) = (logged, unanswered);
        }
    }

    pub fn clear(&self) {
        self.lock().clear();
    }

    /// The current claims, as a column has them.
    pub fn claims(&self) -> Vec<i64> {
        let owned = self.lock();
        let claims = owned.values().map(|own| own.claim.0);
        claims
            .map(|claim| i64::try_from(claim).unwrap_or(i64::MAX))
            .collect()
    }

    /// How many runs of each queue are claimed.
    pub fn by_queue(&self) -> HashMap<i64, i64> {
        let mut counts = HashMap::new();
        for own in self.lock().values() {
            *counts.entry(own.queue).or_default() += 1;
        }
        counts
    }

    pub fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, OwnClaim>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stores events with their runs.
pub struct CommitJob {
    pub events: Vec<EncodedEvent>,
    pub result: Option<Result<Vec<Committed>, StoreError>>,
    pub reply: oneshot::Sender<Result<Vec<Committed>, StoreError>>,
}

impl BatchJob for CommitJob {
    fn rules(&self) -> Vec<Arc<Rule>> {
        let planned = self.events.iter().flat_map(|event| &event.incoming.planned);
        planned.map(|planned| Arc::clone(&planned.rule)).collect()
    }

    fn time(&self) -> Option<Timestamp> {
        let events = self.events.iter();
        events.map(|event| event.incoming.received).min()
    }

    fn subjects(&self) -> Vec<AwaitedSubject> {
        let planned = self.events.iter().flat_map(|event| &event.incoming.planned);
        let waiters = planned.flat_map(|planned| &planned.waiters);
        waiters.flat_map(AwaitedSubject::of_waiter).collect()
    }

    fn scope(&self, rows: &KnownRows<'_>) -> BatchScope {
        let mut scope = BatchScope::default();
        let queue_of = |rule: &str| rows.queues.get(rule).copied().unwrap_or_default();
        for event in &self.events {
            scope.add_event(&event.incoming, queue_of, rows.awaited);
        }
        scope
    }

    fn execute(&mut self, workspace: &mut Workspace) -> Result<(), PostgresError> {
        let events = &self.events;
        self.result = decide(workspace, |transaction| transaction.commit_all(events))?;
        Ok(())
    }

    fn finish(self: Box<Self>, committed: Result<(), StoreError>) {
        answer(self.reply, self.result, committed);
    }
}

/// Appends to the log of a run and changes its state.
pub struct AdvanceJob {
    pub advance: Advance,
    pub own: OwnClaims,
    /// Whether a run that has ended may have fields of its event removed.
    pub redacts: bool,
    /// The length of the log without these entries, once it was executed.
    pub before: Option<i64>,
    pub result: Option<Result<(), StoreError>>,
    pub reply: oneshot::Sender<Result<(), StoreError>>,
}

impl AdvanceJob {
    fn detail(&self) -> RunExtent {
        match &self.advance.state {
            Some(state) if state.gives_back() || !state.is_redactable() && state.is_final() => {
                RunExtent::Whole
            }
            Some(state) if self.redacts && state.is_redactable() => RunExtent::Whole,
            Some(RunState::Held { .. }) => RunExtent::Whole,
            Some(_) | None => RunExtent::Position,
        }
    }

    /// How many of its entries are stored, given the length of the log. An earlier attempt may have been committed although
    /// its answer was lost; entries of another change that was are not its own.
    fn stored(&self, last: i64) -> usize {
        let own = self.own.get(self.advance.run.0);
        let same = |own: &OwnClaim| {
            self.advance.claim == Some(own.claim)
                && own.unanswered.as_ref() == Some(&self.advance.entries)
        };
        let stored = own.filter(same).map_or(0, |own| last - own.logged);
        let stored = usize::try_from(stored).unwrap_or_default();
        stored.min(self.advance.entries.len())
    }

    /// Whether an earlier attempt of this very change was committed: the run has its state, and its log all entries.
    fn is_stored(&self, workspace: &Workspace, last: i64) -> Result<bool, PostgresError> {
        let (Some(own), Some(state)) = (self.own.get(self.advance.run.0), &self.advance.state)
        else {
            return Ok(false);
        };
        if own.unanswered.as_ref() != Some(&self.advance.entries) {
            return Ok(false);
        }
        let run = self.run();
        let same_state = workspace.run_cell(run, "state")?.text() == Some(state.as_str());
        let entries = self.advance.entries.len() as i64;
        let released = workspace.claim_of(self.advance.run).is_none();
        Ok(released && same_state && last == own.logged + entries)
    }

    /// Whether it may read or change what decides a step of the run.
    fn changes_waits(&self, own: &OwnClaim) -> bool {
        let begins = |entry: &LogEntry| matches!(entry, LogEntry::Waiting { .. });
        match &self.advance.state {
            // Answers have no waiters.
            Some(RunState::Awaiting { .. }) => true,
            state => {
                let ends = state.as_ref().is_some_and(RunState::is_final);
                own.waits && (ends || self.advance.entries.iter().any(begins))
            }
        }
    }

    fn run(&self) -> i64 {
        i64::try_from(self.advance.run.0).unwrap_or(i64::MAX)
    }
}

impl BatchJob for AdvanceJob {
    fn scope(&self, _: &KnownRows<'_>) -> BatchScope {
        let mut scope = BatchScope::default();
        let own = self.own.get(self.advance.run.0);
        let run = self.run();
        let ends = self
            .advance
            .state
            .as_ref()
            .is_some_and(|state| !state.holds_lane());
        match &own {
            Some(own) if self.advance.claim == Some(own.claim) => {
                if let (true, Some(lane)) = (ends, &own.lane) {
                    scope.add_lane(own.queue, lane);
                }
                scope.runs.push(RunScope {
                    run,
                    access: RunAccess::Change,
                    detail: self.detail(),
                    day: Some(own.day),
                });
                if self.changes_waits(own) {
                    scope.waiting.push(run);
                }
            }
            Some(_) | None => {
                scope.unknown.push(run);
                scope.runs.push(RunScope {
                    run,
                    access: RunAccess::Change,
                    detail: RunExtent::Whole,
                    day: None,
                });
            }
        }
        if let Some(RunState::Dead { why }) = &self.advance.state {
            match &own {
                Some(own) => scope.notices.push(NoticeCause::of_death(own.queue, why)),
                None => scope.dying.push((run, why.clone())),
            }
            scope.new_runs = 1;
            scope.new_positions = 1;
        }
        scope
    }

    fn execute(&mut self, workspace: &mut Workspace) -> Result<(), PostgresError> {
        let last = match workspace.runs.contains_key(&self.run()) {
            true => workspace.last_entry(self.run())?,
            false => 0,
        };
        if workspace.runs.contains_key(&self.run()) && self.is_stored(workspace, last)? {
            self.result = Some(Ok(()));
            return Ok(());
        }
        let stored = self.stored(last);
        self.before = Some(last - stored as i64);
        let mut advance = self.advance.clone();
        advance.entries.drain(..stored);
        self.result = decide(workspace, |transaction| {
            let now = transaction.now();
            transaction.advance(&advance, now)
        })?;
        Ok(())
    }

    fn finish(self: Box<Self>, committed: Result<(), StoreError>) {
        let run = self.advance.run.0;
        let done = committed.clone().and(self.result.clone().unwrap_or(Ok(())));
        let (before, entries) = (self.before, &self.advance.entries);
        match (&done, &self.advance.state) {
            (Ok(()), None) => {
                let logged = before.unwrap_or_default() + entries.len() as i64;
                self.own.set_logged(run, logged, None);
            }
            (Ok(()), Some(_)) | (Err(StoreError::ClaimLost(_)), _) => {
                if let Some(own) = self.own.get(run)
                    && self.advance.claim.is_none_or(|claim| claim == own.claim)
                {
                    self.own.remove(run);
                }
            }
            (Err(_), _) => {
                if let Some(before) = before {
                    self.own.set_logged(run, before, Some(entries.clone()));
                }
            }
        }
        answer(self.reply, self.result, committed);
    }
}

/// Executes a job in the workspace. Its result is answered after the commit.
pub fn decide<T>(
    workspace: &mut Workspace,
    work: impl FnOnce(&mut WriteTransaction<'_>) -> Result<T, StoreError>,
) -> Result<Option<Result<T, StoreError>>, PostgresError> {
    let mut kept = None;
    workspace.execute(|transaction| {
        let result = work(transaction);
        let outcome = result.as_ref().map(drop).map_err(Clone::clone);
        kept = Some(result);
        outcome
    })?;
    Ok(kept)
}

pub fn answer<T>(
    reply: oneshot::Sender<Result<T, StoreError>>,
    result: Option<Result<T, StoreError>>,
    committed: Result<(), StoreError>,
) {
    let not_executed = || StoreError::Unreachable("the job was not executed".to_owned());
    let result = match committed {
        Err(error) => Err(error),
        Ok(()) => result.unwrap_or_else(|| Err(not_executed())),
    };
    // The caller may have stopped waiting; the change is kept all the same.
    drop(reply.send(result));
}
