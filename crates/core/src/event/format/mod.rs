//! Decodes a JSON document to an event: detects the format by its content and runs its decoder.

pub mod clock;
pub mod custom;
pub(crate) mod decoder;
pub(crate) mod eventbridge;
pub mod request;
pub(crate) mod transform;
pub(crate) mod type_name;
mod unknown;
pub(crate) mod upmind;
pub(crate) mod zendesk_webhook;
pub(crate) mod zis;

use serde_json::Value;

use crate::event::Event;
use crate::event::catalogue::Catalogue;
use crate::event::format::custom::CustomFormat;
use crate::event::format::decoder::Decoder;
use crate::event::format::request::EventRequest;
use crate::event::format::unknown::unknown_format;
use crate::event::header::EventHeader;
use crate::event::json::value_ref::ValueRef;

/// The built-in formats, specific ones before general ones.
pub static DECODERS: &[&Decoder] = &[
    &zis::TICKET,
    &zis::USER,
    &zis::ORGANIZATION,
    &zis::CUSTOM_OBJECT,
    &zendesk_webhook::TICKET,
    &zendesk_webhook::USER,
    &zendesk_webhook::ORGANIZATION,
    &zendesk_webhook::MESSAGING_TICKET,
    &zendesk_webhook::ARTICLE,
    &zendesk_webhook::COMMUNITY_POST,
    &zendesk_webhook::AGENT,
    &zendesk_webhook::OMNICHANNEL_CONFIG,
    &zendesk_webhook::OTHER,
    &eventbridge::TICKET,
    &eventbridge::USER,
    &eventbridge::ORGANIZATION,
    &upmind::UPMIND,
    &clock::TICK,
];

/// Why a value is not an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DecodeError {
    pub message: String,
    pub help: Option<String>,
    /// The dotted path of the problem.
    pub path: Option<String>,
    /// What is wrong, without any text of the document, if the message has some.
    pub finding: Option<String>,
}

impl DecodeError {
    pub(super) fn at(path: &str, message: String) -> DecodeError {
        DecodeError {
            message,
            help: None,
            path: Some(path.to_owned()),
            finding: None,
        }
    }

    pub(super) fn whole(message: String) -> DecodeError {
        DecodeError {
            message,
            help: None,
            path: None,
            finding: None,
        }
    }

    pub(super) fn without_text(self, finding: impl Into<String>) -> DecodeError {
        DecodeError {
            finding: Some(finding.into()),
            ..self
        }
    }

    fn with_help(message: String, help: &str) -> DecodeError {
        DecodeError {
            message,
            help: Some(help.to_owned()),
            path: None,
            finding: None,
        }
    }
}

/// How the format of a document is determined.
#[derive(Debug, Clone, Copy)]
pub enum FormatHint<'a> {
    /// By its content.
    Detect,
    /// By its content, as an event that the entry of this name under `sources` received.
    Endpoint(&'a str),
    /// By the configuration.
    Custom(&'a CustomFormat),
    /// As the request says, which also identifies the event.
    Request(&'a EventRequest<'a>),
}

/// Reads the event header of a document.
pub fn head<'a>(
    document: ValueRef<'a>,
    format: FormatHint<'a>,
    catalogue: &'a Catalogue,
) -> Result<EventHeader<'a>, DecodeError> {
    match format {
        FormatHint::Custom(description) => description.head(document, catalogue),
        FormatHint::Request(request) => {
            Ok(head(document, request.format(), catalogue)?.received_at(format))
        }
        FormatHint::Detect | FormatHint::Endpoint(_) => {
            let decoder = DECODERS.iter().find(|decoder| decoder.matches(document));
            let decoder = decoder.ok_or_else(|| unknown_format(&document.value()))?;
            Ok(decoder.head(document, catalogue)?.received_at(format))
        }
    }
}

/// Whether a document is in a built-in format, with or without mistakes in it.
pub fn is_recognised(document: ValueRef<'_>) -> bool {
    DECODERS.iter().any(|decoder| decoder.matches(document))
}

/// Whether the envelope of a format has a field. Formats that the configuration describes have no envelope.
pub fn has_envelope_field(format: &str, name: &str) -> bool {
    let decoder = DECODERS.iter().find(|decoder| decoder.format == format);
    decoder.is_some_and(|decoder| decoder.has_envelope_field(name))
}

/// Decodes a built document.
pub fn read(
    raw: Value,
    format: FormatHint<'_>,
    catalogue: &Catalogue,
) -> Result<Event, DecodeError> {
    let event = head(ValueRef::Built(&raw), format, catalogue)?.event_without_raw(catalogue);
    Ok(Event {
        raw: raw.into(),
        ..event
    })
}

