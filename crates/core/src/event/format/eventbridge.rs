//! The decoder tables of the EventBridge format: Amazon EventBridge partner events of Zendesk.
//! Values are the same as in the ZIS envelope.

use crate::event::format::decoder::{Decoder, IdRule, Marker, Requirement, mapping};
use crate::event::format::transform::Transform;
use crate::event::format::type_name::TypeNameSource;
use crate::event::json::lookup::{DocumentPath, at};

pub static TICKET: Decoder = Decoder {
    format: "eventbridge",
    source: "support",
    marker: Marker::Has(DocumentPath::new("detail.ticket_event")),
    requirements: &[
        Requirement::Object(DocumentPath::new("detail.ticket_event")),
        Requirement::Text(DocumentPath::new("detail.ticket_event.type")),
        Requirement::Object(DocumentPath::new("detail.ticket_event.ticket")),
        Requirement::Id(DocumentPath::new("detail.ticket_event.ticket.id")),
    ],
    type_name: TypeNameSource::Display {
        at: DocumentPath::new("detail.ticket_event.type"),
        family: "ticket",
    },
    id: IdRule::At(DocumentPath::new("id")),
    key: at!["detail.ticket_event.ticket.id"],
    time: at!["detail.ticket_event.meta.occurred_at", "time"],
    // The partner source is `aws.partner/zendesk.com/ACCOUNT/default`.
    envelope: &[
        mapping("account_id", at!["source"], Transform::Part(2)),
        mapping(
            "actor_id",
            at!["detail.ticket_event.meta.actor_id"],
            Transform::Id,
        ),
    ],
    body: &[
        mapping("", at!["detail.ticket_event"], Transform::AsIs),
        mapping(
            "ticket.id",
            at!["detail.ticket_event.ticket.id"],
            Transform::Id,
        ),
        mapping(
            "ticket.tags",
            at!["detail.ticket_event.ticket.tags"],
            Transform::Tags,
        ),
    ],
};

/// The decoder of a family whose object is under a key of its event.
macro_rules! family {
    ($family:literal, $event:literal, $object:literal) => {
        Decoder {
            marker: Marker::Has(DocumentPath::new($event)),
            requirements: &[
                Requirement::Object(DocumentPath::new($event)),
                Requirement::ObjectIfThere(DocumentPath::new(concat!($event, $object))),
            ],
            type_name: TypeNameSource::Display {
                at: DocumentPath::new(concat!($event, ".type")),
                family: $family,
            },
            key: &[DocumentPath::new(concat!($event, $object, ".id"))],
            time: &[
                DocumentPath::new(concat!($event, ".meta.occurred_at")),
                DocumentPath::new("time"),
            ],
            envelope: &[
                mapping("account_id", at!["source"], Transform::Part(2)),
                mapping(
                    "actor_id",
                    &[DocumentPath::new(concat!($event, ".meta.actor_id"))],
                    Transform::Id,
                ),
            ],
            body: &[mapping("", at![$event], Transform::AsIs)],
            format: "eventbridge",
            source: "support",
            id: IdRule::At(DocumentPath::new("id")),
        }
    };
}

pub static USER: Decoder = family!("user", "detail.user_event", ".user");

pub static ORGANIZATION: Decoder =
    family!("organization", "detail.organization_event", ".organization");
