//! Reports that an event was not found: similar ids, the stored time range, the requests that were rejected.

use std::io::{self, Write};

use crate::cli::options::Format;
use crate::report::daemon_state::ArchiveState;
use crate::report::output::Output;
use crate::report::render::document::versioned;
use crate::report::render::escape::plain;
use crate::report::why::missed::{MissedEvent, UNKNOWN};
use crate::store::history::NearestEvent;

pub fn print(
    missed: &MissedEvent,
    format: Format,
    archive: &ArchiveState,
    out: &mut Output,
) -> io::Result<()> {
    match format {
        Format::Json => writeln!(out, "{}", versioned(missed.json(archive))),
        Format::Text => text(missed, archive, out),
    }
}

fn text(missed: &MissedEvent, archive: &ArchiveState, out: &mut Output) -> io::Result<()> {
    writeln!(out, "{}", missed.sentence())?;
    if let Some(entry) = &missed.entry {
        if let Some(unknown) = entry.describe_unknown() {
            writeln!(out, "  entry  {unknown}")?;
        }
        if let Some(others) = entry.describe_stored() {
            let subject = plain(&missed.subject);
            writeln!(out, "  at     events of `{subject}` are stored at {others}")?;
        }
    }
    let events = missed.near.iter().map(describe_near);
    let rules = missed.near_rules.iter();
    let rules = rules.map(|rule| format!("rule {}", plain(rule)));
    let near: Vec<String> = events.chain(rules).collect();
    if !near.is_empty() {
        writeln!(out, "  near   {}", near.join(", "))?;
    }
    writeln!(out, "  kept   {}", missed.kept_matched())?;
    writeln!(out, "         {}", missed.kept_unmatched())?;
    writeln!(out, "  reject {}", missed.rejected.describe())?;
    missed.rejected.write("         ", out)?;
    writeln!(out, "  else   {UNKNOWN}")?;
    match archive.note() {
        Some(note) => writeln!(out, "  note   {note}"),
        None => Ok(()),
    }
}

fn describe_near(near: &NearestEvent) -> String {
    match near {
        NearestEvent::Id(id) => format!("event {}", plain(id)),
        NearestEvent::Key(key) => format!("ticket {}", plain(key)),
    }
}
