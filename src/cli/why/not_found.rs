//! The answer where no such event came: what comes near, how far back events are kept, and what
//! else could be the reason. It never says that nothing came where it could have been forgotten.

use std::io::Write;

use jiff::Timestamp;
use serde_json::json;

use crate::cli::exit::CommandError;
use crate::cli::options::Format;
use crate::cli::output::Output;
use crate::cli::render::escape::plain;
use crate::cli::time_argument::seconds;
use crate::store::History;
use crate::store::history::{NearestEvent, RetainedRange};
use flowtrigger_core::config::Config;
use flowtrigger_core::config::archive::ArchiveScope;

pub fn tell(
    subject: &str,
    format: Format,
    history: &dyn History,
    out: &mut Output,
) -> Result<(), CommandError> {
    let (near, span) = (history.nearest(subject)?, history.retained()?);
    match format {
        Format::Json => {
            let near: Vec<&str> = near.iter().map(NearestEvent::text).collect();
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
        Format::Text => text(subject, &near, &span, history, out)?,
    }
    Ok(())
}

fn text(
    subject: &str,
    near: &[NearestEvent],
    span: &RetainedRange,
    history: &dyn History,
    out: &mut Output,
) -> Result<(), CommandError> {
    writeln!(
        out,
        "no event with the id or the ticket `{subject}` is stored here"
    )?;
    if !near.is_empty() {
        let near: Vec<String> = near.iter().map(named).collect();
        writeln!(out, "  near   {}", near.join(", "))?;
    }
    writeln!(out, "  kept   {}", matched(span))?;
    writeln!(
        out,
        "         {}",
        unmatched(span, history.latest_config()?.as_ref())
    )?;
    writeln!(
        out,
        "  else   it was rejected (see the log of the daemon), was never sent, or is older"
    )?;
    Ok(())
}

fn named(near: &NearestEvent) -> String {
    match near {
        NearestEvent::Id(id) => format!("event {}", plain(id)),
        NearestEvent::Key(key) => format!("ticket {}", plain(key)),
    }
}

fn matched(span: &RetainedRange) -> String {
    match span.matched {
        Some((first, last)) => format!(
            "events with runs, from {} to {}",
            seconds(first),
            seconds(last)
        ),
        None => "no event with runs".into(),
    }
}

fn unmatched(span: &RetainedRange, config: Option<&Config>) -> String {
    let kept = match span.unmatched {
        Some((first, last)) => format!(
            "events without runs, from {} to {}",
            seconds(first),
            seconds(last)
        ),
        None => "no event without runs".into(),
    };
    match config.map(|config| config.archive.events) {
        Some(ArchiveScope::Off) => {
            format!("{kept}; `archive: off`: events without runs are not stored")
        }
        Some(ArchiveScope::Full | ArchiveScope::Unmatched) | None => {
            format!("{kept}; a crash loses the newest second of these")
        }
    }
}
