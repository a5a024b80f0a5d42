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

pub static USER: Decoder = Decoder {
    format: "eventbridge",
    source: "support",
    marker: Marker::Has(DocumentPath::new("detail.user_event")),
    requirements: &[
        Requirement::Object(DocumentPath::new("detail.user_event")),
        Requirement::ObjectIfThere(DocumentPath::new("detail.user_event.user")),
    ],
    type_name: TypeNameSource::Display {
        at: DocumentPath::new("detail.user_event.type"),
        family: "user",
    },
    id: IdRule::At(DocumentPath::new("id")),
    key: at!["detail.user_event.user.id"],
    time: at!["detail.user_event.meta.occurred_at", "time"],
    envelope: &[
        mapping("account_id", at!["source"], Transform::Part(2)),
        mapping(
            "actor_id",
            at!["detail.user_event.meta.actor_id"],
            Transform::Id,
        ),
    ],
    body: &[mapping("", at!["detail.user_event"], Transform::AsIs)],
};

pub static ORGANIZATION: Decoder = Decoder {
    format: "eventbridge",
    source: "support",
    marker: Marker::Has(DocumentPath::new("detail.organization_event")),
    requirements: &[
        Requirement::Object(DocumentPath::new("detail.organization_event")),
        Requirement::ObjectIfThere(DocumentPath::new("detail.organization_event.organization")),
    ],
    type_name: TypeNameSource::Display {
        at: DocumentPath::new("detail.organization_event.type"),
        family: "organization",
    },
    id: IdRule::At(DocumentPath::new("id")),
    key: at!["detail.organization_event.organization.id"],
    time: at!["detail.organization_event.meta.occurred_at", "time"],
    envelope: &[
        mapping("account_id", at!["source"], Transform::Part(2)),
        mapping(
            "actor_id",
            at!["detail.organization_event.meta.actor_id"],
            Transform::Id,
        ),
    ],
    body: &[mapping(
        "",
        at!["detail.organization_event"],
        Transform::AsIs,
    )],
};
