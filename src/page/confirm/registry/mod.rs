//! The commands that were given on the page since the daemon started: what each is for, how far it has come, and what came
//! of it. The number in a form makes sure that a form that is sent twice is executed once.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::page::session::new_token;
use crate::report::run::command::{RunCommand, RunStatusRow};
use crate::store::ReplayId;
use flowtrigger_core::run::RunId;
use flowtrigger_core::run::commander::{CommandOrigin, Commander};

/// Commands that are kept.
const MAX_COMMANDS: usize = 500;
/// How long a form can be sent.
const MAX_FORM_AGE: Duration = Duration::from_secs(3_600);
/// Runs and rejections that a command keeps to show.
const MAX_SHOWN: usize = 200;
/// How often a sleeping command looks whether it is to stop.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// All commands of this daemon.
pub struct CommandRegistry {
    /// Distinguishes forms of this daemon from those of an earlier one.
    instance: String,
    began: Instant,
    state: Mutex<RegistryState>,
    /// Becomes `true` when the daemon stops.
    closing: watch::Receiver<bool>,
}

#[derive(Default)]
struct RegistryState {
    next: u64,
    commands: BTreeMap<u64, Arc<CommandRecord>>,
    /// The command of each form that was sent.
    forms: HashMap<String, u64>,
}

/// Who gave a command, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandIntent {
    pub user: String,
    pub note: String,
    /// What it is for.
    pub subject: String,
    /// The page of what it is for.
    pub back: String,
    /// The address that asks the same again.
    pub again: String,
    /// Whether only one of its kind is executed at a time.
    pub extent: CommandExtent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandExtent {
    Named,
    Bulk,
}

/// One command.
pub struct CommandRecord {
    pub id: u64,
    pub command: RunCommand,
    pub origin: CommandIntent,
    pub given: Timestamp,
    progress: Mutex<CommandProgress>,
    stopped: AtomicBool,
    closing: watch::Receiver<bool>,
    ended: watch::Sender<bool>,
}

/// How far a command has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandProgress {
    /// Runs, or events of a replay.
    pub total: usize,
    pub processed: usize,
    /// Runs that were retried, cancelled or started.
    pub changed: usize,
    pub rejected: usize,
    /// The first of them, with the run that each is about.
    pub runs: Vec<ChangedRun>,
    pub rejections: Vec<RejectedPart>,
    pub replay: Option<ReplayId>,
    /// Confirmed runs that are not processed yet, in their order.
    pub left: VecDeque<RunId>,
    pub end: Option<CommandFinish>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedRun {
    pub run: RunStatusRow,
    /// The run that was replayed, if there is one.
    pub of: Option<RunId>,
}

/// A part that was rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedPart {
    pub run: Option<RunId>,
    pub event: Option<String>,
    pub why: String,
}

