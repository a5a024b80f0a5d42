//! The decoder table of the Upmind webhook format. Rules see the keys of the body, with `ticket` added.

use crate::event::format::decoder::{Decoder, Demand, Identity, Sign, place};
use crate::event::format::transform::Leaf;
use crate::event::format::type_name::Naming;
use crate::event::json::lookup::{At, at};

pub static UPMIND: Decoder = Decoder {
    shape: "upmind",
    source: "upmind",
    sign: Sign::Has(At::new("hook_code")),
    // A deleted object may be absent; `object_id` is still present.
    demands: &[
        Demand::Text(At::new("hook_code")),
        Demand::ObjectIfThere(At::new("object")),
    ],
    naming: Naming::Code {
        at: At::new("hook_code"),
    },
    id: Identity::At(At::new("webhook_event_id")),
    key: at!["object.ticket_id", "object.ticket.id", "object_id"],
    // The vendor's times are UTC without a zone.
    time: at!["event_datetime"],
    envelope: &[place("actor_id", at!["actor_id"], Leaf::AsIs)],
    body: &[
        place("", at![""], Leaf::AsIs),
        place("ticket", at!["object.ticket"], Leaf::AsIs),
        place(
            "ticket.id",
            at!["object.ticket.id", "object.ticket_id"],
            Leaf::AsIs,
        ),
    ],
};
