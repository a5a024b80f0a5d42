//! `runs show`: prints runs in full, or one attempt of a run.

use std::io::Write;

use super::attempt::{AttemptChoice, AttemptView};
use super::{Show, attempt};
use crate::cli::daemon_state::{ask_daemon, flush_archive};
use crate::cli::exit::Exit;
use crate::cli::options::{Format, GlobalOptions};
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::document::versioned;
use crate::report::render::escape::plain;
use crate::report::render::message;
use crate::report::run::detail::StoredRun;
use flowtrigger_core::run::RunId;

pub fn run(args: Show, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let archive = flush_archive(&global.socket());
    let history = global.history()?;
    let chosen = chosen(&args);
    let daemon = ask_daemon(&global.socket(), &*history);
    let mut exit = Exit::Fine;
    for (number, id) in args.ids.into_iter().enumerate() {
        let Some(found) = StoredRun::read(RunId(id), &*history)? else {
            out.flush()?;
            let mut stderr = Output::stderr(global.color);
            let help = "`flowtrigger runs list` lists the stored runs; old runs are deleted";
            message::error(&mut stderr, &format!("no run {id} is stored"), Some(help))?;
            stderr.finish()?;
            exit = Exit::Negative;
            continue;
        };
        if let Some(chosen) = chosen {
            match attempt::show(&found.detail, &found.lines(), chosen, global, out)? {
                Exit::Fine => {}
                other => exit = other,
            }
            continue;
        }
        match args.format {
            Format::Json => {
                writeln!(out, "{}", versioned(found.json(&daemon)?))?;
            }
            Format::Text => {
                if number > 0 {
                    writeln!(out)?;
                }
                found.text(&daemon, out)?;
                if let Some(why) = archive.behind() {
                    writeln!(
                        out,
                        "  exchanges of the last moment may be missing: {}",
                        plain(why)
                    )?;
                }
            }
        }
    }
    Ok(exit)
}

/// Which attempt to show, and how; `None` shows the whole run.
fn chosen(args: &Show) -> Option<(AttemptChoice, AttemptView)> {
    let choice = match args.attempt {
        Some(number) => AttemptChoice::Number(number.get()),
        None => AttemptChoice::Last,
    };
    match (args.curl, args.attempt) {
        (true, _) => Some((choice, AttemptView::Repeat)),
        (false, Some(_)) => Some((choice, AttemptView::Whole(args.format))),
        (false, None) => None,
    }
}