/// How a command ended. In JSON and in pages by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandOutcome {
    Complete,
    /// It was stopped, or the daemon stops.
    Stopped(String),
    Failed(String),
    /// Nothing was done.
    NotStarted(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandFinish {
    pub at: Timestamp,
    pub outcome: CommandOutcome,
}

/// What a form that was sent leads to.
pub enum SentForm {
    New(Arc<CommandRecord>),
    /// It was sent before: the command that it gave.
    Repeated(u64),
    /// It is of an earlier daemon, or too old.
    Outdated,
    /// Another command of its kind is in progress.
    Busy(u64),
}

impl CommandRegistry {
    pub fn new(closing: watch::Receiver<bool>) -> Self {
        Self {
            instance: new_token()[..8].to_owned(),
            began: Instant::now(),
            state: Mutex::default(),
            closing,
        }
    }

    /// The number of a new form.
    pub fn new_form(&self) -> String {
        let age = self.began.elapsed().as_secs();
        format!("{}.{age}.{}", self.instance, &new_token()[..16])
    }

    fn is_current(&self, form: &str) -> bool {
        let mut parts = form.split('.');
        let (instance, made) = (parts.next(), parts.next().and_then(|age| age.parse().ok()));
        let made = made.map(Duration::from_secs);
        instance == Some(self.instance.as_str())
            && made.is_some_and(|made| {
                self.began.elapsed().saturating_sub(made) < MAX_FORM_AGE
                    && made <= self.began.elapsed()
            })
    }

    /// Begins the command of a form.
    pub fn begin(
        &self,
        form: &str,
        command: RunCommand,
        origin: CommandIntent,
        given: Timestamp,
    ) -> SentForm {
        if !self.is_current(form) {
            return SentForm::Outdated;
        }
        let mut state = self.lock();
        if let Some(command) = state.forms.get(form) {
            return SentForm::Repeated(*command);
        }
        if origin.extent == CommandExtent::Bulk
            && let Some(other) = state.commands.values().find(|other| {
                other.origin.extent == CommandExtent::Bulk
                    && other.command.as_str() == command.as_str()
                    && !other.has_ended()
            })
        {
            return SentForm::Busy(other.id);
        }
        state.make_room();
        state.next += 1;
        let id = state.next;
        let record = Arc::new(CommandRecord {
            id,
            command,
            origin,
            given,
            progress: Mutex::default(),
            stopped: AtomicBool::new(false),
            closing: self.closing.clone(),
            ended: watch::Sender::new(false),
        });
        state.commands.insert(id, Arc::clone(&record));
        state.forms.insert(form.to_owned(), id);
        SentForm::New(record)
    }

    pub fn get(&self, id: u64) -> Option<Arc<CommandRecord>> {
        self.lock().commands.get(&id).cloned()
    }

    /// All commands, the newest first.
    pub fn all(&self) -> Vec<Arc<CommandRecord>> {
        self.lock().commands.values().rev().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, RegistryState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RegistryState {
    /// Forgets the oldest command that has ended.
    fn make_room(&mut self) {
        if self.commands.len() < MAX_COMMANDS {
            return;
        }
        let oldest = self.commands.values().find(|command| command.has_ended());
        if let Some(id) = oldest.map(|command| command.id) {
            self.commands.remove(&id);
        }
        // A form is outdated before so many commands are given.
        let commands = &self.commands;
        self.forms.retain(|_, id| commands.contains_key(id));
    }
}

impl CommandRecord {
    pub fn path(&self) -> String {
        format!("/commands/{}", self.id)
    }

    /// Who gives it, for the log of commands.
    pub fn commander(&self) -> Commander {
        Commander::new(Some(&self.origin.user), CommandOrigin::Page).with_note(&self.origin.note)
    }

    pub fn progress(&self) -> CommandProgress {
        self.lock().clone()
    }

    pub fn has_ended(&self) -> bool {
        self.lock().end.is_some()
    }

    /// Asks the command to end before its next part.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed) || *self.closing.borrow()
    }

    /// Sleeps on a blocking thread until a time, or until the command is to stop.
    pub fn sleep_until(&self, until: Instant) {
        while !self.is_stopped() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(CHECK_INTERVAL));
        }
    }

    pub fn update(&self, change: impl FnOnce(&mut CommandProgress)) {
        change(&mut self.lock());
    }

    pub fn end(&self, at: Timestamp, outcome: CommandOutcome) {
        self.lock().end = Some(CommandFinish { at, outcome });
        self.ended.send_replace(true);
    }

    /// Waits until it has ended, or for so long.
    pub async fn wait(&self, limit: Duration) {
        let mut ended = self.ended.subscribe();
        let waited = tokio::time::timeout(limit, ended.wait_for(|ended| *ended)).await;
        drop(waited);
    }

    fn lock(&self) -> MutexGuard<'_, CommandProgress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CommandProgress {
    /// Notes runs that the command changed or started.
    pub fn add_runs(&mut self, of: Option<RunId>, runs: &[RunStatusRow]) {
        self.changed += runs.len();
        let left = MAX_SHOWN.saturating_sub(self.runs.len());
        let runs = runs.iter().take(left);
        self.runs.extend(runs.map(|run| ChangedRun {
            run: run.clone(),
            of,
        }));
    }

    pub fn add_rejection(&mut self, rejection: RejectedPart) {
        self.rejected += 1;
        if self.rejections.len() < MAX_SHOWN {
            self.rejections.push(rejection);
        }
    }
}

impl CommandOutcome {
    pub fn as_str(&self) -> &'static str {
        match self {
            CommandOutcome::Complete => "complete",
            CommandOutcome::Stopped(_) => "stopped",
            CommandOutcome::Failed(_) => "failed",
            CommandOutcome::NotStarted(_) => "not_started",
        }
    }

    pub fn why(&self) -> Option<&str> {
        match self {
            CommandOutcome::Complete => None,
            CommandOutcome::Stopped(why)
            | CommandOutcome::Failed(why)
            | CommandOutcome::NotStarted(why) => Some(why),
        }
    }
}

#[cfg(test)]
mod tests;
