//! `status`: whether the daemon works, where its store is, which rules are in force, what waits, and which daemons share
//! the store.

use std::io::Write;

use serde_json::{Value, json};

use super::exit::Exit;
use crate::cli::options::{Format, GlobalOptions};
use crate::cli::runs::admin_client::AdminClient;
use crate::report::daemons::LiveDaemons;
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::color::Tone;
use crate::report::render::diagnostics::number;
use crate::report::render::document::versioned;
use crate::report::render::escape::plain;
use crate::report::render::table::Table;
use crate::report::time_argument::seconds;
use crate::store::history::{DaemonRow, HistoryError};
use crate::store::{History, StoreLocation, short_digest};

const AFTER_HELP: &str = "\
Examples:
  flowtrigger status
  flowtrigger status --format json | jq .daemons

The daemon is that of `--data`. With a Postgres database, all daemons that share it are listed.
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
    /// Runs by state, without states that have none.
    runs: Vec<(String, u64)>,
    daemons: LiveDaemons,
    /// Why the store cannot be read.
    unreadable: Option<String>,
}

struct StoreAnswer {
    kind: &'static str,
    /// The file, or the URL without its password.
    place: String,
}

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
        store: match &location {
            StoreLocation::File(path) => StoreAnswer {
                kind: "folder",
                place: path.display().to_string(),
            },
            StoreLocation::Postgres(settings) => StoreAnswer {
                kind: "postgres",
                place: settings.url.clone(),
            },
        },
        daemon,
        silent,
        runs: Vec::new(),
        daemons: LiveDaemons::default(),
        unreadable: None,
    };
    match location.open_history() {
        Ok(history) => match read(&*history) {
            Ok((runs, daemons)) => (answer.runs, answer.daemons) = (runs, daemons),
            Err(error) => answer.unreadable = Some(error.to_string()),
        },
        Err(error) => answer.unreadable = Some(error.to_string()),
    }
    Ok(answer)
}

type StoredState = (Vec<(String, u64)>, LiveDaemons);

fn read(history: &dyn History) -> Result<StoredState, HistoryError> {
    let mut runs = history.counts()?;
    runs.retain(|(_, count)| *count > 0);
    Ok((runs, LiveDaemons::of(&history.daemons()?)))
}

impl StatusAnswer {
    /// Whether a daemon accepts events: that of the folder, or if there is none, another one of the store.
    fn is_ready(&self) -> bool {
        match &self.daemon {
            Some(status) => status["ready"].as_bool().unwrap_or_default(),
            None => self.silent.is_none() && !self.daemons.rows.is_empty(),
        }
    }

    fn json(&self) -> Value {
        let runs: serde_json::Map<String, Value> = self
            .runs
            .iter()
            .map(|(state, count)| (state.clone(), (*count).into()))
            .collect();
        json!({
            "ready": self.is_ready(),
            "store": { "kind": self.store.kind, "place": self.store.place },
            "store_error": self.unreadable,
            "daemon": self.daemon,
            "daemon_error": self.silent,
            "runs": self.unreadable.is_none().then_some(runs),
            "daemons": self.daemons.json(),
            "revisions_differ": self.daemons.differing() > 0,
        })
    }

    fn text(&self, out: &mut Output) -> Result<(), CommandError> {
        let mut table = Table::default();
        match (&self.daemon, &self.silent) {
            (Some(status), _) => self.local(status, &mut table),
            (None, Some(why)) => table.row(["daemon", &format!("status not known: {why}")]),
            (None, None) if self.daemons.rows.is_empty() => {
                table.row(["daemon", "none runs on this data folder"]);
            }
            // Said after the table of the others.
            (None, None) => {}
        }
        let store = match self.store.kind {
            "folder" => format!("folder {}", self.store.place),
            _ => self.store.place.clone(),
        };
        table.row(["store", &store]);
        if let Some(why) = &self.unreadable {
            table.note(&format!("          {why}"));
        }
        let runs: Vec<String> = self
            .runs
            .iter()
            .map(|(state, count)| format!("{count} {state}"))
            .collect();
        let runs = match (&self.unreadable, runs.is_empty()) {
            (Some(_), _) => "not known".to_owned(),
            (None, true) => "none".to_owned(),
            (None, false) => runs.join(", "),
        };
        table.row(["runs", &runs]);
        table.write(out)?;
        self.others(out)
    }

