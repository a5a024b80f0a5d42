//! What a person sees who waits for `run`: each run that itself waits for a time, once.
//! It refuses to speak of what is over in a moment.

use std::collections::HashSet;
use std::convert::Infallible;
use std::io;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::cli::output::{Color, Output};
use crate::cli::render::escape::plain;
use crate::cli::render::message;
use crate::engine::{Engine, ReloadablePerformer};
use crate::store::{Placed, SqliteStore};
use flowtrigger_core::run::RunId;

/// How often it looks.
const LOOK: Duration = Duration::from_secs(1);
/// Who waits less than so long is not spoken of.
const MOMENT: SignedDuration = SignedDuration::from_secs(3);

/// Never ends by itself.
pub async fn tell(
    engine: &Engine<SqliteStore, ReloadablePerformer>,
    color: Color,
) -> io::Result<Infallible> {
    let mut told = HashSet::new();
    loop {
        tokio::time::sleep(LOOK).await;
        for run in engine.left().await.runs {
            tell_of(&run, &mut told, color)?;
        }
    }
}

fn tell_of(run: &Placed, told: &mut HashSet<RunId>, color: Color) -> io::Result<()> {
    let Some(until) = run.state.due() else {
        return Ok(());
    };
    let long = until.duration_since(Timestamp::now()) > MOMENT;
    if !long || !told.insert(run.id) {
        return Ok(());
    }
    let mut stderr = Output::stderr(color);
    let (rule, word) = (plain(&run.rule), run.state.word());
    let text = format!("`{rule}` is {word} until {until:.0}");
    let help = "it continues automatically then; Ctrl-C cancels it, a daemon would keep it";
    message::note(&mut stderr, &text, Some(help))?;
    io::Write::flush(&mut stderr)
}
