//! The decoder table of the Upmind webhook format. Rules see the keys of the body, with `ticket` added.

use crate::event::format::decoder::{Decoder, IdRule, Marker, Requirement, place};
use crate::event::format::transform::Transform;
use crate::event::format::type_name::TypeNameSource;
use crate::event::json::lookup::{DocumentPath, at};

pub static UPMIND: Decoder = Decoder {
    shape: "upmind",
    source: "upmind",
    sign: Marker::Has(DocumentPath::new("hook_code")),
    // A deleted object may be absent; `object_id` is still present.
    demands: &[
        Requirement::Text(DocumentPath::new("hook_code")),
        Requirement::ObjectIfThere(DocumentPath::new("object")),
    ],
    naming: TypeNameSource::Code {
        at: DocumentPath::new("hook_code"),
    },
    id: IdRule::At(DocumentPath::new("webhook_event_id")),
    key: at!["object.ticket_id", "object.ticket.id", "object_id"],
    // The vendor's times are UTC without a zone.
    time: at!["event_datetime"],
    envelope: &[place("actor_id", at!["actor_id"], Transform::AsIs)],
    body: &[
        place("", at![""], Transform::AsIs),
        place("ticket", at!["object.ticket"], Transform::AsIs),
        place(
            "ticket.id",
            at!["object.ticket.id", "object.ticket_id"],
            Transform::AsIs,
        ),
    ],
};
