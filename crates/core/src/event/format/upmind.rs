//! The decoder table of the Upmind webhook format. Rules see the keys of the body, with `ticket` added.

use crate::event::format::decoder::{Decoder, IdRule, Marker, Requirement, mapping};
use crate::event::format::transform::Transform;
use crate::event::format::type_name::TypeNameSource;
use crate::event::json::lookup::{DocumentPath, at};

pub static UPMIND: Decoder = Decoder {
    format: "upmind",
    source: "upmind",
    marker: Marker::Has(DocumentPath::new("hook_code")),
    // A deleted object may be absent; `object_id` is still present.
    requirements: &[
        Requirement::Text(DocumentPath::new("hook_code")),
        Requirement::ObjectIfThere(DocumentPath::new("object")),
    ],
    type_name: TypeNameSource::Code {
        at: DocumentPath::new("hook_code"),
    },
    id: IdRule::At(DocumentPath::new("webhook_event_id")),
    key: at!["object.ticket_id", "object.ticket.id", "object_id"],
    // The vendor's times are UTC without a zone.
    time: at!["event_datetime"],
    envelope: &[mapping("actor_id", at!["actor_id"], Transform::AsIs)],
    body: &[
        mapping("", at![""], Transform::AsIs),
        mapping("ticket", at!["object.ticket"], Transform::AsIs),
        mapping(
            "ticket.id",
            at!["object.ticket.id", "object.ticket_id"],
            Transform::AsIs,
        ),
    ],
};
