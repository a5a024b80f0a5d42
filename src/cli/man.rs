//! `man`: prints the manual page of the program, or writes those of all commands to a folder.

use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap_mangen::Man;

use super::Cli;
use super::exit::Exit;
use crate::cli::options::GlobalOptions;
use crate::report::error::CommandError;
use crate::report::output::Output;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger man | man -l -
  flowtrigger man --dir ~/.local/share/man/man1";

/// Print the manual page of the program, or write those of all commands.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Write one file for the program and one for each command to this folder; it is created if needed.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub fn run(args: Args, _global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    match args.dir {
        None => out.write_unchanged(&page())?,
        Some(folder) => write(&folder).map_err(|error| {
            let folder = folder.display();
            CommandError::runtime(format!(
                "failed to write manual pages to `{folder}`: {error}; choose a folder that you may write to"
            ))
        })?,
    }
    Ok(Exit::Fine)
}

/// Writes to memory, where nothing can fail.
fn page() -> Vec<u8> {
    let mut page = Vec::new();
    let command = Cli::command().disable_help_subcommand(true);
    drop(Man::new(command).render(&mut page));
    with_examples_as_written(&String::from_utf8_lossy(&page)).into_bytes()
}

fn write(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    clap_mangen::generate_to(Cli::command(), folder)?;
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if name.is_some_and(|name| name.starts_with("flowtrigger") && name.ends_with(".1")) {
            fs::write(&path, with_examples_as_written(&fs::read_to_string(&path)?))?;
        }
    }
    Ok(())
}

/// The section of examples keeps its lines: they are too long to be filled.
fn with_examples_as_written(page: &str) -> String {
    let Some((before, section)) = page.split_once(EXAMPLES) else {
        return page.to_owned();
    };
    let (examples, after) = match section.find("\n.SH ") {
        Some(end) => section.split_at(end + 1),
        None => (section, ""),
    };
    let end = if examples.ends_with('\n') { "" } else { "\n" };
    format!("{before}{EXAMPLES}.nf\n{examples}{end}.fi\n{after}")
}

const EXAMPLES: &str = ".SH EXTRA\n";
