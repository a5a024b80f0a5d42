//! `backup`: copies the database of a data folder to a file, beside a daemon that uses it, and verifies the copy.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use url::Url;

use super::exit::Exit;
use super::progress::ProgressLine;
use crate::cli::options::{Format, GlobalOptions};
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::diagnostics::grouped;
use crate::report::render::document::versioned;
use crate::report::render::escape::plain;
use crate::report::render::suggested_command::argument;
use crate::report::render::table::Table;
use crate::report::time_argument::seconds;
use crate::store::StoreLocation;
use crate::store::sqlite::backup::{CopyError, CopyProgress, ExistingCopy, back_up};
use crate::store::sqlite::content::DatabaseContent;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger backup /backup/flowtrigger-$(date +%F).db
  flowtrigger backup --force copy.db            replace the file once the new copy is complete
  flowtrigger restore copy.db --data data       put the copy into a folder without a daemon

The daemon continues meanwhile. The file appears when the copy is complete, verified and on disk.
It contains events, runs, rules and settings; `outbox/`, rules and flowtrigger.yaml are files of yours.
Exit codes: 0 the copy is complete, 2 there is nothing to copy, the file exists, or the store is a
Postgres database, 5 there is no copy.";

/// Copy the database of a data folder to a file, beside a running daemon
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The file to write. Only its owner can read it.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace the file if it exists.
    #[arg(long)]
    force: bool,
    /// Output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let database = match global.checked_store_location()? {
        StoreLocation::File(path) => path,
        StoreLocation::Postgres(settings) => {
            return Err(database_error(
                "pg_dump copies it, also beside running daemons",
                &format!(
                    "pg_dump --format=custom --file={} {}",
                    argument(&args.file.display().to_string()),
                    argument(&client_url(&settings.url)),
                ),
            ));
        }
    };
    let existing = match args.force {
        true => ExistingCopy::Replace,
        false => ExistingCopy::Keep,
    };
    let content =
        with_progress(|on_progress| back_up(&database, &args.file, existing, on_progress))
            .map_err(copy_error)?;
    match args.format {
        Format::Json => {
            let mut document = content_json(&content);
            document["file"] = args.file.display().to_string().into();
            writeln!(out, "{}", versioned(document))?;
        }
        Format::Text => {
            let file = args.file.display().to_string();
            writeln!(out, "backed up to {}", plain(&file))?;
            print_content(&content, &[], out)?;
        }
    }
    Ok(Exit::Fine)
}

/// The error of a store whose server makes the copies. The help is the command.
pub fn database_error(what: &str, command: &str) -> CommandError {
    CommandError::usage(format!("the store is a Postgres database: {what}")).help(format!(
        "{command}    # asks for the password, or reads PGPASSWORD"
    ))
}

/// The URL without what only flowtrigger knows.
pub fn client_url(url: &str) -> String {
    let Ok(mut parsed) = Url::parse(url) else {
        return url.to_owned();
    };
    let known: Vec<&str> = parsed.query().unwrap_or_default().split('&').collect();
    let known: Vec<&str> = known
        .into_iter()
        .filter(|pair| !pair.is_empty() && !pair.starts_with("prepared_statements="))
        .collect();
    let query = known.join("&");
    parsed.set_query((!query.is_empty()).then_some(&query));
    parsed.to_string()
}

/// Shows how much is copied, on a terminal.
pub fn with_progress<T>(copy: impl FnOnce(&mut dyn FnMut(CopyProgress)) -> T) -> T {
    let mut line = ProgressLine::new();
    copy(&mut |progress: CopyProgress| {
        let count = |pages: u64| grouped(usize::try_from(pages).unwrap_or(usize::MAX));
        line.show(|| {
            format!(
                "copied pages: {} of {}",
                count(progress.copied),
                count(progress.of)
            )
        });
    })
}

/// What a copy contains.
pub fn content_json(content: &DatabaseContent) -> Value {
    json!({
        "bytes": content.bytes,
        "schema_version": content.version,
        "events": content.events,
        "newest_event": content.newest_event.map(seconds),
        "runs": content.runs,
        "unfinished": content.unfinished,
    })
}

