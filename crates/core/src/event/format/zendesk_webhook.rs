//! The decoder tables of the Zendesk event webhook format.
//! Ids arrive as text, values of closed sets in upper case.

use crate::event::format::decoder::{
    Decoder, FieldMapping, IdRule, Marker, Requirement, declared, mapping, mappings,
};
use crate::event::format::transform::Transform;
use crate::event::format::type_name::TypeNameSource;
use crate::event::json::lookup::{DocumentPath, at};

/// The marker of a family. The vendor writes some types with a slash instead of the last colon.
macro_rules! types_of {
    ($family:literal) => {
        Marker::Starts(
            DocumentPath::new("type"),
            &[
                concat!("zen:event-type:", $family),
                concat!("zen:event-type/", $family),
            ],
        )
    };
}

/// What documents of a family without further requirements must have.
const OBJECTS: &[Requirement] = &[
    Requirement::ObjectIfThere(DocumentPath::new("detail")),
    Requirement::ObjectIfThere(DocumentPath::new("event")),
];

/// What the decoders of all families share.
const DECODER: Decoder = Decoder {
    format: "zendesk_webhook",
    source: "support",
    marker: Marker::Has(DocumentPath::new("type")),
    requirements: &[],
    type_name: TypeNameSource::Webhook {
        at: DocumentPath::new("type"),
    },
    id: IdRule::At(DocumentPath::new("id")),
    key: at!["detail.id"],
    time: at!["time", "event.meta.occurred_at"],
    envelope: &[
        mapping("account_id", at!["account_id"], Transform::Id),
        mapping("actor_id", at!["detail.actor_id"], Transform::Id),
    ],
    body: &[],
};

const EVENT: FieldMapping = mapping("", at!["event"], Transform::AsIs);
const OCCURRED_AT: FieldMapping = mapping("meta.occurred_at", at!["time"], Transform::AsIs);
// A custom field's value is wrapped, except where it is a lookup's target.
const PREVIOUS: FieldMapping = mapping(
    "previous",
    at!["event.previous.value", "event.previous"],
    Transform::Typed,
);
const CURRENT: FieldMapping = mapping(
    "current",
    at!["event.current.value", "event.current"],
    Transform::Typed,
);
const CUSTOM_FIELD_ID: FieldMapping = mapping(
    "custom_field.id",
    at!["event.custom_field.id"],
    Transform::Id,
);
const TAGS_ADDED: FieldMapping = declared(
    "tags_added",
    at!["event.tags_added", "event.added.tags"],
    Transform::Typed,
);
const TAGS_REMOVED: FieldMapping = declared(
    "tags_removed",
    at!["event.tags_removed", "event.removed.tags"],
    Transform::Typed,
);

const CURRENT_ID: FieldMapping = mapping("current.id", at!["event.current.id"], Transform::Id);
const CURRENT_USER_ID: FieldMapping = mapping(
    "current.user_id",
    at!["event.current.user_id"],
    Transform::Id,
);
const COMMENT_ID: FieldMapping = mapping("comment.id", at!["event.comment.id"], Transform::Id);
const COMMENT_AUTHOR_ID: FieldMapping = mapping(
    "comment.author_id",
    at!["event.comment.author_id"],
    Transform::Id,
);
const VOTE_ID: FieldMapping = mapping("vote.id", at!["event.vote.id"], Transform::Id);
const VOTE_USER_ID: FieldMapping =
    mapping("vote.user_id", at!["event.vote.user_id"], Transform::Id);
const SUBSCRIPTION_ID: FieldMapping = mapping(
    "subscription.id",
    at!["event.subscription.id"],
    Transform::Id,
);
const SUBSCRIPTION_USER_ID: FieldMapping = mapping(
    "subscription.user_id",
    at!["event.subscription.user_id"],
    Transform::Id,
);

