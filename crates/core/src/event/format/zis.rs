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

pub static USER: Decoder = Decoder {
    format: "zis",
    source: "support",
    marker: Marker::Has(DocumentPath::new("input.user_event")),
    requirements: &[
        Requirement::Object(DocumentPath::new("input.user_event")),
        Requirement::ObjectIfThere(DocumentPath::new("input.user_event.user")),
    ],
    type_name: TypeNameSource::Display {
        at: DocumentPath::new("input.user_event.type"),
        family: "user",
    },
    id: IdRule::Sequence {
        of: DocumentPath::new("input.user_event"),
    },
    key: at!["input.user_event.user.id"],
    time: at!["input.user_event.meta.occurred_at"],
    envelope: ENVELOPE,
    body: &[mapping("", at!["input.user_event"], Transform::AsIs)],
};

pub static ORGANIZATION: Decoder = Decoder {
    format: "zis",
    source: "support",
    marker: Marker::Has(DocumentPath::new("input.organization_event")),
    requirements: &[
        Requirement::Object(DocumentPath::new("input.organization_event")),
        Requirement::ObjectIfThere(DocumentPath::new("input.organization_event.organization")),
    ],
    type_name: TypeNameSource::Display {
        at: DocumentPath::new("input.organization_event.type"),
        family: "organization",
    },
    id: IdRule::Sequence {
        of: DocumentPath::new("input.organization_event"),
    },
    key: at!["input.organization_event.organization.id"],
    time: at!["input.organization_event.meta.occurred_at"],
    envelope: ENVELOPE,
    body: &[mapping(
        "",
        at!["input.organization_event"],
        Transform::AsIs,
    )],
};

pub static CUSTOM_OBJECT: Decoder = Decoder {
    format: "zis",
    source: "support",
    marker: Marker::Has(DocumentPath::new("input.custom_object_event")),
    requirements: &[
        Requirement::Object(DocumentPath::new("input.custom_object_event")),
        Requirement::ObjectIfThere(DocumentPath::new(
            "input.custom_object_event.custom_object_record",
        )),
    ],
    type_name: TypeNameSource::Display {
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
    body: &[mapping(
        "",
        at!["input.custom_object_event"],
        Transform::AsIs,
    )],
};
