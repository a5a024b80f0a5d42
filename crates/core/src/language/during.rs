//! Lowers `during`, and durations that may have one: `4h`, or `{ for: 4h, during: office }`.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::diagnostic::{Code, Report};
use crate::document::decode::Decode;
use crate::document::suggest;
use crate::document::vocabulary::{Vocabulary, duration, words};
use crate::document::{Node, Yaml};
use crate::language::resolver::NameResolver;
use crate::schedule::{During, ScheduledDuration};

/// The keys of a duration of which only open hours count.
pub const SCHEDULED: Vocabulary = Vocabulary {
    name: "a duration",
    words: words! {
        "for" duration => "The duration.";
        "during" during => "The schedule whose open hours count, or `{ not: SCHEDULE }`.";
    },
};

/// What to do about a schedule that is never open, or never closed, after its last special day.
pub const REGULAR_HOURS: &str = "give the schedule other `hours` in flowtrigger.yaml";

/// The schema of the name of a schedule, or `{ not: NAME }`.
pub fn during() -> Value {
    let not = json!({"type": "object", "required": ["not"], "properties": {"not": {"type": "string"}}, "additionalProperties": false});
    json!({"oneOf": [{"type": "string"}, not]})
}

/// The schema of a duration, or of a mapping of `for` and `during`.
pub fn scheduled() -> Value {
    json!({"oneOf": [duration(), SCHEDULED.schema(&["for"])]})
}

/// Lowers the name of a schedule, or `{ not: NAME }`. None after an error.
pub fn lower_during(node: &Node, names: &mut NameResolver<'_>) -> Option<During> {
    let (name, negated) = match &node.value {
        Yaml::Map(entries) => match entries.as_slice() {
            [entry] if entry.key == "not" => (&entry.value, true),
            _ => (node, false),
        },
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) | Yaml::List(_) => {
            (node, false)
        }
    };
    let Some(text) = name.as_text().map(str::to_owned) else {
        let message = format!(
            "`during` takes the name of a schedule, found {}",
            name.kind()
        );
        let help = "write `during: office`, or `during: { not: office }`";
        return names.reject(Code::WrongType, name.at, message, help);
    };
    if let Some(schedule) = names.schedules.get(&text) {
        let schedule = Arc::clone(schedule);
        return Some(During { schedule, negated });
    }
    if let Some(schedule) = negated_name(&text).filter(|name| names.schedules.contains_key(*name)) {
        let message = format!("unknown schedule `{text}`");
        let help = format!("write `{{ not: {schedule} }}` for the times outside of it");
        return names.reject(Code::UndefinedName, name.at, message, &help);
    }
    let known: Vec<&str> = names.schedules.keys().map(String::as_str).collect();
    let nearest = suggest::nearest(&text, known.iter().copied());
    let help = match (nearest, known.is_empty()) {
        (Some(closest), _) => format!("did you mean `{closest}`?"),
        (None, true) => "define it under `schedules:` in flowtrigger.yaml".to_owned(),
        (None, false) => format!("the schedules are: {}", known.join(", ")),
    };
    let message = format!("unknown schedule `{text}`");
    names.not_configured(Code::UndefinedName, name.at, message, &help);
    None
}

/// The schedule that `not office`, `!office` or `outside office` means.
fn negated_name(text: &str) -> Option<&str> {
    let prefixes = ["not ", "!", "outside ", "-"];
    let rest = prefixes.iter().find_map(|prefix| text.strip_prefix(prefix));
    rest.map(str::trim)
}

/// Lowers a duration, or a mapping of `for` and `during`. None after an error.
pub fn lower_scheduled(
    node: &Node,
    key: &str,
    names: &mut NameResolver<'_>,
) -> Option<ScheduledDuration> {
    if node.as_map().is_none() {
        return names.duration(node, key).map(ScheduledDuration::always);
    }
    names.entries(node, &SCHEDULED)?;
    let Some(time) = node.get("for") else {
        let help = "write `{ for: 4h, during: office }`";
        return names.reject(
            Code::MissingKey,
            node.at,
            format!("`{key}` has no `for`"),
            help,
        );
    };
    let time = names.duration(time, "for");
    let during = match node.get("during") {
        Some(during) => Some(lower_during(during, names)?),
        None => None,
    };
    Some(ScheduledDuration {
        time: time?,
        during,
    })
}
