//! Reports that an event was not found: similar ids, the stored time range, the requests that were rejected.
//! An event that is not stored may still have been received.

use std::io::Write;

use jiff::Timestamp;
use serde_json::json;

use crate::cli::options::Format;
use crate::cli::why::rule;
use crate::report::daemon_state::ArchiveState;
use crate::report::entry_argument::MissedEntry;
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::document::versioned;
use crate::report::render::escape::plain;
use crate::report::time_argument::seconds;
use crate::report::why::rejected::RejectedRequests;
use crate::store::History;
use crate::store::history::{NearestEvent, RetainedRange};
use flowtrigger_core::config::Config;
use flowtrigger_core::config::archive::ArchiveScope;

/// What was asked for and not found.
pub struct MissedEvent<'a> {
    pub subject: &'a str,
    pub at: Option<Timestamp>,
    /// The entry of `--endpoint`.
    pub entry: Option<MissedEntry>,
}

pub fn print(
    missed: &MissedEvent<'_>,
    format: Format,
    archive: &ArchiveState,
    history: &dyn History,
    out: &mut Output,
) -> Result<(), CommandError> {
    let MissedEvent { subject, at, entry } = missed;
    let (near, range) = (history.nearest(subject)?, history.retained()?);
    let near_rules = rule::nearest(subject, history)?;
    let rejected = RejectedRequests::read(history, None, *at)?;
    match format {
        Format::Json => {
            let near: Vec<&str> = near.iter().map(NearestEvent::text).collect();
            let ends = |ends: Option<(Timestamp, Timestamp)>| {
                ends.map(|(first, last)| [first.to_string(), last.to_string()])
            };
            let answer = json!({
                "event": null,
                "asked": subject,
                "endpoint": entry.as_ref().map(MissedEntry::json),
                "nearest": near,
                "nearest_rules": near_rules,
                "kept": {
                    "events": range.events,
                    "matched": ends(range.matched),
                    "unmatched": ends(range.unmatched),
                },
                "rejected": rejected.json(),
                "archive_behind": archive.behind(),
            });
            writeln!(out, "{}", versioned(answer))?;
        }
        Format::Text => {
            let near = near.iter().map(describe_near);
            let rules = near_rules
                .iter()
                .map(|rule| format!("rule {}", plain(rule)));
            let near: Vec<String> = near.chain(rules).collect();
            text(missed, &near, &range, history, out)?;
            writeln!(out, "  reject {}", rejected.describe())?;
            rejected.write("         ", out)?;
            writeln!(out, "  else   {ELSE}")?;
            if let Some(note) = archive.note() {
                writeln!(out, "  note   {note}")?;
            }
        }
    }
    Ok(())
}

fn text(
    missed: &MissedEvent<'_>,
    near: &[String],
    range: &RetainedRange,
    history: &dyn History,
    out: &mut Output,
) -> Result<(), CommandError> {
    let subject = missed.subject;
    match &missed.entry {
        None => writeln!(
            out,
            "no event with the id or the ticket `{subject}` is stored here, and no rule has this name"
        )?,
        Some(entry) => {
            writeln!(
                out,
                "no event with the id or the ticket `{subject}` that `{}` received is stored here",
                entry.name()
            )?;
            if let Some(unknown) = entry.describe_unknown() {
                writeln!(out, "  entry  {unknown}")?;
            }
            if let Some(others) = entry.describe_stored() {
                writeln!(out, "  at     events of `{subject}` are stored at {others}")?;
            }
        }
    }
    if !near.is_empty() {
        writeln!(out, "  near   {}", near.join(", "))?;
    }
    writeln!(out, "  kept   {}", describe_matched(range))?;
    writeln!(
        out,
        "         {}",
        describe_unmatched(range, history.latest_config()?.as_ref())
    )?;
    Ok(())
}

/// What this program cannot know.
const ELSE: &str =
    "older events may have been deleted, and whether a sender sent anything is not known here";
fn describe_near(near: &NearestEvent) -> String {
    match near {
        NearestEvent::Id(id) => format!("event {}", plain(id)),
        NearestEvent::Key(key) => format!("ticket {}", plain(key)),
    }
}

fn describe_matched(range: &RetainedRange) -> String {
    match range.matched {
        Some((first, last)) => format!(
            "events with runs, from {} to {}",
            seconds(first),
            seconds(last)
        ),
        None => "no event with runs".into(),
    }
}

fn describe_unmatched(range: &RetainedRange, config: Option<&Config>) -> String {
    let stored = match range.unmatched {
        Some((first, last)) => format!(
            "events without runs, from {} to {}",
            seconds(first),
            seconds(last)
        ),
        None => "no event without runs".into(),
    };
    match config.map(|config| config.archive.events) {
        Some(ArchiveScope::Off) => {
            format!("{stored}; `archive: off`: events without runs are not stored")
        }
        Some(ArchiveScope::Full | ArchiveScope::Unmatched) | None => {
            format!("{stored}; a crash or a flood can lose some of these")
        }
    }
}
