//! The Upmind webhook's body, as data; its keys are the body that rules see, with the ticket beside them.
//! It refuses a body without a hook code, or whose `object` holds something else than an object.

use super::decoder::{Decoder, Demand, Identity, Sign, place};
use super::leaf::Leaf;
use super::naming::Naming;

pub static UPMIND: Decoder = Decoder {
    shape: "upmind",
    source: "upmind",
    sign: Sign::Has("hook_code"),
    // What was deleted may come without its object; `object_id` is there even so.
    demands: &[Demand::Text("hook_code"), Demand::ObjectIfThere("object")],
    naming: Naming::Code { at: "hook_code" },
    id: Identity::At("webhook_event_id"),
    key: &["object.ticket_id", "object.ticket.id", "object_id"],
    // Without a zone; the vendor's times are UTC.
    time: &["event_datetime"],
    envelope: &[place("actor_id", &["actor_id"], Leaf::AsIs)],
    body: &[
        place("", &[""], Leaf::AsIs),
        place("ticket", &["object.ticket"], Leaf::AsIs),
        place(
            "ticket.id",
            &["object.ticket.id", "object.ticket_id"],
            Leaf::AsIs,
        ),
    ],
};
