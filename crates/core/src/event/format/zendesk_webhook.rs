//! The decoder tables of the Zendesk event webhook format.
//! Ids arrive as text, values of closed sets in upper case.

use crate::event::format::decoder::{
    Decoder, FieldMapping, IdRule, Marker, Requirement, declared, mapping,
};
use crate::event::format::transform::Transform;
use crate::event::format::type_name::TypeNameSource;
use crate::event::json::lookup::{DocumentPath, at};

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

pub static TICKET: Decoder = Decoder {
    marker: Marker::Starts(
        DocumentPath::new("type"),
        &["zen:event-type:ticket.", "zen:event-type/ticket."],
    ),
    requirements: &[
        Requirement::Object(DocumentPath::new("detail")),
        Requirement::Id(DocumentPath::new("detail.id")),
        Requirement::ObjectIfThere(DocumentPath::new("event")),
    ],
    body: &[
        EVENT,
        OCCURRED_AT,
        mapping("ticket", at!["detail"], Transform::AsIs),
        mapping("ticket.id", at!["detail.id"], Transform::Id),
        mapping("ticket.type", at!["detail.type"], Transform::Lower),
        mapping("ticket.priority", at!["detail.priority"], Transform::Lower),
        mapping("ticket.status", at!["detail.status"], Transform::Lower),
        mapping(
            "ticket.requester_id",
            at!["detail.requester_id"],
            Transform::Id,
        ),
        mapping(
            "ticket.submitter_id",
            at!["detail.submitter_id"],
            Transform::Id,
        ),
        mapping(
            "ticket.assignee_id",
            at!["detail.assignee_id"],
            Transform::Id,
        ),
        mapping(
            "ticket.organization_id",
            at!["detail.organization_id"],
            Transform::Id,
        ),
        mapping("ticket.group_id", at!["detail.group_id"], Transform::Id),
        mapping("ticket.brand_id", at!["detail.brand_id"], Transform::Id),
        mapping("ticket.form_id", at!["detail.form_id"], Transform::Id),
        mapping("ticket.tags", at!["detail.tags"], Transform::Tags),
        mapping("ticket.actor_id", at!["detail.actor_id"], Transform::Id),
        mapping(
            "ticket.custom_status",
            at!["detail.custom_status"],
            Transform::Id,
        ),
        PREVIOUS,
        CURRENT,
        declared(
            "custom_field",
            at!["event.custom_field"],
            Transform::Emptied,
        ),
        CUSTOM_FIELD_ID,
        mapping(
            "custom_field.raw_title",
            at!["event.custom_field.raw_title", "event.custom_field.title"],
            Transform::AsIs,
        ),
        mapping(
            "custom_field.field_type",
            at!["event.custom_field.field_type", "event.custom_field.type"],
            Transform::Lower,
        ),
        mapping("comment.id", at!["event.comment.id"], Transform::Id),
        mapping(
            "comment.author.id",
            at!["event.comment.author.id"],
            Transform::Id,
        ),
        // An attachment is nested in its comment.
        declared(
            "attachment",
            at!["event.attachment", "event.comment.attachment"],
            Transform::AsIs,
        ),
        declared(
            "attachment.id",
            at!["event.attachment.id", "event.comment.attachment.id"],
            Transform::Id,
        ),
        declared(
            "attachment.comment_id",
            at!["event.attachment.comment_id", "event.comment.id"],
            Transform::Id,
        ),
        declared(
            "attachment_id",
            at![
                "event.attachment_id",
                "event.attachment.id",
                "event.comment.attachment.id",
            ],
            Transform::Id,
        ),
        declared(
            "comment_id",
            at!["event.comment_id", "event.comment.id"],
            Transform::Id,
        ),
        declared(
            "target_ticket_id",
            at!["event.target_ticket_id"],
            Transform::Id,
        ),
        TAGS_ADDED,
        TAGS_REMOVED,
        // No public documentation confirms `added.user_ids`, or `comment_id` and `attachment_id` within an
        // object as above. They are read only if the plain key is absent.
        declared(
            "users_added",
            at!["event.users_added", "event.added.user_ids"],
            Transform::Typed,
        ),
        declared(
            "users_removed",
            at!["event.users_removed", "event.removed.user_ids"],
            Transform::Typed,
        ),
    ],
    ..DECODER
};

pub static USER: Decoder = Decoder {
    marker: Marker::Starts(
        DocumentPath::new("type"),
        &["zen:event-type:user.", "zen:event-type/user."],
    ),
    requirements: &[
        Requirement::Object(DocumentPath::new("detail")),
        Requirement::ObjectIfThere(DocumentPath::new("event")),
    ],
    body: &[
        EVENT,
        OCCURRED_AT,
        mapping("user", at!["detail"], Transform::AsIs),
        mapping("user.id", at!["detail.id"], Transform::Id),
        mapping(
            "user.organization_id",
            at!["detail.organization_id"],
            Transform::Id,
        ),
        mapping(
            "user.default_group_id",
            at!["detail.default_group_id"],
            Transform::Id,
        ),
        mapping("user.role", at!["detail.role"], Transform::Lower),
        PREVIOUS,
        CURRENT,
        CUSTOM_FIELD_ID,
        TAGS_ADDED,
        TAGS_REMOVED,
    ],
    ..DECODER
};

pub static ORGANIZATION: Decoder = Decoder {
    marker: Marker::Starts(
        DocumentPath::new("type"),
        &[
            "zen:event-type:organization.",
            "zen:event-type/organization.",
        ],
    ),
    requirements: &[
        Requirement::Object(DocumentPath::new("detail")),
        Requirement::ObjectIfThere(DocumentPath::new("event")),
    ],
    body: &[
        EVENT,
        OCCURRED_AT,
        mapping("organization", at!["detail"], Transform::AsIs),
        mapping("organization.id", at!["detail.id"], Transform::Id),
        mapping(
            "organization.group_id",
            at!["detail.group_id"],
            Transform::Id,
        ),
        PREVIOUS,
        CURRENT,
        CUSTOM_FIELD_ID,
        TAGS_ADDED,
        TAGS_REMOVED,
    ],
    ..DECODER
};

/// Families that are not in the catalogue, with `detail` unchanged.
pub static OTHER: Decoder = Decoder {
    marker: Marker::Starts(
        DocumentPath::new("type"),
        &["zen:event-type:", "zen:event-type/"],
    ),
    requirements: &[
        Requirement::ObjectIfThere(DocumentPath::new("detail")),
        Requirement::ObjectIfThere(DocumentPath::new("event")),
    ],
    body: &[
        EVENT,
        OCCURRED_AT,
        mapping("detail", at!["detail"], Transform::AsIs),
    ],
    ..DECODER
};
