//! `status`: whether the daemon works, where its store is, which rules are in force, what waits for what, and which daemons
//! share the store.

mod others;
mod text;

use std::io::Write;

use serde_json::{Value, json};

use super::exit::Exit;
use crate::cli::options::{Format, GlobalOptions};
use crate::cli::replay::current_rules::rules_in_force;
use crate::cli::runs::admin_client::AdminClient;
use crate::report::daemons::LiveDaemons;
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::document::versioned;
use crate::report::suspended::continues;
use crate::report::time_argument::seconds;
use crate::store::history::{HistoryError, RevisionInForce, RuleQueue, SuspendedTarget};
use crate::store::{History, StoreLocation, damaged_databases, database_size, free_space};
use flowtrigger_core::config::Config;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger status
  flowtrigger status --format json | jq .daemons

The daemon is that of `--data`. With a Postgres database, all daemons that share it are listed. Without a
daemon, the queue and the last rules are those of the store.
Exit codes: 0 a daemon accepts events, 1 none does.";

/// Show the health of the daemon, its rules and queue, and the daemons that share its store
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// What was found.
struct StatusAnswer {
    store: StoreAnswer,
    /// The answer of the daemon of the data folder; `None` if there is none.
    daemon: Option<Value>,
    /// Why that daemon did not answer.
    silent: Option<String>,
    stored: StoredState,
    /// Why the store cannot be read.
    unreadable: Option<String>,
    /// It says how fast runs continue. Read only if some do.
    config: Option<Config>,
}

struct StoreAnswer {
    kind: &'static str,
    /// The file, or the URL without its password.
    place: String,
    /// Size of the file, and what is left on its disk. Those of a server are not known here.
    size: Option<u64>,
    free: Option<u64>,
    /// Databases that were damaged and set aside.
    damaged: Vec<String>,
}

/// What the store says, with or without a daemon.
#[derive(Default)]
struct StoredState {
    /// Runs by state, without states that have none.
    runs: Vec<(String, u64)>,
    /// Unfinished runs by rule, those with the most first.
    queue: Vec<RuleQueue>,
    /// The rules that a daemon loaded last.
    revision: Option<RevisionInForce>,
    daemons: LiveDaemons,
    /// What is paused or down.
    suspended: Vec<SuspendedTarget>,
}

/// Rules of the queue that are listed.
const MAX_RULES: usize = 10;

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let answer = ask(global)?;
    match args.format {
        Format::Json => writeln!(out, "{:#}", versioned(answer.json()))?,
        Format::Text => answer.text(out)?,
    }
    Ok(match answer.is_ready() {
        true => Exit::Fine,
        false => Exit::Negative,
    })
}

fn ask(global: &GlobalOptions) -> Result<StatusAnswer, CommandError> {
    let location = global.checked_store_location()?;
    let (daemon, silent) = match AdminClient::connect(&global.socket()) {
        Ok(None) => (None, None),
        Ok(Some(admin)) => match admin.status() {
            Ok(status) => (Some(status), None),
            Err(why) => (None, Some(why)),
        },
        Err(error) => (None, Some(error.to_string())),
    };
    let mut answer = StatusAnswer {
        store: StoreAnswer::at(&location),
        daemon,
        silent,
        stored: StoredState::default(),
        unreadable: None,
        config: None,
    };
    let read = location
        .open_history()
        .map_err(|error| error.to_string())
        .and_then(|history| {
            let stored = StoredState::read(&*history).map_err(|error| error.to_string())?;
            let config = match stored.suspended.iter().any(continues) {
                true => rules_in_force(&*history, global).map(|book| book.config.clone()),
                false => None,
            };
            Ok((stored, config))
        });
    match read {
        Ok((stored, config)) => (answer.stored, answer.config) = (stored, config),
        Err(why) => answer.unreadable = Some(why),
    }
    Ok(answer)
}

impl StoreAnswer {
    fn at(location: &StoreLocation) -> Self {
        match location {
            StoreLocation::File(path) => Self {
                kind: "folder",
                place: path.display().to_string(),
                size: path.exists().then(|| database_size(path)),
                free: free_space(path),
                damaged: damaged_databases(path)
                    .iter()
                    .map(|file| file.display().to_string())
                    .collect(),
            },
            StoreLocation::Postgres(settings) => Self {
                kind: "postgres",
                place: settings.url.clone(),
                size: None,
                free: None,
                damaged: Vec::new(),
            },
        }
    }
}

impl StoredState {
    fn read(history: &dyn History) -> Result<Self, HistoryError> {
        let mut runs = history.counts()?;
        runs.retain(|(_, count)| *count > 0);
        Ok(Self {
            runs,
            queue: history.unfinished_by_rule()?,
            revision: history.latest_revision()?,
            daemons: LiveDaemons::of(&history.daemons()?),
            suspended: history.suspended()?,
        })
    }

    /// Where runs wait. Null if the store cannot be read.
    fn queue_json(&self) -> Value {
        let listed = self.queue.iter().take(MAX_RULES).map(
            |rule| json!({ "rule": rule.rule, "unfinished": rule.total(), "runs": rule.runs }),
        );
        json!({
            "rules": listed.collect::<Vec<_>>(),
            "more_rules": self.queue.len().saturating_sub(MAX_RULES),
        })
    }
}

impl StatusAnswer {
    /// Whether a daemon accepts events: that of the folder, or if there is none, another one of the store.
    fn is_ready(&self) -> bool {
        match &self.daemon {
            Some(status) => status["ready"].as_bool().unwrap_or_default(),
            None => self.silent.is_none() && !self.stored.daemons.rows.is_empty(),
        }
    }

    fn json(&self) -> Value {
        let stored = &self.stored;
        let runs = stored.runs.iter();
        let runs: serde_json::Map<String, Value> = runs
            .map(|(state, count)| (state.clone(), (*count).into()))
            .collect();
        let is_readable = self.unreadable.is_none();
        json!({
            "ready": self.is_ready(),
            "store": {
                "kind": self.store.kind,
                "place": self.store.place,
                "bytes": self.store.size,
                "free_bytes": self.store.free,
                "damaged": self.store.damaged,
            },
            "store_error": self.unreadable,
            "daemon": self.daemon,
            "daemon_error": self.silent,
            "last_revision": stored.revision.as_ref().map(|revision| {
                json!({ "revision": revision.id.0, "loaded": seconds(revision.at) })
            }),
            "runs": is_readable.then_some(runs),
            "queue": is_readable.then(|| stored.queue_json()),
            "suspended": stored.suspended.iter().map(SuspendedTarget::json).collect::<Vec<_>>(),
            "daemons": stored.daemons.json(),
            "revisions_differ": stored.daemons.differing() > 0,
        })
    }
}
