//! The decoder tables of the Zendesk event webhook format.
//! Ids arrive as text, values of closed sets in upper case.

use crate::event::format::decoder::{
    Decoder, FieldMapping, IdRule, Marker, Requirement, declared, mapping, mappings,
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
    marker: Marker::Starts(
        DocumentPath::new("type"),
        &["zen:event-type:user.", "zen:event-type/user."],
    ),
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
        [PREVIOUS, CURRENT, CUSTOM_FIELD_ID, TAGS_ADDED, TAGS_REMOVED]
    },
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
    body: mappings! {
        [EVENT, OCCURRED_AT]
        mapping "organization" <- "detail" => AsIs;
        mapping "organization.id" <- "detail.id" => Id;
        mapping "organization.group_id" <- "detail.group_id" => Id;
        [PREVIOUS, CURRENT, CUSTOM_FIELD_ID, TAGS_ADDED, TAGS_REMOVED]
    },
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
    body: mappings! {
        [EVENT, OCCURRED_AT]
        mapping "detail" <- "detail" => AsIs;
        []
    },
    ..DECODER
};
