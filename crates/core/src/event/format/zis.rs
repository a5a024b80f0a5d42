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

pub static USER: Decoder = Decoder {
    shape: "zis",
    source: "support",
    sign: Marker::Has(DocumentPath::new("input.user_event")),
    demands: &[
        Requirement::Object(DocumentPath::new("input.user_event")),
        Requirement::ObjectIfThere(DocumentPath::new("input.user_event.user")),
    ],
    naming: TypeNameSource::Display {
        at: DocumentPath::new("input.user_event.type"),
        family: "user",
    },
    id: IdRule::Sequence {
        of: DocumentPath::new("input.user_event"),
    },
    key: at!["input.user_event.user.id"],
    time: at!["input.user_event.meta.occurred_at"],
    envelope: ENVELOPE,
    body: &[place("", at!["input.user_event"], Transform::AsIs)],
};

pub static ORGANIZATION: Decoder = Decoder {
    shape: "zis",
    source: "support",
    sign: Marker::Has(DocumentPath::new("input.organization_event")),
    demands: &[
        Requirement::Object(DocumentPath::new("input.organization_event")),
        Requirement::ObjectIfThere(DocumentPath::new("input.organization_event.organization")),
    ],
    naming: TypeNameSource::Display {
        at: DocumentPath::new("input.organization_event.type"),
        family: "organization",
    },
    id: IdRule::Sequence {
        of: DocumentPath::new("input.organization_event"),
    },
    key: at!["input.organization_event.organization.id"],
    time: at!["input.organization_event.meta.occurred_at"],
    envelope: ENVELOPE,
    body: &[place("", at!["input.organization_event"], Transform::AsIs)],
};

pub static CUSTOM_OBJECT: Decoder = Decoder {
    shape: "zis",
    source: "support",
    sign: Marker::Has(DocumentPath::new("input.custom_object_event")),
    demands: &[
        Requirement::Object(DocumentPath::new("input.custom_object_event")),
        Requirement::ObjectIfThere(DocumentPath::new(
            "input.custom_object_event.custom_object_record",
        )),
    ],
    naming: TypeNameSource::Display {
        at: DocumentPath::new("input.custom_object_event.type"),
        family: "customobject",
    },
    id: IdRule::Sequence {
        of: DocumentPath::new("input.custom_object_event"),
    },
    key: at![
        "input.custom_object_event.custom_object_record.id",
        "input.custom_object_event.object_id",
    ],
    time: at!["input.custom_object_event.meta.occurred_at"],
    envelope: ENVELOPE,
    body: &[place("", at!["input.custom_object_event"], Transform::AsIs)],
};