/// Decodes a document whose format is detected.
pub fn decode(value: Value, catalogue: &Catalogue) -> Result<Event, DecodeError> {
    read(value, FormatHint::Detect, catalogue)
}

/// Decodes a document of a source whose format the configuration describes.
pub fn decode_described(
    value: Value,
    description: &CustomFormat,
    catalogue: &Catalogue,
) -> Result<Event, DecodeError> {
    read(value, FormatHint::Custom(description), catalogue)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn decode_error(value: Value) -> DecodeError {
        decode(value, Catalogue::built_in()).expect_err("an error")
    }

    fn event(value: Value) -> Event {
        decode(value, Catalogue::built_in()).expect("an event")
    }

    #[test]
    fn other_json_is_described() {
        for (value, message) in [
            (json!(null), "this JSON is null, expected an object"),
            (json!([1]), "this JSON is a list, expected an object"),
            (json!({}), "this JSON is an empty object: unknown format"),
            (
                json!({"a": 1, "b": 2}),
                "this JSON is an object with keys a, b: unknown format",
            ),
            (
                json!({"input": 5}),
                "`input` is a number: no known event in it",
            ),
            (
                json!({"input": {"x": 1}}),
                "`input` is an object with keys x: no known event in it",
            ),
        ] {
            let error = decode_error(value);
            assert_eq!(error.message, message);
            assert!(error.help.is_some(), "{message}");
        }
    }

    #[test]
    fn a_ticket_event_without_envelope_gets_a_hint() {
        let inner = json!({"type": "Ticket Created", "ticket": {"id": 1}});
        for value in [inner.clone(), json!({ "ticket_event": inner })] {
            let help = decode_error(value).help.unwrap();
            assert!(help.starts_with("wrap it as"), "{help}");
        }
    }

    #[test]
    fn wrong_types_are_reported_with_their_path() {
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
            let error = decode_error(value);
            assert_eq!(error.message, message);
            assert_eq!(error.path.as_deref(), Some(path));
        }
    }

    #[test]
    fn an_unknown_type_is_accepted_with_a_warning() {
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
        let sibling = event(json!({
            "type": "zen:event-type:article.comment_hidden", "id": "x", "detail": {"id": "7"}
        }));
        assert_eq!(sibling.event_type, "article.CommentHidden");
        assert_eq!(sibling.body["article"]["id"], 7);
        assert!(
            sibling.warnings[0].contains("`article.Comment"),
            "{:?}",
            sibling.warnings
        );
        let family = event(json!({
            "type": "zen:event-type:voice_call.message_left", "id": "x",
            "detail": {"id": "7"}, "event": {"message": {"body": "hi"}}
        }));
        assert_eq!(family.event_type, "voice_call.MessageLeft");
        assert_eq!(family.key.as_deref(), Some("7"));
        assert_eq!(family.body["detail"]["id"], 7);
        assert_eq!(family.body["message"]["body"], "hi");
        assert_eq!(family.warnings.len(), 1);
        let hook = event(json!({
            "hook_code": "invoice_paid_hook", "webhook_event_id": "x", "object": {"id": "7"}
        }));
        assert_eq!(hook.event_type, "invoice_paid_hook");
        assert_eq!(hook.warnings.len(), 1);
    }

    #[test]
    fn an_invalid_time_is_a_warning() {
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
    fn an_event_without_id_gets_its_content_hash() {
        let body = json!({"type": "zen:event-type:ticket.created", "detail": {"id": "1"}});
        let read = event(body.clone());
        assert!(read.id.starts_with("sha256-"), "{}", read.id);
        assert_eq!(read.id, event(body).id);
    }

    #[test]
    fn a_deleted_upmind_object_may_be_absent() {
        let read = event(json!({
            "hook_code": "user_deleted_ticket_message_hook", "webhook_event_id": "e1",
            "object_id": "m1", "object": null
        }));
        assert_eq!(read.event_type, "ticket_message.UserDeleted");
        assert_eq!(read.key.as_deref(), Some("m1"));
    }

    #[test]
    fn events_of_one_sequence_position_are_distinct() {
        let id = |display: &str, current: &str| {
            event(json!({"input": {"ticket_event": {
                "type": display, "current": current, "ticket": {"id": 1},
                "meta": {"sequence": {"id": "AB", "position": 2}}
            }}}))
            .id
        };
        let first = id("Status Changed", "open");
        assert!(first.starts_with("AB-2-ticket.StatusChanged-"), "{first}");
        assert_eq!(first, id("Status Changed", "open"));
        assert_ne!(first, id("Status Changed", "solved"));
        assert_ne!(first, id("Subject Changed", "open"));
    }
}
