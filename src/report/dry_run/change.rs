//! Changes an event by `--set PATH=VALUE`. A field that the event type does not have is an error.

use jiff::Timestamp;
use serde_json::Value;

use crate::engine::Rulebook;
use crate::report::error::CommandError;
use crate::report::input::InputEvent;
use flowtrigger_core::document::json_error;
use flowtrigger_core::event::Event;
use flowtrigger_core::event::catalogue::event_type::FieldLookup;
use flowtrigger_core::event::catalogue::unknown_field;
use flowtrigger_core::path::Path;
use flowtrigger_core::path::set::set_described;

/// Parses `path=value`. A value that is not JSON is text.
pub fn parse(set: &str) -> Result<(Path, Value), CommandError> {
    let Some((path, value)) = set.split_once('=') else {
        let failure = CommandError::usage(format!("`--set {set}` has no `=`"));
        return Err(failure.help("write --set ticket.priority=urgent"));
    };
    let path = Path::parse(path.trim()).map_err(|error| {
        let failure = CommandError::usage(format!("`--set {set}`: {}", error.message));
        match error.help {
            Some(help) => failure.help(help),
            None => failure.help("write --set ticket.priority=urgent"),
        }
    })?;
    Ok((path, parse_value(value)?))
}

/// Lets an event happen at a time.
pub fn to_time(time: Timestamp) -> (Path, Value) {
    let path = Path::parse("event.time").expect("a valid path");
    (path, time.to_string().into())
}

/// Parses JSON or text. Invalid JSON is an error if it starts like JSON.
fn parse_value(value: &str) -> Result<Value, CommandError> {
    match serde_json::from_str(value) {
        Ok(json) => Ok(json),
        Err(error) if value.trim_start().starts_with(['[', '{', '"']) => {
            let failure = CommandError::usage(format!(
                "the value `{value}` starts like JSON but is invalid: {}",
                json_error::reason(&error)
            ));
            let quoted = Value::from(value);
            Err(failure.help(format!("correct it, or write {quoted} for a text")))
        }
        Err(_) => Ok(Value::from(value)),
    }
}

/// Applies the changes to an event. An unknown field is a usage error.
pub fn changed<'c>(
    input: InputEvent<'c>,
    changes: &[(Path, Value)],
    book: &Rulebook,
) -> Result<InputEvent<'c>, CommandError> {
    if changes.is_empty() {
        return Ok(input);
    }
    let mut event = input.into_event(&book.config.catalogue);
    apply(changes, &mut event, book)?;
    Ok(InputEvent::Event(Box::new(event)))
}

fn apply(
    changes: &[(Path, Value)],
    event: &mut Event,
    book: &Rulebook,
) -> Result<(), CommandError> {
    for (path, value) in changes {
        let known = book
            .config
            .catalogue
            .by_name(&event.source, &event.event_type);
        if let (Some(known), Some(dotted)) = (known, path.dotted())
            && let FieldLookup::Unknown { nearest: near }
            | FieldLookup::Unlisted {
                misspelt: near @ Some(_),
            } = known.field(&dotted)
        {
            let message = unknown_field::message(&format!("`{}`", known.name), &path.text);
            let help = near.map_or_else(
                || format!("`flowtrigger events {}` lists its fields", known.name),
                |near| format!("did you mean `{near}`?"),
            );
            return Err(CommandError::usage(message).help(help));
        }
        let description = book.config.description_of(&event.source);
        set_described(event, path, value.clone(), description)
            .map_err(|error| CommandError::usage(format!("failed to set a field: {error}")))?;
    }
    Ok(())
}
