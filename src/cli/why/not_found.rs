//! Reports that an event was not found: similar ids, the stored time range, the requests that were rejected.
//! An event that is not stored may still have been received.

use std::io::Write;

use jiff::Timestamp;
use serde_json::json;

use crate::cli::daemon_state::ArchiveState;
use crate::cli::exit::CommandError;
use crate::cli::options::Format;
use crate::cli::output::Output;
use crate::cli::render::document::versioned;
use crate::cli::render::escape::plain;
use crate::cli::time_argument::seconds;
use crate::cli::why::rejected::RejectedRequests;
use crate::cli::why::rule;
use crate::store::History;
use crate::store::history::{NearestEvent, RetainedRange};
use flowtrigger_core::config::Config;
use flowtrigger_core::config::archive::ArchiveScope;

pub fn print(
    subject: &str,
    at: Option<Timestamp>,
    format: Format,
    archive: &ArchiveState,
    history: &dyn History,
    out: &mut Output,
) -> Result<(), CommandError> {
    let (near, range) = (history.nearest(subject)?, history.retained()?);
    let near_rules = rule::nearest(subject, history)?;
    let rejected = RejectedRequests::read(history, None, at)?;
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
            text(subject, &near, &range, history, out)?;
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
    subject: &str,
    near: &[String],
    range: &RetainedRange,
    history: &dyn History,
    out: &mut Output,
) -> Result<(), CommandError> {
    writeln!(
        out,
        "no event with the id or the ticket `{subject}` is stored here, and no rule has this name"
    )?;
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
