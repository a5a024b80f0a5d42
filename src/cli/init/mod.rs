//! `init`: writes a configuration, a rule with its test and an event into a folder, and prints the commands to begin with.
//! Nothing that exists is changed.

mod starter;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::exit::Exit;
use crate::cli::options::GlobalOptions;
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::escape::plain;
use crate::report::render::message;
use crate::report::render::suggested_command::argument;
use crate::report::render::table::Table;
use starter::{StarterFile, StarterSource};

const AFTER_HELP: &str = "\
Examples:
  flowtrigger init desk              write the files into the new folder `desk`
  flowtrigger init                   write them into the current folder
  flowtrigger init --source upmind   begin with events of Upmind

The files work without an account: requests are written to data/outbox/ instead of being sent.
Exit codes: 0 written, 2 a file exists already, 5 a file cannot be written.";

/// The variables that make commands read other files than those of the current folder.
const ELSEWHERE: [&str; 4] = [
    "FLOWTRIGGER_RULES",
    "FLOWTRIGGER_CONFIG",
    "FLOWTRIGGER_DATA",
    "FLOWTRIGGER_STORE",
];

/// Write a configuration, a rule with its test and an event to begin with.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The folder; it is created if it does not exist. Default: the current folder.
    #[arg(value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// The system whose events the first rule reads.
    #[arg(long, value_name = "NAME", default_value = "support")]
    source: StarterSource,
}

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let folder = args.folder.unwrap_or_else(|| ".".into());
    let files = args.source.files();
    check_free(&folder, &files)?;
    write_all(&folder, &files)?;
    let mut table = Table::default();
    for file in &files {
        let path = file.under(&folder).display().to_string();
        table.row([plain(&path).into_owned(), file.purpose.to_owned()]);
    }
    table.write(out)?;
    writeln!(out, "\nnext:")?;
    for command in commands(&folder, args.source.event_path()) {
        writeln!(out, "  {command}")?;
    }
    out.finish()?;
    print_variables(global)
}

/// The commands to begin with, as they are typed.
fn commands(folder: &Path, event: &str) -> Vec<String> {
    let enter = match folder == Path::new(".") {
        true => None,
        false => Some(format!("cd {}", argument(&folder.display().to_string()))),
    };
    let next = [
        "flowtrigger check && flowtrigger test".to_owned(),
        format!("flowtrigger dry-run --explain {event}"),
        "flowtrigger daemon          # until Ctrl-C; the next command in another terminal"
            .to_owned(),
        format!("flowtrigger send {event} && flowtrigger runs list"),
    ];
    enter.into_iter().chain(next).collect()
}

/// Fails if a file or folder has one of the names, or if there are other rules, which would be loaded too.
fn check_free(folder: &Path, files: &[StarterFile]) -> Result<(), CommandError> {
    if folder.exists() && !folder.is_dir() {
        return Err(in_the_way(folder, "name a folder"));
    }
    let help = "name another folder, or move the file away; nothing was written";
    for file in files {
        let path = file.under(folder);
        // A link to a file that does not exist is in the way, too.
        if path.symlink_metadata().is_ok() {
            return Err(in_the_way(&path, help));
        }
    }
    let other_rule = fs::read_dir(folder.join("rules"))
        .ok()
        .and_then(|entries| entries.flatten().next());
    match other_rule {
        Some(rule) => Err(in_the_way(&rule.path(), help)),
        None => Ok(()),
    }
}

fn in_the_way(path: &Path, help: &str) -> CommandError {
    CommandError::usage(format!("`{}` already exists", path.display())).help(help)
}

/// Writes all files, or removes those that it has written.
fn write_all(folder: &Path, files: &[StarterFile]) -> Result<(), CommandError> {
    let mut written = Vec::new();
    for file in files {
        let path = file.under(folder);
        let parent = path.parent().unwrap_or(folder);
        let result = fs::create_dir_all(parent).and_then(|()| {
            let mut new = OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&path)?;
            written.push(path.clone());
            new.write_all(file.text.as_bytes())?;
            new.sync_all()
        });
        if let Err(error) = result {
            for path in written {
                // It is incomplete without the others, and was not here before.
                let _ = fs::remove_file(path);
            }
            let message = format!("failed to write `{}`: {error}", path.display());
            return Err(CommandError::runtime(message).help(
                "check the folder's permissions and the space on its disk; nothing was written",
            ));
        }
    }
    Ok(())
}

/// Warns of variables with which the printed commands do not read the new files.
fn print_variables(global: &GlobalOptions) -> Result<Exit, CommandError> {
    let is_set = |name: &&str| std::env::var_os(name).is_some();
    let mut stderr = Output::stderr(global.color);
    for name in ELSEWHERE.into_iter().filter(is_set) {
        let note = format!("`{name}` is set, so that these commands use what it names");
        message::note(&mut stderr, &note, Some(&format!("unset {name}")))?;
    }
    stderr.finish()?;
    Ok(Exit::Fine)
}
