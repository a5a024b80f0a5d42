//! Who caused an event: one of our connections, another user, or unknown if the event names no actor.

use serde_json::Value;

use crate::event::Event;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActorOrigin {
    /// A user that one of our connections acts as.
    OurConnection { actor: String },
    /// A user that none of our connections acts as.
    Other { actor: String },
    /// The event names no actor, or the help desk itself, which may react to our actions.
    Unknown,
}

impl ActorOrigin {
    pub fn from_event(event: &Event, ours: &[String]) -> Self {
        match actor(event) {
            None => ActorOrigin::Unknown,
            Some(actor) if ours.contains(&actor) => ActorOrigin::OurConnection { actor },
            Some(actor) => ActorOrigin::Other { actor },
        }
    }
}

/// The actor in the envelope; for a new comment its author, which every format includes.
fn actor(event: &Event) -> Option<String> {
    let author = || match event.event_type.as_str() {
        "ticket.CommentAdded" => event.body.pointer("/comment/author/id").and_then(id),
        _ => None,
    };
    event.envelope.get("actor_id").and_then(id).or_else(author)
}

/// An id as text. Ids arrive as numbers or text. Help desks write -1 for themselves, which is no actor.
fn id(value: &Value) -> Option<String> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let is_none = text.is_empty() || text.parse::<i64>().is_ok_and(|number| number <= 0);
    (!is_none).then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::catalogue::Catalogue;
    use crate::event::catalogue::sample::sample;
    use crate::event::format::decode;
    use crate::event::json::parse::parse;

    fn event(text: &str) -> Event {
        let value = parse(text.as_bytes()).expect("JSON").value;
        decode(value, Catalogue::built_in()).expect("an event")
    }

    fn ours() -> Vec<String> {
        vec!["900".into(), "7c1e".into()]
    }

    #[test]
    fn the_actor_is_read_from_every_format_that_has_one() {
        let webhook = json!({
            "type": "zen:event-type:ticket.status_changed", "id": "e", "time": "2026-01-05T09:00:00Z",
            "account_id": 1, "event": {"previous": "NEW", "current": "OPEN"},
            "detail": {"id": "7", "actor_id": "900"},
        });
        let eventbridge = json!({
            "id": "e", "detail-type": "Support Ticket: Status Changed",
            "source": "aws.partner/zendesk.com/1/default",
            "detail": {"ticket_event": {
                "type": "Status Changed", "ticket": {"id": 7}, "meta": {"actor_id": 900},
            }},
        });
        let upmind = json!({
            "hook_code": "client_posted_ticket_message_hook", "webhook_event_id": "e",
            "actor_id": "7c1e", "object": {"ticket_id": "t"},
        });
        for (text, actor) in [(webhook, "900"), (eventbridge, "900"), (upmind, "7c1e")] {
            let event = event(&text.to_string());
            let actor = actor.to_owned();
            assert_eq!(
                ActorOrigin::from_event(&event, &ours()),
                ActorOrigin::OurConnection {
                    actor: actor.clone()
                }
            );
            assert_eq!(
                ActorOrigin::from_event(&event, &[]),
                ActorOrigin::Other { actor }
            );
        }
    }

    #[test]
    fn the_zis_envelope_has_only_the_author_of_a_comment() {
        let sample_event = |tag| event(sample("support", tag).expect("a sample").text);
        let status = sample_event("ticket.StatusChanged");
        assert_eq!(
            ActorOrigin::from_event(&status, &ours()),
            ActorOrigin::Unknown
        );
        let mut comment = sample_event("ticket.CommentAdded");
        assert!(matches!(
            ActorOrigin::from_event(&comment, &ours()),
            ActorOrigin::Other { .. }
        ));
        comment.body["comment"]["author"]["id"] = json!(900);
        assert!(matches!(
            ActorOrigin::from_event(&comment, &ours()),
            ActorOrigin::OurConnection { .. }
        ));
        // The author of a comment is not necessarily the user who redacts it.
        comment.event_type = "ticket.CommentRedacted".into();
        assert_eq!(
            ActorOrigin::from_event(&comment, &ours()),
            ActorOrigin::Unknown
        );
    }

    #[test]
    fn the_help_desk_itself_is_no_actor() {
        let mut event = event(
            sample("support", "ticket.StatusChanged")
                .expect("a sample")
                .text,
        );
        for actor in [
            json!(-1),
            json!("-1"),
            json!(0),
            json!(""),
            json!(null),
            json!([]),
        ] {
            event.envelope["actor_id"] = actor;
            assert_eq!(
                ActorOrigin::from_event(&event, &ours()),
                ActorOrigin::Unknown
            );
        }
    }
}
