//! The decoder tables of the Zendesk event webhook format.
//! Ids arrive as text, values of closed sets in upper case.

use crate::event::format::decoder::{Decoder, Demand, Identity, Place, Sign, own, place};
use crate::event::format::transform::Leaf;
use crate::event::format::type_name::Naming;
use crate::event::json::lookup::{At, at};

/// What the decoders of all families share.
const DECODER: Decoder = Decoder {
    shape: "zendesk_webhook",
    source: "support",
    sign: Sign::Has(At::new("type")),
    demands: &[],
    naming: Naming::Webhook {
        at: At::new("type"),
    },
    id: Identity::At(At::new("id")),
    key: at!["detail.id"],
    time: at!["time", "event.meta.occurred_at"],
    envelope: &[
        place("account_id", at!["account_id"], Leaf::Id),
        place("actor_id", at!["detail.actor_id"], Leaf::Id),
    ],
    body: &[],
};

const EVENT: Place = place("", at!["event"], Leaf::AsIs);
const OCCURRED_AT: Place = place("meta.occurred_at", at!["time"], Leaf::AsIs);
// A custom field's value is wrapped, except where it is a lookup's target.
const PREVIOUS: Place = place(
    "previous",
    at!["event.previous.value", "event.previous"],
    Leaf::Typed,
);
const CURRENT: Place = place(
    "current",
    at!["event.current.value", "event.current"],
    Leaf::Typed,
);
const CUSTOM_FIELD_ID: Place = place("custom_field.id", at!["event.custom_field.id"], Leaf::Id);
const TAGS_ADDED: Place = own(
    "tags_added",
    at!["event.tags_added", "event.added.tags"],
    Leaf::Typed,
);
const TAGS_REMOVED: Place = own(
    "tags_removed",
    at!["event.tags_removed", "event.removed.tags"],
    Leaf::Typed,
);

pub static TICKET: Decoder = Decoder {
    sign: Sign::Starts(
        At::new("type"),
        &["zen:event-type:ticket.", "zen:event-type/ticket."],
    ),
    demands: &[
        Demand::Object(At::new("detail")),
        Demand::Id(At::new("detail.id")),
        Demand::ObjectIfThere(At::new("event")),
    ],
    body: &[
        EVENT,
        OCCURRED_AT,
        place("ticket", at!["detail"], Leaf::AsIs),
        place("ticket.id", at!["detail.id"], Leaf::Id),
        place("ticket.type", at!["detail.type"], Leaf::Lower),
        place("ticket.priority", at!["detail.priority"], Leaf::Lower),
        place("ticket.status", at!["detail.status"], Leaf::Lower),
        place("ticket.requester_id", at!["detail.requester_id"], Leaf::Id),
        place("ticket.submitter_id", at!["detail.submitter_id"], Leaf::Id),
        place("ticket.assignee_id", at!["detail.assignee_id"], Leaf::Id),
        place(
            "ticket.organization_id",
            at!["detail.organization_id"],
            Leaf::Id,
        ),
        place("ticket.group_id", at!["detail.group_id"], Leaf::Id),
        place("ticket.brand_id", at!["detail.brand_id"], Leaf::Id),
        place("ticket.form_id", at!["detail.form_id"], Leaf::Id),
        place("ticket.tags", at!["detail.tags"], Leaf::Tags),
        place("ticket.actor_id", at!["detail.actor_id"], Leaf::Id),
        place(
            "ticket.custom_status",
            at!["detail.custom_status"],
            Leaf::Id,
        ),
        PREVIOUS,
        CURRENT,
        own("custom_field", at!["event.custom_field"], Leaf::Emptied),
        CUSTOM_FIELD_ID,
        place(
            "custom_field.raw_title",
            at!["event.custom_field.raw_title", "event.custom_field.title"],
            Leaf::AsIs,
        ),
        place(
            "custom_field.field_type",
            at!["event.custom_field.field_type", "event.custom_field.type"],
            Leaf::Lower,
        ),
        place("comment.id", at!["event.comment.id"], Leaf::Id),
        place(
            "comment.author.id",
            at!["event.comment.author.id"],
            Leaf::Id,
        ),
        // An attachment is nested in its comment.
        own(
            "attachment",
            at!["event.attachment", "event.comment.attachment"],
            Leaf::AsIs,
        ),
        own(
            "attachment.id",
            at!["event.attachment.id", "event.comment.attachment.id"],
            Leaf::Id,
        ),
        own(
            "attachment.comment_id",
            at!["event.attachment.comment_id", "event.comment.id"],
            Leaf::Id,
        ),
        own(
            "attachment_id",
            at![
                "event.attachment_id",
                "event.attachment.id",
                "event.comment.attachment.id",
            ],
            Leaf::Id,
        ),
        own(
            "comment_id",
            at!["event.comment_id", "event.comment.id"],
            Leaf::Id,
        ),
        own("target_ticket_id", at!["event.target_ticket_id"], Leaf::Id),
        TAGS_ADDED,
        TAGS_REMOVED,
        // No public documentation confirms `added.user_ids`, or `comment_id` and `attachment_id` within an
        // object as above. They are read only if the plain key is absent.
        own(
            "users_added",
            at!["event.users_added", "event.added.user_ids"],
            Leaf::Typed,
        ),
        own(
            "users_removed",
            at!["event.users_removed", "event.removed.user_ids"],
            Leaf::Typed,
        ),
    ],
    ..DECODER
};

pub static USER: Decoder = Decoder {
    sign: Sign::Starts(
        At::new("type"),
        &["zen:event-type:user.", "zen:event-type/user."],
    ),
    demands: &[
        Demand::Object(At::new("detail")),
        Demand::ObjectIfThere(At::new("event")),
    ],
    body: &[
        EVENT,
        OCCURRED_AT,
        place("user", at!["detail"], Leaf::AsIs),
        place("user.id", at!["detail.id"], Leaf::Id),
        place(
            "user.organization_id",
            at!["detail.organization_id"],
            Leaf::Id,
        ),
        place(
            "user.default_group_id",
            at!["detail.default_group_id"],
            Leaf::Id,
        ),
        place("user.role", at!["detail.role"], Leaf::Lower),
        PREVIOUS,
        CURRENT,
        CUSTOM_FIELD_ID,
        TAGS_ADDED,
        TAGS_REMOVED,
    ],
    ..DECODER
};

pub static ORGANIZATION: Decoder = Decoder {
    sign: Sign::Starts(
        At::new("type"),
        &[
            "zen:event-type:organization.",
            "zen:event-type/organization.",
        ],
    ),
    demands: &[
        Demand::Object(At::new("detail")),
        Demand::ObjectIfThere(At::new("event")),
    ],
    body: &[
        EVENT,
        OCCURRED_AT,
        place("organization", at!["detail"], Leaf::AsIs),
        place("organization.id", at!["detail.id"], Leaf::Id),
        place("organization.group_id", at!["detail.group_id"], Leaf::Id),
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
    sign: Sign::Starts(At::new("type"), &["zen:event-type:", "zen:event-type/"]),
    demands: &[
        Demand::ObjectIfThere(At::new("detail")),
        Demand::ObjectIfThere(At::new("event")),
    ],
    body: &[
        EVENT,
        OCCURRED_AT,
        place("detail", at!["detail"], Leaf::AsIs),
    ],
    ..DECODER
};
