//! Prints a stored event for other commands: as received, as rules read it, or as a rule test.

mod nearby_events;
pub mod received;
mod series_entry;
pub mod test_entry;

use serde_json::{Value, json};

use crate::report::error::CommandError;
use crate::report::why::evaluated::EvaluatedEvent;
use crate::store::History;
use flowtrigger_core::config::Config;
use flowtrigger_core::event::Event;
use flowtrigger_core::path::redact;

/// The form in which the event is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Export {
    AsReceived,
    Normalised,
    Test,
}

/// The printed text, and what a person should know about it.
pub struct Exported {
    pub text: String,
    pub notes: Vec<String>,
}

pub fn export(
    export: Export,
    evaluated: &EvaluatedEvent,
    history: &dyn History,
) -> Result<Exported, CommandError> {
    let event = &evaluated.arrived.event;
    let mut notes: Vec<String> = describe_redacted(event).into_iter().collect();
    let settings = history.latest_config()?.unwrap_or_default();
    notes.extend(describe_redactable(event, &settings));
    let text = match export {
        Export::AsReceived => {
            let config = stored_config(evaluated, history)?;
            let text = received::text(&evaluated.arrived, &config);
            notes.extend(received::unreadable(event, &text, &config));
            text + "\n"
        }
        Export::Normalised => format!("{:#}\n", normalised(event)),
        Export::Test => {
            let config = stored_config(evaluated, history)?;
            let tests = test_entry::entries(evaluated, &config, history)?;
            notes.extend(tests.notes);
            tests.text
        }
    };
    Ok(Exported { text, notes })
}

/// The event as rules read it.
fn normalised(event: &Event) -> Value {
    json!({
        "event": event.header_with_body(),
        "envelope": event.envelope,
        "body": event.body,
        "warnings": event.warnings,
    })
}

fn describe_redacted(event: &Event) -> Option<String> {
    redact::is_redacted(event).then(|| {
        format!(
            "fields of this event were redacted: {}; the rest is put together from what is stored",
            redact::redacted_paths(event).join(", ")
        )
    })
}

/// The note for an event with fields that the configuration removes when its runs have ended.
fn describe_redactable(event: &Event, config: &Config) -> Option<String> {
    let later = redact::redacted(event, &config.redact)?;
    let already = redact::redacted_paths(event);
    let mut paths = redact::redacted_paths(&later);
    paths.retain(|path| !already.contains(path));
    (!paths.is_empty()).then(|| {
        format!(
            "the output has fields that `redact` removes from the stored event later: {}",
            paths.join(", ")
        )
    })
}

/// The configuration of that time; the default one if it was deleted.
fn stored_config(
    evaluated: &EvaluatedEvent,
    history: &dyn History,
) -> Result<Config, CommandError> {
    if let Some(past) = &evaluated.past {
        return Ok(past.config.clone());
    }
    let mut runs = evaluated.rules.iter().flat_map(|rule| &rule.runs);
    Ok(match runs.next() {
        Some(run) => run.rule.version.config().compile(),
        None => history.latest_config()?.unwrap_or_default(),
    })
}
