//! The decoder tables of the Zendesk event webhook format.
//! Ids arrive as text, values of closed sets in upper case.

use crate::event::format::decoder::{
    Decoder, FieldMapping, IdRule, Marker, Requirement, mappings, own, place,
};
use crate::event::format::transform::Transform;
use crate::event::format::type_name::TypeNameSource;
use crate::event::json::lookup::{DocumentPath, at};

/// What the decoders of all families share.
const DECODER: Decoder = Decoder {
    shape: "zendesk_webhook",
    source: "support",
    sign: Marker::Has(DocumentPath::new("type")),
    demands: &[],
    naming: TypeNameSource::Webhook {
        at: DocumentPath::new("type"),
    },
    id: IdRule::At(DocumentPath::new("id")),
    key: at!["detail.id"],
    time: at!["time", "event.meta.occurred_at"],
    envelope: &[
        place("account_id", at!["account_id"], Transform::Id),
        place("actor_id", at!["detail.actor_id"], Transform::Id),
    ],
    body: &[],
};

const EVENT: FieldMapping = place("", at!["event"], Transform::AsIs);
const OCCURRED_AT: FieldMapping = place("meta.occurred_at", at!["time"], Transform::AsIs);
// A custom field's value is wrapped, except where it is a lookup's target.
const PREVIOUS: FieldMapping = place(
    "previous",
    at!["event.previous.value", "event.previous"],
    Transform::Typed,
);
const CURRENT: FieldMapping = place(
    "current",
    at!["event.current.value", "event.current"],
    Transform::Typed,
);
const CUSTOM_FIELD_ID: FieldMapping = place(
    "custom_field.id",
    at!["event.custom_field.id"],
    Transform::Id,
);
const TAGS_ADDED: FieldMapping = own(
    "tags_added",
    at!["event.tags_added", "event.added.tags"],
    Transform::Typed,
);
const TAGS_REMOVED: FieldMapping = own(
    "tags_removed",
    at!["event.tags_removed", "event.removed.tags"],
    Transform::Typed,
);

pub static TICKET: Decoder = Decoder {
    sign: Marker::Starts(
        DocumentPath::new("type"),
        &["zen:event-type:ticket.", "zen:event-type/ticket."],
    ),
    demands: &[
        Requirement::Object(DocumentPath::new("detail")),
        Requirement::Id(DocumentPath::new("detail.id")),
        Requirement::ObjectIfThere(DocumentPath::new("event")),
    ],
    body: mappings! {
        [EVENT, OCCURRED_AT]
        place "ticket" <- "detail" => AsIs;
        place "ticket.id" <- "detail.id" => Id;
        place "ticket.type" <- "detail.type" => Lower;
        place "ticket.priority" <- "detail.priority" => Lower;
        place "ticket.status" <- "detail.status" => Lower;
        place "ticket.requester_id" <- "detail.requester_id" => Id;
        place "ticket.submitter_id" <- "detail.submitter_id" => Id;
        place "ticket.assignee_id" <- "detail.assignee_id" => Id;
        place "ticket.organization_id" <- "detail.organization_id" => Id;
        place "ticket.group_id" <- "detail.group_id" => Id;
        place "ticket.brand_id" <- "detail.brand_id" => Id;
        place "ticket.form_id" <- "detail.form_id" => Id;
        place "ticket.tags" <- "detail.tags" => Tags;
        place "ticket.actor_id" <- "detail.actor_id" => Id;
        place "ticket.custom_status" <- "detail.custom_status" => Id;
        own "custom_field" <- "event.custom_field" => Emptied;
        place "custom_field.id" <- "event.custom_field.id" => Id;
        place "custom_field.raw_title" <- "event.custom_field.raw_title", "event.custom_field.title" => AsIs;
        place "custom_field.field_type" <- "event.custom_field.field_type", "event.custom_field.type" => Lower;
        place "comment.id" <- "event.comment.id" => Id;
        place "comment.author.id" <- "event.comment.author.id" => Id;
        // An attachment is nested in its comment.
        own "attachment" <- "event.attachment", "event.comment.attachment" => AsIs;
        own "attachment.id" <- "event.attachment.id", "event.comment.attachment.id" => Id;
        own "attachment.comment_id" <- "event.attachment.comment_id", "event.comment.id" => Id;
        own "attachment_id" <- "event.attachment_id", "event.attachment.id", "event.comment.attachment.id" => Id;
        own "comment_id" <- "event.comment_id", "event.comment.id" => Id;
        own "target_ticket_id" <- "event.target_ticket_id" => Id;
        // No public documentation confirms `added.user_ids`, or `comment_id` and `attachment_id` within an
        // object as above. They are read only if the plain key is absent.
        own "users_added" <- "event.users_added", "event.added.user_ids" => Typed;
        own "users_removed" <- "event.users_removed", "event.removed.user_ids" => Typed;
        [PREVIOUS, CURRENT, TAGS_ADDED, TAGS_REMOVED]
    },
    ..DECODER
};

pub static USER: Decoder = Decoder {
    sign: Marker::Starts(
        DocumentPath::new("type"),
        &["zen:event-type:user.", "zen:event-type/user."],
    ),
    demands: &[
        Requirement::Object(DocumentPath::new("detail")),
        Requirement::ObjectIfThere(DocumentPath::new("event")),
    ],
    body: mappings! {
        [EVENT, OCCURRED_AT]
        place "user" <- "detail" => AsIs;
        place "user.id" <- "detail.id" => Id;
        place "user.organization_id" <- "detail.organization_id" => Id;
        place "user.default_group_id" <- "detail.default_group_id" => Id;
        place "user.role" <- "detail.role" => Lower;
        [PREVIOUS, CURRENT, CUSTOM_FIELD_ID, TAGS_ADDED, TAGS_REMOVED]
    },
    ..DECODER
};

pub static ORGANIZATION: Decoder = Decoder {
    sign: Marker::Starts(
        DocumentPath::new("type"),
        &[
            "zen:event-type:organization.",
            "zen:event-type/organization.",
        ],
    ),
    demands: &[
        Requirement::Object(DocumentPath::new("detail")),
        Requirement::ObjectIfThere(DocumentPath::new("event")),
    ],
    body: mappings! {
        [EVENT, OCCURRED_AT]
        place "organization" <- "detail" => AsIs;
        place "organization.id" <- "detail.id" => Id;
        place "organization.group_id" <- "detail.group_id" => Id;
        [PREVIOUS, CURRENT, CUSTOM_FIELD_ID, TAGS_ADDED, TAGS_REMOVED]
    },
    ..DECODER
};

/// Families that are not in the catalogue, with `detail` unchanged.
pub static OTHER: Decoder = Decoder {
    sign: Marker::Starts(
        DocumentPath::new("type"),
        &["zen:event-type:", "zen:event-type/"],
    ),
    demands: &[
        Requirement::ObjectIfThere(DocumentPath::new("detail")),
        Requirement::ObjectIfThere(DocumentPath::new("event")),
    ],
    body: mappings! {
        [EVENT, OCCURRED_AT]
        place "detail" <- "detail" => AsIs;
        []
    },
    ..DECODER
};
