//! `move`: moves the database of a data folder to Postgres, which several daemons share. The folder must be unused, and so
//! must be the database.

use std::io::Write;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::exit::Exit;
use super::progress::ProgressLine;
use crate::cli::options::{Format, GlobalOptions};
use crate::cli::runs::offline;
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::diagnostics::grouped;
use crate::report::render::document::versioned;
use crate::report::render::escape::plain;
use crate::report::render::table::Table;
use crate::store::postgres::transfer::{MoveError, MoveExtent, MoveReport, move_store};
use crate::store::{PostgresSettings, StoreLocation};
use flowtrigger_core::config::postgres_url::PostgresUrl;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger move --from data/ --to postgres://flowtrigger@db.example/flowtrigger
  flowtrigger move --from data/ --history          to the database of `store` in flowtrigger.yaml

Stop the daemon first. Runs and events keep their ids, so the database must be empty. An interrupted
command is repeated, and continues; until then the folder is rejected as being moved. Afterwards the file of the folder is named flowtrigger.db-moved.
Exit codes: 0 moved, 2 there is nothing to move, 5 nothing or not everything was moved.";

/// Move the data of a folder to a Postgres database
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The data folder to move. Default: `--data`.
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// The URL of the database. Default: `store` of the configuration, or FLOWTRIGGER_STORE.
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// Also move all ended runs, archived events, exchanges, deliveries, commands and numbers by minute.
    #[arg(long)]
    history: bool,
    /// Output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let settings = target(args.to.as_deref(), global)?;
    let folder = args.from.as_ref().unwrap_or(&global.data);
    let database = folder.join("flowtrigger.db");
    if !folder.is_dir() {
        return Err(move_error(MoveError::NoSource(database)));
    }
    let locked = offline::lock(folder)?;
    let extent = match args.history {
        true => MoveExtent::History,
        false => MoveExtent::Unfinished,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CommandError::runtime(format!("failed to start: {error}")))?;
    let mut line = ProgressLine::new();
    let mut on_rows = |rows: u64| {
        let rows = usize::try_from(rows).unwrap_or(usize::MAX);
        line.show(|| format!("moved rows: {}", grouped(rows)));
    };
    let moved = runtime.block_on(move_store(&database, &settings, extent, &mut on_rows));
    drop(line);
    drop(locked);
    let report = moved.map_err(move_error)?;
    match args.format {
        Format::Json => writeln!(out, "{}", versioned(document(&report)))?,
        Format::Text => text(&report, args.history, out)?,
    }
    Ok(Exit::Fine)
}

/// The database: named here, or configured.
fn target(to: Option<&str>, global: &GlobalOptions) -> Result<PostgresSettings, CommandError> {
    if let Some(url) = to {
        let found = PostgresUrl::parse(url);
        let PostgresUrl { url, password } = found
            .map_err(|error| CommandError::usage(error.to_string()).help(error.help.clone()))?;
        return Ok(PostgresSettings { url, password });
    }
    match global.store_location()? {
        StoreLocation::Postgres(settings) => Ok(settings),
        StoreLocation::File(_) => {
            let error = CommandError::usage("no database is named");
            Err(error.help(
                "add `--to postgres://USER@HOST:5432/DATABASE`, or `store` to flowtrigger.yaml",
            ))
        }
    }
}

fn text(report: &MoveReport, with_history: bool, out: &mut Output) -> Result<(), CommandError> {
    if report.was_complete {
        writeln!(
            out,
            "an earlier command has moved everything; the database has"
        )?;
    }
    let mut table = Table::default();
    for moved in &report.moved {
        let rows = usize::try_from(moved.rows).unwrap_or(usize::MAX);
        table.row([moved.kind.to_owned(), grouped(rows)]);
    }
    table.write(out)?;
    if !report.was_complete {
        writeln!(
            out,
            "\nmoved; the counts of folder and database agree\nthe old file is `{}`, which no daemon uses: delete it when you no longer need it",
            plain(&report.file.display().to_string())
        )?;
        if !with_history {
            writeln!(
                out,
                "the history remains in it; the same command with `--history` moves it too"
            )?;
        }
    }
    Ok(())
}

fn document(report: &MoveReport) -> Value {
    let rows: serde_json::Map<String, Value> = report
        .moved
        .iter()
        .map(|moved| (moved.kind.replace(' ', "_"), moved.rows.into()))
        .collect();
    json!({
        "was_complete": report.was_complete,
        "rows": rows,
        "file": report.file.display().to_string(),
    })
}

fn move_error(error: MoveError) -> CommandError {
    let text = error.to_string();
    match error {
        MoveError::NoSource(_) => {
            CommandError::usage(text).help("name the data folder of a daemon with `--from`")
        }
        MoveError::Source(_)
        | MoveError::Read(_)
        | MoveError::Row(_)
        | MoveError::Open(_)
        | MoveError::Write(_)
        | MoveError::InUse(_)
        | MoveError::NotEmpty
        | MoveError::OtherFolder
        | MoveError::Count { .. }
        | MoveError::PutBack(_)
        | MoveError::TwoFiles(..)
        | MoveError::Mark { .. }
        | MoveError::Unmark { .. }
        | MoveError::Rename { .. } => CommandError::runtime(text),
    }
}
