//! From any value to an event: the shape is told by what is in it, then its table is run.
//! It refuses what has no known shape, and says what it looked for and what stands there.

use serde_json::Value;

use super::catalogue::Catalogue;
use super::datum::Datum;
use super::decoder::Decoder;
use super::head::Head;
use super::user_described::Description;
use super::{Event, eventbridge, upmind, zendesk_webhook, zis};

/// Every shape that is told by its content, the particular before the general.
pub static DECODERS: &[&Decoder] = &[
    &zis::TICKET,
    &zis::USER,
    &zis::ORGANIZATION,
    &zis::CUSTOM_OBJECT,
    &zendesk_webhook::TICKET,
    &zendesk_webhook::USER,
    &zendesk_webhook::ORGANIZATION,
    &zendesk_webhook::OTHER,
    &eventbridge::TICKET,
    &eventbridge::USER,
    &eventbridge::ORGANIZATION,
    &upmind::UPMIND,
];

/// Why a value is not an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NotAnEvent {
    pub message: String,
    pub help: Option<String>,
    /// Where in the value, as a dotted path.
    pub path: Option<String>,
}

impl NotAnEvent {
    pub(super) fn at(path: &str, message: String) -> NotAnEvent {
        NotAnEvent {
            message,
            help: None,
            path: Some(path.to_owned()),
        }
    }

    pub(super) fn of_the_whole(message: String) -> NotAnEvent {
        NotAnEvent {
            message,
            help: None,
            path: None,
        }
    }

    fn with_help(message: String, help: &str) -> NotAnEvent {
        NotAnEvent {
            message,
            help: Some(help.to_owned()),
            path: None,
        }
    }
}

/// What says how a document is to be read.
#[derive(Debug, Clone, Copy)]
pub enum Told<'a> {
    /// Its content.
    ByContent,
    /// The configuration.
    Described(&'a Description),
}

/// What stands above the event of a document.
pub fn head<'a>(
    document: Datum<'a>,
    told: Told<'a>,
    catalogue: &'a Catalogue,
) -> Result<Head<'a>, NotAnEvent> {
    match told {
        Told::Described(description) => description.head(document, catalogue),
        Told::ByContent => match DECODERS.iter().find(|decoder| decoder.tells(document)) {
            Some(decoder) => decoder.head(document, catalogue),
            None => Err(unknown_shape(&document.value())),
        },
    }
}

/// The event of a document that is built already.
pub fn read(raw: Value, told: Told<'_>, catalogue: &Catalogue) -> Result<Event, NotAnEvent> {
    let event = head(Datum::Built(&raw), told, catalogue)?.without_raw(catalogue);
    Ok(Event { raw, ..event })
}

/// Decodes a value whose shape is told by its content.
pub fn decode(value: Value, catalogue: &Catalogue) -> Result<Event, NotAnEvent> {
    read(value, Told::ByContent, catalogue)
}

/// Decodes a value of a source that the configuration describes.
pub fn decode_described(
    value: Value,
    description: &Description,
    catalogue: &Catalogue,
) -> Result<Event, NotAnEvent> {
    read(value, Told::Described(description), catalogue)
}

fn unknown_shape(value: &Value) -> NotAnEvent {
    let Value::Object(object) = value else {
        return NotAnEvent::with_help(
            format!("this JSON is {}, expected an object", kind(value)),
            SHAPES,
        );
    };
    if let Some(input) = object.get("input") {
        return unknown_input(input);
    }
    if is_bare(value) {
        return NotAnEvent::with_help(
            format!(
                "this JSON is {}: a ticket event without its envelope",
                described(value)
            ),
            "wrap it as `{\"input\": {\"ticket_event\": …}}`",
        );
    }
    if object.contains_key("detail-type") {
        let message = "`detail` holds no `ticket_event`, `user_event` or `organization_event`";
        return NotAnEvent::at("detail", message.to_owned());
    }
    NotAnEvent::with_help(
        format!(
            "this JSON is {}: none of the known shapes",
            described(value)
        ),
        SHAPES,
    )
}

