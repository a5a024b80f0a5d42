//! `restore`: puts a backup into a data folder without a daemon, and decides what becomes of its unfinished runs: they may
//! have been executed since the backup was made, so they are held unless `--resume` is given.

mod hold;

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::exit::Exit;
use crate::cli::backup::{
    client_url, content_json, copy_error, database_error, print_content, with_progress,
};
use crate::cli::options::{Format, GlobalOptions};
use crate::cli::runs::offline;
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::document::versioned;
use crate::report::render::suggested_command::argument;
use crate::report::time_argument::seconds;
use crate::store::StoreLocation;
use crate::store::sqlite::VERSION;
use crate::store::sqlite::backup::inspect;
use crate::store::sqlite::content::DatabaseContent;
use crate::store::sqlite::restore::{ReplacedDatabase, RestoreError, StagedDatabase};
use hold::{HeldRuns, hold_current, hold_staged};

const AFTER_HELP: &str = "\
Examples:
  flowtrigger restore --check copy.db           verify a backup, and show its unfinished runs
  flowtrigger restore copy.db                   restore into the folder of --data; hold its unfinished runs
  flowtrigger restore --force copy.db           the same; the database of the folder is kept under another name
  flowtrigger restore --resume copy.db          the daemon executes the unfinished runs when it starts
  flowtrigger restore --in-place                hold the unfinished runs of a store that pg_restore has restored

Stop the daemon first. Runs that were unfinished when the backup was made may have been executed since.
By default they are held, so that nothing happens twice: review them with `flowtrigger runs list
--state held`, then retry or cancel them.
Exit codes: 0 restored, 2 the file does not exist, the folder has a database, or the store is a
Postgres database, 5 nothing was restored.";

/// Put a backup into a data folder without a daemon
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The backup.
    #[arg(value_name = "FILE", required_unless_present = "in_place")]
    file: Option<PathBuf>,
    /// Move a database that the folder has aside, under another name.
    #[arg(long, conflicts_with_all = ["check", "in_place"])]
    force: bool,
    /// Let the daemon execute the unfinished runs, although they may have been executed since the backup.
    #[arg(long, conflicts_with_all = ["check", "in_place"])]
    resume: bool,
    /// Only verify the backup and show what it contains.
    #[arg(long, conflicts_with = "in_place")]
    check: bool,
    /// Hold the unfinished runs of the current store, which another tool has restored.
    #[arg(long, conflicts_with = "file")]
    in_place: bool,
    /// Output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// What was done.
enum Outcome {
    Checked,
    Held {
        runs: HeldRuns,
        replaced: Option<PathBuf>,
    },
    Resumed {
        replaced: Option<PathBuf>,
    },
}

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let Some(file) = &args.file else {
        let runs = hold_current(global)?;
        return print_in_place(&runs, args.format, out);
    };
    if args.check {
        let content = inspect(file).map_err(copy_error)?;
        return print(&content, &Outcome::Checked, &args, out);
    }
    let database = match global.checked_store_location()? {
        StoreLocation::File(path) => path,
        StoreLocation::Postgres(settings) => {
            return Err(database_error(
                "stop all daemons, restore into an empty database with pg_restore, and hold its unfinished runs with `flowtrigger restore --in-place`",
                &format!(
                    "pg_restore --no-owner --single-transaction --dbname={} {}",
                    argument(&client_url(&settings.url)),
                    argument(&file.display().to_string()),
                ),
            ));
        }
    };
    let locked = offline::lock(&global.data)?;
    let replaced = match args.force {
        true => ReplacedDatabase::SetAside,
        false => ReplacedDatabase::Keep,
    };
    let staged =
        with_progress(|on_progress| StagedDatabase::copy(file, &database, replaced, on_progress))
            .map_err(restore_error)?;
    let mut content = staged.content.clone();
    let held = match args.resume {
        true => None,
        false => {
            let held = hold_staged(staged.path(), reason(&content))?;
            // Opening it as a store has upgraded it.
            content.version = VERSION;
            Some(held)
        }
    };
    let replaced = staged.install().map_err(restore_error)?;
    drop(locked);
    let outcome = match held {
        Some(runs) => Outcome::Held { runs, replaced },
        None => Outcome::Resumed { replaced },
    };
    print(&content, &outcome, &args, out)
}

/// Why the runs are held; each gets its number.
fn reason(content: &DatabaseContent) -> String {
    let newest = content.newest_event.map(seconds);
    format!(
        "restored from a backup whose newest event is of {}; the run may have been executed since",
        newest.as_deref().unwrap_or("no known time")
    )
}

fn print(
    content: &DatabaseContent,
    outcome: &Outcome,
    args: &Args,
    out: &mut Output,
) -> Result<Exit, CommandError> {
    let replaced = match outcome {
        Outcome::Checked => None,
        Outcome::Held { replaced, .. } | Outcome::Resumed { replaced } => replaced.as_deref(),
    };
    match args.format {
        Format::Json => {
            let mut document = content_json(content);
            document["restored"] = json!(!matches!(outcome, Outcome::Checked));
            document["held"] = json!(match outcome {
                Outcome::Held { runs, .. } => runs.count(),
                Outcome::Checked | Outcome::Resumed { .. } => 0,
            });
            document["replaced"] = json!(replaced.map(|path| path.display().to_string()));
            writeln!(out, "{}", versioned(document))?;
        }
        Format::Text => {
            let file = args.file.as_deref().unwrap_or(Path::new(""));
            let verb = match outcome {
                Outcome::Checked => "verified",
                Outcome::Held { .. } | Outcome::Resumed { .. } => "restored",
            };
            writeln!(out, "{verb} {}", argument(&file.display().to_string()))?;
            let old = replaced.map(|path| ("old database", path.display().to_string()));
            print_content(content, &old.into_iter().collect::<Vec<_>>(), out)?;
            print_runs(content, outcome, out)?;
        }
    }
    Ok(Exit::Fine)
}

/// What becomes of the unfinished runs.
fn print_runs(
    content: &DatabaseContent,
    outcome: &Outcome,
    out: &mut Output,
) -> Result<(), CommandError> {
    match outcome {
        Outcome::Held { runs, .. } => runs.print(out)?,
        Outcome::Checked | Outcome::Resumed { .. } if content.unfinished.is_empty() => {
            writeln!(out, "\nno run is unfinished")?;
        }
        Outcome::Checked => {
            writeln!(out, "\nunfinished runs, which a restore holds:")?;
            hold::table(&content.unfinished).write(out)?;
        }
        Outcome::Resumed { .. } => {
            writeln!(
                out,
                "\nunfinished runs, which the daemon executes when it starts:"
            )?;
            hold::table(&content.unfinished).write(out)?;
        }
    }
    Ok(())
}

fn print_in_place(runs: &HeldRuns, format: Format, out: &mut Output) -> Result<Exit, CommandError> {
    match format {
        Format::Json => {
            let document = json!({"held": runs.count(), "unfinished": runs.by_rule()});
            writeln!(out, "{}", versioned(document))?;
        }
        Format::Text => runs.print(out)?,
    }
    Ok(Exit::Fine)
}

fn restore_error(error: RestoreError) -> CommandError {
    let text = error.to_string();
    match error {
        RestoreError::Copy(error) => copy_error(error),
        RestoreError::Occupied(_) => CommandError::usage(text).help(
            "restore into another folder with `--data`, or move that database aside with `--force`",
        ),
        RestoreError::Moved(_) => CommandError::runtime(text),
        RestoreError::SetAside { .. } | RestoreError::Place { .. } => CommandError::runtime(text)
            .help("check the permissions of the data folder, and repeat the command"),
    }
}