pub static TICKET: Decoder = Decoder {
    marker: types_of!("ticket."),
    requirements: &[
        Requirement::Object(DocumentPath::new("detail")),
        Requirement::Id(DocumentPath::new("detail.id")),
        Requirement::ObjectIfThere(DocumentPath::new("event")),
    ],
    body: mappings! {
        [EVENT, OCCURRED_AT]
        mapping "ticket" <- "detail" => AsIs;
        mapping "ticket.id" <- "detail.id" => Id;
        mapping "ticket.type" <- "detail.type" => Lower;
        mapping "ticket.priority" <- "detail.priority" => Lower;
        mapping "ticket.status" <- "detail.status" => Lower;
        mapping "ticket.requester_id" <- "detail.requester_id" => Id;
        mapping "ticket.submitter_id" <- "detail.submitter_id" => Id;
        mapping "ticket.assignee_id" <- "detail.assignee_id" => Id;
        mapping "ticket.organization_id" <- "detail.organization_id" => Id;
        mapping "ticket.group_id" <- "detail.group_id" => Id;
        mapping "ticket.brand_id" <- "detail.brand_id" => Id;
        mapping "ticket.form_id" <- "detail.form_id" => Id;
        mapping "ticket.tags" <- "detail.tags" => Tags;
        mapping "ticket.actor_id" <- "detail.actor_id" => Id;
        mapping "ticket.custom_status" <- "detail.custom_status" => Id;
        declared "custom_field" <- "event.custom_field" => Emptied;
        mapping "custom_field.id" <- "event.custom_field.id" => Id;
        mapping "custom_field.raw_title" <- "event.custom_field.raw_title", "event.custom_field.title" => AsIs;
        mapping "custom_field.field_type" <- "event.custom_field.field_type", "event.custom_field.type" => Lower;
        mapping "comment.id" <- "event.comment.id" => Id;
        mapping "comment.author.id" <- "event.comment.author.id" => Id;
        // An attachment is nested in its comment.
        declared "attachment" <- "event.attachment", "event.comment.attachment" => AsIs;
        declared "attachment.id" <- "event.attachment.id", "event.comment.attachment.id" => Id;
        declared "attachment.comment_id" <- "event.attachment.comment_id", "event.comment.id" => Id;
        declared "attachment_id" <- "event.attachment_id", "event.attachment.id", "event.comment.attachment.id" => Id;
        declared "comment_id" <- "event.comment_id", "event.comment.id" => Id;
        declared "target_ticket_id" <- "event.target_ticket_id" => Id;
        // No public documentation confirms `added.user_ids`, or `comment_id` and `attachment_id` within an
        // object as above. They are read only if the plain key is absent.
        declared "users_added" <- "event.users_added", "event.added.user_ids" => Typed;
        declared "users_removed" <- "event.users_removed", "event.removed.user_ids" => Typed;
        [PREVIOUS, CURRENT, TAGS_ADDED, TAGS_REMOVED]
    },
    ..DECODER
};

pub static USER: Decoder = Decoder {
    marker: types_of!("user."),
    requirements: &[
        Requirement::Object(DocumentPath::new("detail")),
        Requirement::ObjectIfThere(DocumentPath::new("event")),
    ],
    body: mappings! {
        [EVENT, OCCURRED_AT]
        mapping "user" <- "detail" => AsIs;
        mapping "user.id" <- "detail.id" => Id;
        mapping "user.organization_id" <- "detail.organization_id" => Id;
        mapping "user.default_group_id" <- "detail.default_group_id" => Id;
        mapping "user.role" <- "detail.role" => Lower;
        mapping "group.id" <- "event.group.id" => Id;
        mapping "identity.id" <- "event.identity.id" => Id;
        mapping "organization.id" <- "event.organization.id" => Id;
        [PREVIOUS, CURRENT, CUSTOM_FIELD_ID, TAGS_ADDED, TAGS_REMOVED]
    },
    ..DECODER
};

pub static ORGANIZATION: Decoder = Decoder {
    marker: types_of!("organization."),
    requirements: &[
        Requirement::Object(DocumentPath::new("detail")),
        Requirement::ObjectIfThere(DocumentPath::new("event")),
    ],
    body: mappings! {
        [EVENT, OCCURRED_AT]
        mapping "organization" <- "detail" => AsIs;
        mapping "organization.id" <- "detail.id" => Id;
        mapping "organization.group_id" <- "detail.group_id" => Id;
        [PREVIOUS, CURRENT, CUSTOM_FIELD_ID, TAGS_ADDED, TAGS_REMOVED]
    },
    ..DECODER
};

/// Messages of a conversation. The subject is its ticket, so that they wait for each other and for other
/// events of the ticket.
pub static MESSAGING_TICKET: Decoder = Decoder {
    marker: types_of!("messaging_ticket."),
    requirements: OBJECTS,
    envelope: &[
        mapping("account_id", at!["account_id"], Transform::Id),
        mapping("actor_id", at!["event.actor.id"], Transform::Id),
    ],
    body: mappings! {
        [EVENT, OCCURRED_AT]
        mapping "ticket" <- "detail" => AsIs;
        mapping "ticket.id" <- "detail.id" => Id;
        mapping "actor.id" <- "event.actor.id" => Id;
        []
    },
    ..DECODER
};

