//! The decoder tables of the ZIS envelope format, the input of ZIS flows.

use crate::event::format::decoder::{Decoder, FieldMapping, IdRule, Marker, Requirement, mapping};
use crate::event::format::transform::Transform;
use crate::event::format::type_name::TypeNameSource;
use crate::event::json::lookup::{DocumentPath, at};

const ENVELOPE: &[FieldMapping] = &[
    mapping("account_id", at!["account_id"], Transform::Id),
    mapping("subdomain", at!["subdomain"], Transform::AsIs),
    mapping("integration_key", at!["integration_key"], Transform::AsIs),
];

pub static TICKET: Decoder = Decoder {
    format: "zis",
    source: "support",
    marker: Marker::Has(DocumentPath::new("input.ticket_event")),
    requirements: &[
        Requirement::Object(DocumentPath::new("input.ticket_event")),
        Requirement::Text(DocumentPath::new("input.ticket_event.type")),
        Requirement::Object(DocumentPath::new("input.ticket_event.ticket")),
        Requirement::Id(DocumentPath::new("input.ticket_event.ticket.id")),
    ],
    type_name: TypeNameSource::Display {
        at: DocumentPath::new("input.ticket_event.type"),
        family: "ticket",
    },
    id: IdRule::Sequence {
        of: DocumentPath::new("input.ticket_event"),
    },
    key: at!["input.ticket_event.ticket.id"],
    time: at!["input.ticket_event.meta.occurred_at"],
    envelope: ENVELOPE,
    body: &[
        mapping("", at!["input.ticket_event"], Transform::AsIs),
        mapping(
            "ticket.id",
            at!["input.ticket_event.ticket.id"],
            Transform::Id,
        ),
        mapping(
            "ticket.tags",
            at!["input.ticket_event.ticket.tags"],
            Transform::Tags,
        ),
    ],
};

/// The decoder of a family whose object is under a key of its event.
macro_rules! family {
    ($family:literal, $event:literal, $object:literal, $($key:literal),+) => {
        Decoder {
            format: "zis",
            source: "support",
            marker: Marker::Has(DocumentPath::new($event)),
            requirements: &[
                Requirement::Object(DocumentPath::new($event)),
                Requirement::ObjectIfThere(DocumentPath::new(concat!($event, $object))),
            ],
            type_name: TypeNameSource::Display {
                at: DocumentPath::new(concat!($event, ".type")),
                family: $family,
            },
            id: IdRule::Sequence {
                of: DocumentPath::new($event),
            },
            key: &[$(DocumentPath::new(concat!($event, $key))),+],
            time: &[DocumentPath::new(concat!($event, ".meta.occurred_at"))],
            envelope: ENVELOPE,
            body: &[mapping("", at![$event], Transform::AsIs)],
        }
    };
}

pub static USER: Decoder = family!("user", "input.user_event", ".user", ".user.id");

pub static ORGANIZATION: Decoder = family!(
    "organization",
    "input.organization_event",
    ".organization",
    ".organization.id"
);

pub static CUSTOM_OBJECT: Decoder = family!(
    "customobject",
    "input.custom_object_event",
    ".custom_object_record",
    ".custom_object_record.id",
    ".object_id"
);
