//! What an event is about beside its key: the update that it is part of, and a part of the ticket.

use serde_json::Value;

use crate::event::Event;

/// The id that all events of one update share, if the event has one.
pub fn update(event: &Event) -> Option<String> {
    text(event.body.pointer("/meta/sequence/id")?)
}

/// The part of the ticket that the event is about: changes of distinct attachments are no loop.
pub fn part(event: &Event) -> Option<String> {
    let at = match event.event_type.as_str() {
        "ticket.AttachmentLinkedToComment" => "/attachment/id",
        "ticket.AttachmentRedactedFromComment" => "/attachment_id",
        _ => return None,
    };
    let id = text(event.body.pointer(at)?)?;
    Some(format!("attachment {id}"))
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::catalogue::Catalogue;
    use crate::event::catalogue::sample::sample;
    use crate::event::format::decode;
    use crate::event::json::parse::parse;

    fn event(tag: &str) -> Event {
        let sample = sample("support", tag).expect("a sample");
        let value = parse(sample.text.as_bytes()).expect("JSON").value;
        decode(value, Catalogue::built_in()).expect("an event")
    }

    #[test]
    fn events_of_one_update_share_its_id() {
        let mut event = event("ticket.StatusChanged");
        assert!(update(&event).is_some_and(|id| !id.is_empty()));
        event.body["meta"]["sequence"]["id"] = 7.into();
        assert_eq!(update(&event).as_deref(), Some("7"));
        event.body["meta"]["sequence"] = Value::Null;
        assert_eq!(update(&event), None);
    }

    #[test]
    fn an_attachment_is_a_part_of_its_ticket() {
        for tag in [
            "ticket.AttachmentLinkedToComment",
            "ticket.AttachmentRedactedFromComment",
        ] {
            let part = part(&event(tag)).expect("a part");
            assert!(part.starts_with("attachment ") && part.len() > 11, "{part}");
        }
        assert_eq!(part(&event("ticket.StatusChanged")), None);
    }
}