pub static ARTICLE: Decoder = Decoder {
    marker: types_of!("article."),
    requirements: OBJECTS,
    body: mappings! {
        [EVENT, OCCURRED_AT]
        mapping "article" <- "detail" => AsIs;
        mapping "article.id" <- "detail.id" => Id;
        mapping "article.brand_id" <- "detail.brand_id" => Id;
        mapping "article.user_id" <- "detail.user_id" => Id;
        mapping "author_id" <- "event.author_id" => Id;
        mapping "section_id" <- "event.section_id" => Id;
        mapping "category_id" <- "event.category_id" => Id;
        // The value of a vote is beside its id, so `current` is not unwrapped.
        mapping "current" <- "event.current" => Typed;
        [CURRENT_ID, CURRENT_USER_ID, COMMENT_ID, COMMENT_AUTHOR_ID, VOTE_ID, VOTE_USER_ID,
         SUBSCRIPTION_ID, SUBSCRIPTION_USER_ID]
    },
    ..DECODER
};

pub static COMMUNITY_POST: Decoder = Decoder {
    marker: types_of!("community_post."),
    requirements: OBJECTS,
    // The vendor's list of fields has `post_id`, its examples have `id`.
    key: at!["detail.id", "detail.post_id"],
    body: mappings! {
        [EVENT, OCCURRED_AT]
        mapping "community_post" <- "detail" => AsIs;
        mapping "community_post.id" <- "detail.id", "detail.post_id" => Id;
        mapping "community_post.brand_id" <- "detail.brand_id" => Id;
        mapping "community_post.topic_id" <- "detail.topic_id" => Id;
        mapping "author_id" <- "event.author_id" => Id;
        [CURRENT_ID, CURRENT_USER_ID, COMMENT_ID, COMMENT_AUTHOR_ID, VOTE_ID, VOTE_USER_ID,
         SUBSCRIPTION_ID, SUBSCRIPTION_USER_ID]
    },
    ..DECODER
};

pub static AGENT: Decoder = Decoder {
    marker: types_of!("agent."),
    requirements: OBJECTS,
    key: at!["detail.agent_id"],
    body: mappings! {
        [EVENT, OCCURRED_AT]
        mapping "agent" <- "detail" => AsIs;
        mapping "agent.id" <- "detail.agent_id" => Id;
        mapping "agent.agent_id" <- "detail.agent_id" => Id;
        mapping "agent.account_id" <- "detail.account_id" => Id;
        mapping "agent.version" <- "detail.version" => Id;
        mapping "previous_unified_state.id" <- "event.previous_unified_state.id" => Id;
        mapping "new_unified_state.id" <- "event.new_unified_state.id" => Id;
        []
    },
    ..DECODER
};

/// Settings of routing. The subject is the account.
pub static OMNICHANNEL_CONFIG: Decoder = Decoder {
    marker: types_of!("omnichannel_config."),
    requirements: OBJECTS,
    key: at!["detail.account_id", "account_id"],
    body: mappings! {
        [EVENT, OCCURRED_AT]
        mapping "omnichannel_config" <- "detail" => AsIs;
        mapping "omnichannel_config.account_id" <- "detail.account_id" => Id;
        []
    },
    ..DECODER
};

