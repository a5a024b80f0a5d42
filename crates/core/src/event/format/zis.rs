//! The decoder tables of the ZIS envelope format, the input of ZIS flows.

use crate::event::format::decoder::{Decoder, FieldMapping, IdRule, Marker, Requirement, place};
use crate::event::format::transform::Transform;
use crate::event::format::type_name::TypeNameSource;
use crate::event::json::lookup::{DocumentPath, at};

const ENVELOPE: &[FieldMapping] = &[
    place("account_id", at!["account_id"], Transform::Id),
    place("subdomain", at!["subdomain"], Transform::AsIs),
    place("integration_key", at!["integration_key"], Transform::AsIs),
];

pub static TICKET: Decoder = Decoder {
    shape: "zis",
    source: "support",
    sign: Marker::Has(DocumentPath::new("input.ticket_event")),
    demands: &[
        Requirement::Object(DocumentPath::new("input.ticket_event")),
        Requirement::Text(DocumentPath::new("input.ticket_event.type")),
        Requirement::Object(DocumentPath::new("input.ticket_event.ticket")),
        Requirement::Id(DocumentPath::new("input.ticket_event.ticket.id")),
    ],
    naming: TypeNameSource::Display {
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
        place("", at!["input.ticket_event"], Transform::AsIs),
        place(
            "ticket.id",
            at!["input.ticket_event.ticket.id"],
            Transform::Id,
        ),
        place(
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
            shape: "zis",
            source: "support",
            sign: Marker::Has(DocumentPath::new($event)),
            demands: &[
                Requirement::Object(DocumentPath::new($event)),
                Requirement::ObjectIfThere(DocumentPath::new(concat!($event, $object))),
            ],
            naming: TypeNameSource::Display {
                at: DocumentPath::new(concat!($event, ".type")),
                family: $family,
            },
            id: IdRule::Sequence {
                of: DocumentPath::new($event),
            },
            key: &[$(DocumentPath::new(concat!($event, $key))),+],
            time: &[DocumentPath::new(concat!($event, ".meta.occurred_at"))],
            envelope: ENVELOPE,
            body: &[place("", at![$event], Transform::AsIs)],
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
