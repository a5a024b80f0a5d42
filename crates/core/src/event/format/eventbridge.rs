//! The decoder tables of the EventBridge format: Amazon EventBridge partner events of Zendesk.
//! Values are the same as in the ZIS envelope.

use crate::event::format::decoder::{Decoder, Demand, Identity, Sign, place};
use crate::event::format::transform::Leaf;
use crate::event::format::type_name::Naming;
use crate::event::json::lookup::{At, at};

pub static TICKET: Decoder = Decoder {
    shape: "eventbridge",
    source: "support",
    sign: Sign::Has(At::new("detail.ticket_event")),
    demands: &[
        Demand::Object(At::new("detail.ticket_event")),
        Demand::Text(At::new("detail.ticket_event.type")),
        Demand::Object(At::new("detail.ticket_event.ticket")),
        Demand::Id(At::new("detail.ticket_event.ticket.id")),
    ],
    naming: Naming::Display {
        at: At::new("detail.ticket_event.type"),
        family: "ticket",
    },
    id: Identity::At(At::new("id")),
    key: at!["detail.ticket_event.ticket.id"],
    time: at!["detail.ticket_event.meta.occurred_at", "time"],
    // The partner source is `aws.partner/zendesk.com/ACCOUNT/default`.
    envelope: &[
        place("account_id", at!["source"], Leaf::Part(2)),
        place(
            "actor_id",
            at!["detail.ticket_event.meta.actor_id"],
            Leaf::Id,
        ),
    ],
    body: &[
        place("", at!["detail.ticket_event"], Leaf::AsIs),
        place("ticket.id", at!["detail.ticket_event.ticket.id"], Leaf::Id),
        place(
            "ticket.tags",
            at!["detail.ticket_event.ticket.tags"],
            Leaf::Tags,
        ),
    ],
};

pub static USER: Decoder = Decoder {
    shape: "eventbridge",
    source: "support",
    sign: Sign::Has(At::new("detail.user_event")),
    demands: &[
        Demand::Object(At::new("detail.user_event")),
        Demand::ObjectIfThere(At::new("detail.user_event.user")),
    ],
    naming: Naming::Display {
        at: At::new("detail.user_event.type"),
        family: "user",
    },
    id: Identity::At(At::new("id")),
    key: at!["detail.user_event.user.id"],
    time: at!["detail.user_event.meta.occurred_at", "time"],
    envelope: &[
        place("account_id", at!["source"], Leaf::Part(2)),
        place("actor_id", at!["detail.user_event.meta.actor_id"], Leaf::Id),
    ],
    body: &[place("", at!["detail.user_event"], Leaf::AsIs)],
};

pub static ORGANIZATION: Decoder = Decoder {
    shape: "eventbridge",
    source: "support",
    sign: Sign::Has(At::new("detail.organization_event")),
    demands: &[
        Demand::Object(At::new("detail.organization_event")),
        Demand::ObjectIfThere(At::new("detail.organization_event.organization")),
    ],
    naming: Naming::Display {
        at: At::new("detail.organization_event.type"),
        family: "organization",
    },
    id: Identity::At(At::new("id")),
    key: at!["detail.organization_event.organization.id"],
    time: at!["detail.organization_event.meta.occurred_at", "time"],
    envelope: &[
        place("account_id", at!["source"], Leaf::Part(2)),
        place(
            "actor_id",
            at!["detail.organization_event.meta.actor_id"],
            Leaf::Id,
        ),
    ],
    body: &[place("", at!["detail.organization_event"], Leaf::AsIs)],
};