    /// What the daemon of the folder says of itself.
    fn local(&self, status: &Value, table: &mut Table) {
        let word = |key: &str| match &status[key] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let state = match (status["ready"].as_bool(), status["reason"].as_str()) {
            (Some(true), _) => "ready".to_owned(),
            (_, Some(reason)) => format!("not ready: {}", self.without_store_error(reason)),
            (_, None) => "not ready".to_owned(),
        };
        let address = match status["address"].as_str() {
            Some(address) => format!(", events at {address}"),
            None => String::new(),
        };
        table.row([
            "daemon",
            &format!(
                "{state}; process {} since {}, version {}{address}",
                word("pid"),
                word("since"),
                word("version")
            ),
        ]);
        let own = status["revision"].as_u64();
        let row = self.daemons.rows.iter();
        let row = row.clone().find(|row| row.revision.map(|id| id.0) == own);
        let digest = row.and_then(|row| row.digest.as_deref());
        let digest = digest.map_or(String::new(), |text| {
            format!(
                " (digest {} of rules and configuration)",
                short_digest(text)
            )
        });
        let pushed = match status["pushed"]["digest"].as_str() {
            Some(text) => format!(
                ", pushed at {1} ({0} in `flowtrigger push --list`)",
                short_digest(text),
                status["pushed"]["at"].as_str().unwrap_or_default()
            ),
            None => String::new(),
        };
        table.row([
            "rules",
            &format!(
                "{}, revision {}{digest}, loaded {}{pushed}",
                number(
                    usize::try_from(status["rules"].as_u64().unwrap_or_default())
                        .unwrap_or(usize::MAX),
                    "rule"
                ),
                word("revision"),
                word("loaded")
            ),
        ]);
        if let Some(reason) = status["failed_reload"]["reason"].as_str() {
            let at = status["failed_reload"]["at"].as_str().unwrap_or_default();
            table.row_in(Tone::Red, ["", &format!("not reloaded at {at}: {reason}")]);
        }
    }

    /// A reason without the text that is printed with the store.
    fn without_store_error(&self, reason: &str) -> String {
        match &self.unreadable {
            Some(why) => reason.replace(why, "see `store`"),
            None => reason.to_owned(),
        }
    }

    /// The daemons that share the store.
    fn others(&self, out: &mut Output) -> Result<(), CommandError> {
        if self.daemons.rows.is_empty() {
            return Ok(());
        }
        writeln!(out)?;
        let mut table = Table::default();
        table.row([
            "DAEMON",
            "HOST",
            "PROCESS",
            "ADDRESS",
            "VERSION",
            "SINCE",
            "LAST BEAT",
            "RULES",
            "RUNNING",
        ]);
        for row in &self.daemons.rows {
            let cells = cells(row);
            let differs = self.daemons.differs(row);
            match differs || row.reload_failed {
                true => table.row_in(Tone::Red, cells),
                false => table.row(cells),
            }
            if differs {
                table.note("  uses other rules or another configuration than most");
            }
            if row.reload_failed {
                table.note(
                    "  its last reload failed, as its log says: its previous rules stay in use",
                );
            }
        }
        table.write(out)?;
        if self.daemon.is_none() && self.silent.is_none() {
            writeln!(
                out,
                "\nno daemon runs on this data folder; {} the database",
                match self.daemons.rows.len() {
                    1 => "1 daemon uses".to_owned(),
                    count => format!("{count} daemons use"),
                }
            )?;
        }
        if self.daemons.differing() > 0 {
            writeln!(
                out,
                "\nthe daemons differ in their rules or configuration: {} of {}; load the same files on all, or let all use pushed rules (`store: {{ rules: pushed }}`)",
                self.daemons.differing(),
                self.daemons.rows.len()
            )?;
        }
        if self.daemons.versions() > 1 {
            writeln!(
                out,
                "the daemons are of {} versions",
                self.daemons.versions()
            )?;
        }
        Ok(())
    }
}

fn cells(row: &DaemonRow) -> [String; 9] {
    [
        row.id.to_string(),
        plain(&row.host).into_owned(),
        row.process.to_string(),
        row.address.clone().unwrap_or_default(),
        row.version.clone(),
        seconds(row.since),
        seconds(row.beat),
        row.digest
            .as_deref()
            .map_or("none", short_digest)
            .to_owned(),
        row.running.to_string(),
    ]
}