fn kind(value: &Value) -> &'static str {
    Datum::Built(value).words()
}

const SHAPES: &str = "known are the ZIS envelope (`input.ticket_event`), the Zendesk event webhook \
    (`type` starts with `zen:event-type:`), EventBridge (`detail.ticket_event`) and Upmind \
    (`hook_code`); describe any other under `sources` in the configuration";

fn unknown_input(input: &Value) -> NotAnEvent {
    let mut error = NotAnEvent::at(
        "input",
        format!("`input` is {}: it holds no known event", described(input)),
    );
    error.help = Some(
        "expected `input.ticket_event`, `input.user_event`, `input.organization_event` or \
         `input.custom_object_event`"
            .to_owned(),
    );
    error
}

/// The inside of a ZIS envelope, pasted without what stands around it.
fn is_bare(value: &Value) -> bool {
    let event = value.get("ticket_event").unwrap_or(value);
    event.get("type").is_some_and(Value::is_string)
        && event.get("ticket").is_some_and(Value::is_object)
}

/// A value in words, with the first of its keys.
fn described(value: &Value) -> String {
    const SHOWN: usize = 8;
    let Value::Object(object) = value else {
        return kind(value).to_owned();
    };
    if object.is_empty() {
        return "an empty object".to_owned();
    }
    let mut keys: Vec<String> = object.keys().take(SHOWN).map(|key| short(key)).collect();
    if object.len() > SHOWN {
        keys.push("…".to_owned());
    }
    format!("an object with keys {}", keys.join(", "))
}

