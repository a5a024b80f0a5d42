//! The answer where no such event came: what comes near, how far back events are kept, and what
//! else could be the reason. It never says that nothing came where it could have been forgotten.

use std::io::Write;

use jiff::Timestamp;
use serde_json::json;

use crate::cli::exit::Failure;
use crate::cli::global::Format;
use crate::cli::moment::seconds;
use crate::cli::output::Output;
use crate::core::config::{Archived, Config};
use crate::store::sqlite::journal::{Journal, Near, Span};

pub fn tell(
    subject: &str,
    format: Format,
    journal: &Journal,
    out: &mut Output,
) -> Result<(), Failure> {
    let (near, span) = (journal.nearest(subject)?, journal.span()?);
    match format {
        Format::Json => {
            let near: Vec<&str> = near.iter().map(Near::text).collect();
            let ends = |ends: Option<(Timestamp, Timestamp)>| {
                ends.map(|(first, last)| [first.to_string(), last.to_string()])
            };
            let answer = json!({
                "event": null,
                "asked": subject,
                "nearest": near,
                "kept": {
                    "events": span.events,
                    "matched": ends(span.matched),
                    "unmatched": ends(span.unmatched),
                },
            });
            writeln!(out, "{answer}")?;
        }
        Format::Text => text(subject, &near, &span, journal, out)?,
    }
    Ok(())
}

fn text(
    subject: &str,
    near: &[Near],
    span: &Span,
    journal: &Journal,
    out: &mut Output,
) -> Result<(), Failure> {
    writeln!(
        out,
        "no event with the id or the ticket `{subject}` is kept here"
    )?;
    if !near.is_empty() {
        let near: Vec<String> = near.iter().map(named).collect();
        writeln!(out, "  near   {}", near.join(", "))?;
    }
    writeln!(out, "  kept   {}", matched(span))?;
    writeln!(
        out,
        "         {}",
        unmatched(span, journal.latest_config()?.as_ref())
    )?;
    writeln!(
        out,
        "  else   it was refused at the door (the daemon's log says so), was never sent, or is older"
    )?;
    Ok(())
}

fn named(near: &Near) -> String {
    match near {
        Near::Id(id) => format!("event {id}"),
        Near::Key(key) => format!("ticket {key}"),
    }
}

fn matched(span: &Span) -> String {
    match span.matched {
        Some((first, last)) => format!(
            "events that led to runs, from {} to {}",
            seconds(first),
            seconds(last)
        ),
        None => "no event that led to runs".into(),
    }
}

fn unmatched(span: &Span, config: Option<&Config>) -> String {
    let kept = match span.unmatched {
        Some((first, last)) => format!(
            "events that led to none, from {} to {}",
            seconds(first),
            seconds(last)
        ),
        None => "no event that led to none".into(),
    };
    match config.map(|config| config.archive.events) {
        Some(Archived::Off) => {
            format!("{kept}; `archive: off`: what leads to no run is not kept")
        }
        Some(Archived::Full | Archived::Unmatched) | None => {
            format!("{kept}; the newest second of these is lost in a crash")
        }
    }
}