/// Families that are not in the catalogue, with `detail` under its own name.
pub static OTHER: Decoder = Decoder {
    marker: types_of!(""),
    requirements: OBJECTS,
    body: mappings! {
        [EVENT, OCCURRED_AT]
        mapping "detail" <- "detail" => AsIs;
        mapping "detail.id" <- "detail.id" => Id;
        []
    },
    ..DECODER
};

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::event::Event;
    use crate::event::catalogue::Catalogue;
    use crate::event::format::decode;

    fn event(word: &str, detail: &Value, event: &Value) -> Event {
        let body = json!({
            "type": word, "id": "01KJQ4S9W1", "account_id": "77", "subject": "zen:x:7001",
            "time": "2026-03-02T09:02:38.254571515Z", "zendesk_event_version": "2022-11-06",
            "detail": detail, "event": event,
        });
        decode(body, Catalogue::built_in()).expect(word)
    }

    /// What the vendor documents of `detail` in each family, with what it becomes and the key.
    fn families() -> Vec<(&'static str, Value, Value, &'static str)> {
        vec![
            (
                "ticket",
                json!({"id": "7001", "status": "OPEN", "priority": "HIGH", "group_id": "5"}),
                json!({"ticket": {"id": 7001, "status": "open", "priority": "high", "group_id": 5}}),
                "7001",
            ),
            (
                "user",
                json!({"id": "7001", "role": "ADMIN", "organization_id": "0", "external_id": "9"}),
                json!({"user": {"id": 7001, "role": "admin", "organization_id": 0, "external_id": "9"}}),
                "7001",
            ),
            (
                "organization",
                json!({"id": "7001", "group_id": "5", "name": "12"}),
                json!({"organization": {"id": 7001, "group_id": 5, "name": "12"}}),
                "7001",
            ),
            (
                "messaging_ticket",
                json!({"id": "7001"}),
                json!({"ticket": {"id": 7001}}),
                "7001",
            ),
            (
                "article",
                json!({"id": "7001", "brand_id": "5", "user_id": "6"}),
                json!({"article": {"id": 7001, "brand_id": 5, "user_id": 6}}),
                "7001",
            ),
            (
                "community_post",
                json!({"id": "7001", "brand_id": "5", "topic_id": "6"}),
                json!({"community_post": {"id": 7001, "brand_id": 5, "topic_id": 6}}),
                "7001",
            ),
            (
                "agent",
                json!({"account_id": "77", "agent_id": "7001", "version": "3"}),
                json!({"agent": {"account_id": 77, "agent_id": 7001, "version": 3, "id": 7001}}),
                "7001",
            ),
            (
                "omnichannel_config",
                json!({"account_id": "77"}),
                json!({"omnichannel_config": {"account_id": 77}}),
                "77",
            ),
        ]
    }

    #[test]
    fn every_documented_type_has_its_name_integer_ids_and_a_key() {
        let mut decoded = 0;
        for (family, detail, normal, key) in families() {
            let types = Catalogue::built_in().matching("support", &format!("{family}.*"));
            for event_type in types {
                let Some(webhook) = &event_type.webhook else {
                    continue;
                };
                for delimiter in [':', '/'] {
                    let word = format!("zen:event-type{delimiter}{webhook}");
                    let event = event(&word, &detail, &json!({}));
                    assert_eq!(event.event_type, event_type.name, "{word}");
                    assert_eq!(event.warnings, [""; 0], "{word}");
                    assert_eq!(event.key.as_deref(), Some(key), "{word}");
                    assert_eq!(event.envelope["account_id"], 77, "{word}");
                    assert!(event.time.is_some(), "{word}");
                    let (name, object) = normal.as_object().unwrap().iter().next().unwrap();
                    for (field, value) in object.as_object().unwrap() {
                        assert_eq!(&event.body[name][field], value, "{word} {name}.{field}");
                    }
                }
                decoded += 1;
            }
        }
        let all = Catalogue::built_in().types();
        let with_webhook = all
            .filter(|event_type| event_type.webhook.is_some())
            .count();
        assert_eq!(decoded, with_webhook);
    }

    #[test]
    fn ids_of_the_events_are_integers_and_other_values_are_as_sent() {
        let message = event(
            "zen:event-type:messaging_ticket.message_added",
            &json!({"id": "7001"}),
            &json!({"actor": {"id": "55", "type": "agent"}, "conversation_id": "67ab",
                    "message": {"id": "10", "body": "hi"}}),
        );
        assert_eq!(message.body["actor"]["id"], 55);
        assert_eq!(message.body["message"]["id"], "10");
        assert_eq!(message.envelope["actor_id"], 55);
        let bot = event(
            "zen:event-type:messaging_ticket.message_added",
            &json!({"id": "7001"}),
            &json!({"actor": {"id": "zd:answerBot", "type": "system"}}),
        );
        assert_eq!(bot.body["actor"]["id"], "zd:answerBot");
        let author = event(
            "zen:event-type:article.author_changed",
            &json!({"id": "7001"}),
            &json!({"current": "6998057797118"}),
        );
        assert_eq!(author.body["current"], 6998057797118_u64);
        let vote = event(
            "zen:event-type:article.vote_changed",
            &json!({"id": "7001"}),
            &json!({"current": {"id": "1", "user_id": "2", "value": -1}}),
        );
        assert_eq!(
            vote.body["current"],
            json!({"id": 1, "user_id": 2, "value": -1})
        );
        let joined = event(
            "zen:event-type:user.organization_membership_created",
            &json!({"id": "7001"}),
            &json!({"organization": {"id": "5"}}),
        );
        assert_eq!(joined.body["organization"]["id"], 5);
        let state = event(
            "zen:event-type:agent.unified_state_changed",
            &json!({"agent_id": "7001"}),
            &json!({"new_unified_state": {"id": "2", "name": "online", "reason": "AGENT_LOGIN"}}),
        );
        assert_eq!(
            state.body["new_unified_state"],
            json!({"id": 2, "name": "online", "reason": "AGENT_LOGIN"})
        );
        let listed = event(
            "zen:event-type:community_post.created",
            &json!({"post_id": "7001"}),
            &json!({}),
        );
        assert_eq!(listed.body["community_post"]["id"], 7001);
        assert_eq!(listed.key.as_deref(), Some("7001"));
    }

    #[test]
    fn a_family_without_detail_is_an_event_without_key() {
        for family in ["article", "agent", "messaging_ticket", "somewhat_new"] {
            let word = format!("zen:event-type:{family}.changed_a_lot");
            let event = event(&word, &Value::Null, &Value::Null);
            assert_eq!(event.event_type, format!("{family}.ChangedALot"));
            assert_eq!(event.key, None);
            assert_eq!(event.warnings.len(), 1, "{word}");
        }
    }
}