/// What a copy contains, and further lines.
pub fn print_content(
    content: &DatabaseContent,
    more: &[(&str, String)],
    out: &mut Output,
) -> Result<(), CommandError> {
    let count = |number: u64| grouped(usize::try_from(number).unwrap_or(usize::MAX));
    let states = content.runs.iter();
    let states: Vec<String> = states
        .map(|(state, number)| format!("{} {state}", count(*number)))
        .collect();
    let mut table = Table::default();
    table.row(["integrity", "ok"]);
    table.row(["size", &format!("{} bytes", count(content.bytes))]);
    table.row(["schema version", &content.version.to_string()]);
    table.row(["events", &count(content.events)]);
    let newest = content.newest_event.map(seconds);
    table.row(["newest event", newest.as_deref().unwrap_or("none")]);
    table.row([
        "runs",
        &match states.is_empty() {
            true => count(content.count_runs()),
            false => format!("{}: {}", count(content.count_runs()), states.join(", ")),
        },
    ]);
    for (name, value) in more {
        table.row([*name, value]);
    }
    Ok(table.write(out)?)
}

/// The error of a copy, with what to do.
pub fn copy_error(error: CopyError) -> CommandError {
    let text = error.to_string();
    match error {
        CopyError::Missing(_) => CommandError::usage(text)
            .help("name the data folder of a daemon with `--data`, or another file"),
        CopyError::Exists(_) => CommandError::usage(text)
            .help("choose another name, or replace the file with `--force`"),
        CopyError::NotAFile(path) => CommandError::usage(text).help(format!(
            "name a file, such as `{}`",
            path.join("flowtrigger-backup.db").display()
        )),
        CopyError::Source(path) => CommandError::usage(text).help(format!(
            "choose a name outside of `{}`, best on another disk",
            path.parent().unwrap_or(Path::new(".")).display()
        )),
        CopyError::Foreign(_) => {
            CommandError::runtime(text).help("name a file that `flowtrigger backup` has written")
        }
        CopyError::Newer { .. } => {
            CommandError::runtime(text).help("use the version of flowtrigger that wrote it")
        }
        CopyError::Damaged { .. } => CommandError::runtime(text).help(
            "use another backup; `sqlite3 FILE .recover` prints what can be read of a damaged file",
        ),
        CopyError::Read { .. } => CommandError::runtime(text)
            .help("run the command as the user of the daemon, and check the disk"),
        CopyError::Write { path, .. } => CommandError::runtime(text).help(write_help(&path)),
        CopyError::Busy(_) => CommandError::runtime(text).help("wait until that command has ended"),
        CopyError::Differs { .. } => {
            CommandError::runtime(text).help("check the disk, and repeat the command")
        }
        CopyError::Moved(_) => CommandError::runtime(text),
    }
}

/// What to do about a file that cannot be written.
fn write_help(file: &Path) -> String {
    let folder = file.parent().filter(|folder| *folder != Path::new(""));
    match folder.filter(|folder| !folder.exists()) {
        Some(missing) => format!(
            "the folder `{}` does not exist: create it, or choose another one",
            missing.display()
        ),
        None => "choose a folder that this user can write to, and check the space on its disk"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_for_other_clients_has_only_what_they_know() {
        for (url, expected) in [
            (
                "postgres://flow@db:5432/desk",
                "postgres://flow@db:5432/desk",
            ),
            (
                "postgres://flow@db/desk?sslmode=verify-full&prepared_statements=off",
                "postgres://flow@db/desk?sslmode=verify-full",
            ),
            (
                "postgres://flow@db/desk?prepared_statements=on",
                "postgres://flow@db/desk",
            ),
            (
                "postgres:///desk?host=/run/postgresql&user=flow",
                "postgres:///desk?host=/run/postgresql&user=flow",
            ),
        ] {
            assert_eq!(client_url(url), expected);
        }
    }
}