fn short(key: &str) -> String {
    const LONGEST: usize = 40;
    match key.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &key[..end]),
        None => key.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(value: Value) -> NotAnEvent {
        decode(value, Catalogue::built_in()).expect_err("to be refused")
    }

    fn event(value: Value) -> Event {
        decode(value, Catalogue::built_in()).expect("an event")
    }

    #[test]
    fn what_is_no_event_says_what_it_is() {
        for (value, message) in [
            (json!(null), "this JSON is null, expected an object"),
            (json!([1]), "this JSON is a list, expected an object"),
            (
                json!({}),
                "this JSON is an empty object: none of the known shapes",
            ),
            (
                json!({"a": 1, "b": 2}),
                "this JSON is an object with keys a, b: none of the known shapes",
            ),
            (
                json!({"input": 5}),
                "`input` is a number: it holds no known event",
            ),
            (
                json!({"input": {"x": 1}}),
                "`input` is an object with keys x: it holds no known event",
            ),
        ] {
            let refused = refusal(value);
            assert_eq!(refused.message, message);
            assert!(refused.help.is_some(), "{message}");
        }
    }

    #[test]
    fn a_bare_ticket_event_gets_a_hint() {
        let bare = json!({"type": "Ticket Created", "ticket": {"id": 1}});
        for value in [bare.clone(), json!({ "ticket_event": bare })] {
            let help = refusal(value).help.unwrap();
            assert!(help.starts_with("wrap it as"), "{help}");
        }
    }

    #[test]
    fn wrong_types_inside_are_named_with_their_place() {
        let zis = |event: Value| json!({"input": {"ticket_event": event}});
        let ticket = json!({"id": 1});
        for (value, path, message) in [
            (
                zis(json!(null)),
                "input.ticket_event",
                "`input.ticket_event` is null, expected an object",
            ),
            (
                zis(json!({"type": 5, "ticket": ticket})),
                "input.ticket_event.type",
                "`input.ticket_event.type` is a number, expected text",
            ),
            (
                zis(json!({"type": "Ticket Created", "ticket": null})),
                "input.ticket_event.ticket",
                "`input.ticket_event.ticket` is null, expected an object",
            ),
            (
                zis(json!({"type": "Ticket Created", "ticket": {"id": {}}})),
                "input.ticket_event.ticket.id",
                "`input.ticket_event.ticket.id` is an object, expected an id",
            ),
            (
                zis(json!({"type": "Ticket Created", "ticket": {}})),
                "input.ticket_event.ticket.id",
                "`input.ticket_event.ticket.id` is absent, expected an id",
            ),
            (
                zis(
                    json!({"type": "Ticket Created", "ticket": ticket, "meta": {"occurred_at": 3}}),
                ),
                "input.ticket_event.meta.occurred_at",
                "`input.ticket_event.meta.occurred_at` is a number, expected a time",
            ),
            (
                json!({"type": "zen:event-type:ticket.created", "detail": {"id": "abc"}}),
                "detail.id",
                "`detail.id` is `abc`, expected an id",
            ),
            (
                json!({"type": "zen:event-type:ticket.created", "id": {}, "detail": {"id": "1"}}),
                "id",
                "`id` is an object, expected an id",
            ),
            (
                json!({"hook_code": null, "object": {}}),
                "hook_code",
                "`hook_code` is null, expected text",
            ),
        ] {
            let refused = refusal(value);
            assert_eq!(refused.message, message);
            assert_eq!(refused.path.as_deref(), Some(path));
        }
    }

    #[test]
    fn an_unknown_type_is_carried_with_a_warning() {
        let near = event(json!({"input": {"ticket_event": {
            "type": "Priorty Changed", "ticket": {"id": 1}
        }}}));
        assert_eq!(near.event_type, "Priorty Changed");
        assert!(
            near.warnings[0].contains("`ticket.PriorityChanged`"),
            "{:?}",
            near.warnings
        );
        let webhook = event(json!({
            "type": "zen:event-type:ticket.moon_phase_altered", "id": "x", "detail": {"id": "1"}
        }));
        assert_eq!(webhook.event_type, "ticket.MoonPhaseAltered");
        assert_eq!(webhook.warnings.len(), 1);
        let family = event(json!({
            "type": "zen:event-type:messaging_ticket.message_added", "id": "x",
            "detail": {"id": "7"}, "event": {"message": {"body": "hi"}}
        }));
        assert_eq!(family.event_type, "messaging_ticket.MessageAdded");
        assert_eq!(family.key.as_deref(), Some("7"));
        assert_eq!(family.body["message"]["body"], "hi");
    }

    #[test]
    fn a_time_that_is_none_is_noted_and_loses_no_event() {
        let read = event(json!({"input": {"ticket_event": {
            "type": "Ticket Created", "ticket": {"id": 1}, "meta": {"occurred_at": "yesterday"}
        }}}));
        assert_eq!(read.time, None);
        assert!(
            read.warnings[0].contains("`yesterday`"),
            "{:?}",
            read.warnings
        );
    }

    #[test]
    fn a_body_without_its_id_is_known_again_by_its_hash() {
        let body = json!({"type": "zen:event-type:ticket.created", "detail": {"id": "1"}});
        let read = event(body.clone());
        assert!(read.id.starts_with("sha256-"), "{}", read.id);
        assert_eq!(read.id, event(body).id);
    }

    #[test]
    fn what_upmind_deleted_may_come_without_its_object() {
        let read = event(json!({
            "hook_code": "user_deleted_ticket_message_hook", "webhook_event_id": "e1",
            "object_id": "m1", "object": null
        }));
        assert_eq!(read.event_type, "ticket_message.UserDeleted");
        assert_eq!(read.key.as_deref(), Some("m1"));
    }

    #[test]
    fn two_events_of_one_position_are_two() {
        let of = |display: &str, current: &str| {
            event(json!({"input": {"ticket_event": {
                "type": display, "current": current, "ticket": {"id": 1},
                "meta": {"sequence": {"id": "AB", "position": 2}}
            }}}))
            .id
        };
        let first = of("Status Changed", "open");
        assert!(first.starts_with("AB-2-ticket.StatusChanged-"), "{first}");
        assert_eq!(first, of("Status Changed", "open"));
        assert_ne!(first, of("Status Changed", "solved"));
        assert_ne!(first, of("Subject Changed", "open"));
    }
}
