//! The Upmind webhook's body, as data; its keys are the body that rules see, with the ticket beside them.
//! It refuses a body without a hook code, or whose `object` holds something else than an object.

use super::decoder::{Decoder, Demand, Identity, Sign, place};
use super::leaf::Leaf;
use super::naming::Naming;
use super::place::{At, at};

pub static UPMIND: Decoder = Decoder {
    shape: "upmind",
    source: "upmind",
    sign: Sign::Has(At::new("hook_code")),
    // What was deleted may come without its object; `object_id` is there even so.
    demands: &[
        Demand::Text(At::new("hook_code")),
        Demand::ObjectIfThere(At::new("object")),
    ],
    naming: Naming::Code {
        at: At::new("hook_code"),
    },
    id: Identity::At(At::new("webhook_event_id")),
    key: at!["object.ticket_id", "object.ticket.id", "object_id"],
    // Without a zone; the vendor's times are UTC.
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
