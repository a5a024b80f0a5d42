//! Prints a note for each run that waits for longer than some seconds, while `run` waits for it.

use std::collections::HashSet;
use std::convert::Infallible;
use std::io;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::engine::{Engine, ReloadablePerformer};
use crate::report::output::{Color, Output};
use crate::report::render::escape::plain;
use crate::report::render::message;
use crate::store::{RunStatus, SqliteStore};
use flowtrigger_core::run::RunId;

/// The interval between two checks.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// Shorter waits are not reported.
const MIN_WAIT: SignedDuration = SignedDuration::from_secs(3);

/// Checks for waiting runs and prints notes. Returns only on an output error.
pub async fn run(
    engine: &Engine<SqliteStore, ReloadablePerformer>,
    color: Color,
) -> io::Result<Infallible> {
    let mut noted = HashSet::new();
    loop {
        tokio::time::sleep(CHECK_EVERY).await;
        for run in engine.left().await.runs {
            note_once(&run, &mut noted, color)?;
        }
    }
}

fn note_once(run: &RunStatus, noted: &mut HashSet<RunId>, color: Color) -> io::Result<()> {
    let Some(until) = run.state.due() else {
        return Ok(());
    };
    let long = until.duration_since(Timestamp::now()) > MIN_WAIT;
    if !long || !noted.insert(run.id) {
        return Ok(());
    }
    let mut stderr = Output::stderr(color);
    let (rule, word) = (plain(&run.rule), run.state.as_str());
    let text = format!("`{rule}` is {word} until {until:.0}");
    let help = "it continues automatically then; Ctrl-C cancels it, a daemon would keep it";
    message::note(&mut stderr, &text, Some(help))?;
    io::Write::flush(&mut stderr)
}
