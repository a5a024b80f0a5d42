//! Identifies the events of one request by more than their bodies: by the delivery id of the sender, or by the
//! request itself. Two requests with equal bodies get two ids; whether the second is a repeat is decided where
//! both times are known.

use crate::event::format::FormatHint;
use crate::event::format::custom::CustomFormat;
use crate::event::header::{EventHeader, EventId};
use crate::event::json::lookup::find;
use crate::event::json::value_ref::ValueRef;

/// The format of a request and its identity.
#[derive(Debug, Clone, Copy)]
pub struct EventRequest<'a> {
    /// The entry under `sources` that received it.
    pub endpoint: &'a str,
    /// `None` detects the format by the content.
    pub custom: Option<&'a CustomFormat>,
    /// The sender's id of the delivery, from a header.
    pub delivery: Option<&'a str>,
    /// A text that no other request has.
    pub unique: &'a str,
    /// How many equal elements of the same array precede it: each is an event of its own.
    pub equal_before: usize,
}

/// What the id of an event without an id of its sender starts with.
const HASH_PREFIX: &str = "sha256-";
/// The hexadecimal digits of a SHA-256.
const HASH_DIGITS: usize = 64;

impl<'a> EventRequest<'a> {
    /// The format without the identity.
    pub(super) fn format(&self) -> FormatHint<'a> {
        match self.custom {
            Some(description) => FormatHint::Custom(description),
            None => FormatHint::Endpoint(self.endpoint),
        }
    }

    /// An id in the body always wins. Without one, the delivery id identifies the event, or else the body
    /// together with the request.
    pub(crate) fn identify<'h>(&'h self, mut header: EventHeader<'h>) -> EventHeader<'h> {
        header.id = match header.id {
            EventId::Given(id) => EventId::Given(id),
            EventId::Sequence(of) if has_sequence(of) => EventId::Sequence(of),
            EventId::ContentHash
            | EventId::Sequence(_)
            | EventId::Delivery(_)
            | EventId::RequestHash { .. } => match self.delivery {
                Some(id) => EventId::Delivery(id),
                None => EventId::RequestHash {
                    unique: self.unique,
                    equal_before: self.equal_before,
                },
            },
        };
        header
    }
}

/// Whether a part of an update names it: by a text or a number.
fn has_sequence(part: ValueRef<'_>) -> bool {
    let id = find(part, "meta.sequence.id");
    id.is_some_and(|id| id.text().is_some() || id.number().is_some())
}

/// The id of an event that has no id of its sender: `sha256-HASH-UNIQUE`, and `sha256-HASH.2-UNIQUE` for the second
/// of equal elements.
pub(crate) fn id_from_hash(digits: &str, unique: &str, equal_before: usize) -> String {
    match equal_before {
        0 => format!("{HASH_PREFIX}{digits}-{unique}"),
        before => format!("{HASH_PREFIX}{digits}.{}-{unique}", before + 1),
    }
}

/// The hash in an id that was made from a body, with its prefix and its number among equal elements: two requests
/// with the same one hold the same event. `None` for an id of a sender.
pub fn body_hash(id: &str) -> Option<&str> {
    let digits = id.strip_prefix(HASH_PREFIX)?.get(..HASH_DIGITS)?;
    let is_hash = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let rest = &id[HASH_PREFIX.len() + HASH_DIGITS..];
    let numbered = rest.strip_prefix('.').map_or(rest, |after| {
        after.trim_start_matches(|digit: char| digit.is_ascii_digit())
    });
    // A point needs digits behind it.
    let is_number = !rest.starts_with('.') || numbered.len() + 1 < rest.len();
    let ends = numbered.is_empty() || numbered.starts_with('-');
    (is_hash && is_number && ends).then(|| &id[..id.len() - numbered.len()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::catalogue::Catalogue;
    use crate::event::format::custom::ValueLocations;
    use crate::event::format::read;

    const ORDER: &str = r#"{"order": 7}"#;
    const UPDATE: &str =
        r#"{"input":{"ticket_event":{"type":"Ticket Created","ticket":{"id":1}}}}"#;
    const PART: &str = r#"{"input":{"ticket_event":{"type":"Ticket Created","ticket":{"id":1},"meta":{"sequence":{"id":"u1","position":1}}}}}"#;

    fn custom(id: Option<&str>) -> CustomFormat {
        CustomFormat {
            name: "shop".into(),
            source: "shop".into(),
            event_type: ValueLocations::constant("order"),
            id: id.map(ValueLocations::path).unwrap_or_default(),
            key: ValueLocations::default(),
            time: ValueLocations::default(),
            time_zone: None,
        }
    }

    fn id(
        text: &str,
        custom: Option<&CustomFormat>,
        delivery: Option<&str>,
        unique: &str,
    ) -> String {
        let request = EventRequest {
            endpoint: "shop",
            custom,
            delivery,
            unique,
            equal_before: 0,
        };
        let hint = FormatHint::Request(&request);
        let value = serde_json::from_str(text).unwrap();
        read(value, hint, Catalogue::built_in()).unwrap().id
    }

    #[test]
    fn equal_bodies_of_two_requests_have_two_ids_and_one_hash() {
        let shop = custom(None);
        for (text, custom) in [(ORDER, Some(&shop)), (UPDATE, None)] {
            let (one, two) = (id(text, custom, None, "a"), id(text, custom, None, "b"));
            assert_ne!(one, two);
            assert_eq!(body_hash(&one), body_hash(&two));
            assert!(body_hash(&one).is_some(), "{one}");
            assert_eq!(id(text, custom, Some("d-1"), "a"), "d-1");
        }
    }

    #[test]
    fn an_id_in_the_body_is_kept_whatever_the_request_says() {
        let shop = custom(Some("order"));
        assert_eq!(id(ORDER, Some(&shop), Some("d-1"), "a"), "7");
        let part = id(PART, None, Some("d-1"), "a");
        assert!(part.starts_with("u1-1-ticket.TicketCreated-"), "{part}");
        assert_eq!(body_hash(&part), None);
    }

    #[test]
    fn only_our_own_hashes_are_recognised() {
        let hash = format!("sha256-{}", "a1".repeat(32));
        assert_eq!(body_hash(&hash), Some(&*hash));
        assert_eq!(body_hash(&format!("{hash}-17")), Some(&*hash));
        let second = format!("{hash}.2");
        assert_eq!(body_hash(&format!("{second}-17")), Some(&*second));
        assert_eq!(
            id_from_hash(&"a1".repeat(32), "17", 1),
            format!("{second}-17")
        );
        for other in [
            "",
            "sha256-",
            "sha256-é",
            &hash[1..],
            &format!("{hash}0"),
            &hash[..70],
            &format!("{hash}."),
            &format!("{hash}.-17"),
            &format!("{hash}.2x"),
        ] {
            assert_eq!(body_hash(other), None, "{other}");
        }
    }
}
