//! Formats the debounce window of a run as text and as JSON.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::report::output::Output;
use crate::report::render::color::{Paint, Tone};
use crate::report::render::diagnostics::number;
use crate::report::render::escape::plain;
use crate::report::render::table::Table;
use crate::report::time_argument::seconds;
use crate::store::history::{RunDetail, WindowDetail};
use flowtrigger_core::gate::recorded::RecordedGate;

/// The state of the debounce gate when it let a run through.
pub fn gathers(debounce: &RecordedGate, window: Option<&WindowDetail>) -> String {
    let quiet = format!("open, {}", debounce.details);
    let Some(window) = window else { return quiet };
    let events = usize::try_from(window.events).unwrap_or(usize::MAX);
    let gathers = match window.is_open {
        true => "gathers",
        false => "gathered",
    };
    format!(
        "{quiet}; {gathers} {} since {}",
        number(events, "event"),
        seconds(window.opened)
    )
}

/// The maximum number of events that are listed.
const MAX_LISTED: usize = 20;

/// Lists the events of a run that collected several.
pub fn gathered(out: &mut Output, story: &RunDetail) -> io::Result<()> {
    let acts = |window: &&WindowDetail| window.run == story.row.id && window.events > 1;
    let Some(window) = story.window.as_ref().filter(acts) else {
        return Ok(());
    };
    writeln!(out, "  {}", Paint::new(out).tone(Tone::Bold, "events"))?;
    let mut table = Table::default();
    let left_out = window.gathered.len().saturating_sub(MAX_LISTED);
    for one in window.gathered.iter().skip(left_out) {
        let event = plain(&one.event).into_owned();
        table.row([format!("    {}", seconds(one.came)), event]);
    }
    table.write(out)?;
    let known = window.gathered.len().saturating_sub(left_out) as u64;
    match window.events.saturating_sub(known) {
        0 => Ok(()),
        before => writeln!(out, "    and {before} before them"),
    }
}

/// The window as JSON; null if the run has none.
pub fn gathered_json(story: &RunDetail) -> Value {
    let Some(window) = &story.window else {
        return Value::Null;
    };
    let events = window.gathered.iter();
    let events = events.map(|one| json!({"id": one.event, "received": one.came.to_string()}));
    json!({
        "run": window.run.0,
        "since": window.opened.to_string(),
        "open": window.is_open,
        "count": window.events,
        "events": events.collect::<Vec<_>>(),
    })
}
