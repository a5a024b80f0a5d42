//! Amazon EventBridge partner events of Zendesk, as data.
//! It refuses an event whose `detail` holds no ticket with an id; its values are those of the ZIS envelope.

use super::decoder::{Decoder, Demand, Identity, Sign, place};
use super::leaf::Leaf;
use super::naming::Naming;

pub static TICKET: Decoder = Decoder {
    shape: "eventbridge",
    source: "support",
    sign: Sign::Has("detail.ticket_event"),
    demands: &[
        Demand::Object("detail.ticket_event"),
        Demand::Text("detail.ticket_event.type"),
        Demand::Object("detail.ticket_event.ticket"),
        Demand::Id("detail.ticket_event.ticket.id"),
    ],
    naming: Naming::Display {
        at: "detail.ticket_event.type",
        family: "ticket",
    },
    id: Identity::At("id"),
    key: &["detail.ticket_event.ticket.id"],
    time: &["detail.ticket_event.meta.occurred_at", "time"],
    // The partner source is `aws.partner/zendesk.com/ACCOUNT/default`.
    envelope: &[
        place("account_id", &["source"], Leaf::Part(2)),
        place("actor_id", &["detail.ticket_event.meta.actor_id"], Leaf::Id),
    ],
    body: &[
        place("", &["detail.ticket_event"], Leaf::AsIs),
        place("ticket.id", &["detail.ticket_event.ticket.id"], Leaf::Id),
        place(
            "ticket.tags",
            &["detail.ticket_event.ticket.tags"],
            Leaf::Tags,
        ),
    ],
};

pub static USER: Decoder = Decoder {
    shape: "eventbridge",
    source: "support",
    sign: Sign::Has("detail.user_event"),
    demands: &[
        Demand::Object("detail.user_event"),
        Demand::ObjectIfThere("detail.user_event.user"),
    ],
    naming: Naming::Display {
        at: "detail.user_event.type",
        family: "user",
    },
    id: Identity::At("id"),
    key: &["detail.user_event.user.id"],
    time: &["detail.user_event.meta.occurred_at", "time"],
    envelope: &[
        place("account_id", &["source"], Leaf::Part(2)),
        place("actor_id", &["detail.user_event.meta.actor_id"], Leaf::Id),
    ],
    body: &[place("", &["detail.user_event"], Leaf::AsIs)],
};

pub static ORGANIZATION: Decoder = Decoder {
    shape: "eventbridge",
    source: "support",
    sign: Sign::Has("detail.organization_event"),
    demands: &[
        Demand::Object("detail.organization_event"),
        Demand::ObjectIfThere("detail.organization_event.organization"),
    ],
    naming: Naming::Display {
        at: "detail.organization_event.type",
        family: "organization",
    },
    id: Identity::At("id"),
    key: &["detail.organization_event.organization.id"],
    time: &["detail.organization_event.meta.occurred_at", "time"],
    envelope: &[
        place("account_id", &["source"], Leaf::Part(2)),
        place(
            "actor_id",
            &["detail.organization_event.meta.actor_id"],
            Leaf::Id,
        ),
    ],
    body: &[place("", &["detail.organization_event"], Leaf::AsIs)],
};
