//! The decoder tables of the ZIS envelope format, the input of ZIS flows.

use crate::event::format::decoder::{Decoder, Demand, Identity, Place, Sign, place};
use crate::event::format::transform::Leaf;
use crate::event::format::type_name::Naming;
use crate::event::json::lookup::{At, at};

const ENVELOPE: &[Place] = &[
    place("account_id", at!["account_id"], Leaf::Id),
    place("subdomain", at!["subdomain"], Leaf::AsIs),
    place("integration_key", at!["integration_key"], Leaf::AsIs),
];

pub static TICKET: Decoder = Decoder {
    shape: "zis",
    source: "support",
    sign: Sign::Has(At::new("input.ticket_event")),
    demands: &[
        Demand::Object(At::new("input.ticket_event")),
        Demand::Text(At::new("input.ticket_event.type")),
        Demand::Object(At::new("input.ticket_event.ticket")),
        Demand::Id(At::new("input.ticket_event.ticket.id")),
    ],
    naming: Naming::Display {
        at: At::new("input.ticket_event.type"),
        family: "ticket",
    },
    id: Identity::Sequence {
        of: At::new("input.ticket_event"),
    },
    key: at!["input.ticket_event.ticket.id"],
    time: at!["input.ticket_event.meta.occurred_at"],
    envelope: ENVELOPE,
    body: &[
        place("", at!["input.ticket_event"], Leaf::AsIs),
        place("ticket.id", at!["input.ticket_event.ticket.id"], Leaf::Id),
        place(
            "ticket.tags",
            at!["input.ticket_event.ticket.tags"],
            Leaf::Tags,
        ),
    ],
};

pub static USER: Decoder = Decoder {
    shape: "zis",
    source: "support",
    sign: Sign::Has(At::new("input.user_event")),
    demands: &[
        Demand::Object(At::new("input.user_event")),
        Demand::ObjectIfThere(At::new("input.user_event.user")),
    ],
    naming: Naming::Display {
        at: At::new("input.user_event.type"),
        family: "user",
    },
    id: Identity::Sequence {
        of: At::new("input.user_event"),
    },
    key: at!["input.user_event.user.id"],
    time: at!["input.user_event.meta.occurred_at"],
    envelope: ENVELOPE,
    body: &[place("", at!["input.user_event"], Leaf::AsIs)],
};

pub static ORGANIZATION: Decoder = Decoder {
    shape: "zis",
    source: "support",
    sign: Sign::Has(At::new("input.organization_event")),
    demands: &[
        Demand::Object(At::new("input.organization_event")),
        Demand::ObjectIfThere(At::new("input.organization_event.organization")),
    ],
    naming: Naming::Display {
        at: At::new("input.organization_event.type"),
        family: "organization",
    },
    id: Identity::Sequence {
        of: At::new("input.organization_event"),
    },
    key: at!["input.organization_event.organization.id"],
    time: at!["input.organization_event.meta.occurred_at"],
    envelope: ENVELOPE,
    body: &[place("", at!["input.organization_event"], Leaf::AsIs)],
};

pub static CUSTOM_OBJECT: Decoder = Decoder {
    shape: "zis",
    source: "support",
    sign: Sign::Has(At::new("input.custom_object_event")),
    demands: &[
        Demand::Object(At::new("input.custom_object_event")),
        Demand::ObjectIfThere(At::new("input.custom_object_event.custom_object_record")),
    ],
    naming: Naming::Display {
        at: At::new("input.custom_object_event.type"),
        family: "customobject",
    },
    id: Identity::Sequence {
        of: At::new("input.custom_object_event"),
    },
    key: at![
        "input.custom_object_event.custom_object_record.id",
        "input.custom_object_event.object_id",
    ],
    time: at!["input.custom_object_event.meta.occurred_at"],
    envelope: ENVELOPE,
    body: &[place("", at!["input.custom_object_event"], Leaf::AsIs)],
};
