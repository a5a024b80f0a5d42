//! The ZIS envelope, as data: what a ZIS flow gets as its input.
//! It refuses an envelope whose ticket is not an object with an id; its values are taken as they are.

use super::decoder::{Decoder, Demand, Identity, Place, Sign, place};
use super::leaf::Leaf;
use super::naming::Naming;

const ENVELOPE: &[Place] = &[
    place("account_id", &["account_id"], Leaf::Id),
    place("subdomain", &["subdomain"], Leaf::AsIs),
    place("integration_key", &["integration_key"], Leaf::AsIs),
];

pub static TICKET: Decoder = Decoder {
    shape: "zis",
    source: "support",
    sign: Sign::Has("input.ticket_event"),
    demands: &[
        Demand::Object("input.ticket_event"),
        Demand::Text("input.ticket_event.type"),
        Demand::Object("input.ticket_event.ticket"),
        Demand::Id("input.ticket_event.ticket.id"),
    ],
    naming: Naming::Display {
        at: "input.ticket_event.type",
        family: "ticket",
    },
    id: Identity::Sequence {
        of: "input.ticket_event",
    },
    key: &["input.ticket_event.ticket.id"],
    time: &["input.ticket_event.meta.occurred_at"],
    envelope: ENVELOPE,
    body: &[
        place("", &["input.ticket_event"], Leaf::AsIs),
        place("ticket.id", &["input.ticket_event.ticket.id"], Leaf::Id),
        place(
            "ticket.tags",
            &["input.ticket_event.ticket.tags"],
            Leaf::Tags,
        ),
    ],
};

pub static USER: Decoder = Decoder {
    shape: "zis",
    source: "support",
    sign: Sign::Has("input.user_event"),
    demands: &[
        Demand::Object("input.user_event"),
        Demand::ObjectIfThere("input.user_event.user"),
    ],
    naming: Naming::Display {
        at: "input.user_event.type",
        family: "user",
    },
    id: Identity::Sequence {
        of: "input.user_event",
    },
    key: &["input.user_event.user.id"],
    time: &["input.user_event.meta.occurred_at"],
    envelope: ENVELOPE,
    body: &[place("", &["input.user_event"], Leaf::AsIs)],
};

pub static ORGANIZATION: Decoder = Decoder {
    shape: "zis",
    source: "support",
    sign: Sign::Has("input.organization_event"),
    demands: &[
        Demand::Object("input.organization_event"),
        Demand::ObjectIfThere("input.organization_event.organization"),
    ],
    naming: Naming::Display {
        at: "input.organization_event.type",
        family: "organization",
    },
    id: Identity::Sequence {
        of: "input.organization_event",
    },
    key: &["input.organization_event.organization.id"],
    time: &["input.organization_event.meta.occurred_at"],
    envelope: ENVELOPE,
    body: &[place("", &["input.organization_event"], Leaf::AsIs)],
};

pub static CUSTOM_OBJECT: Decoder = Decoder {
    shape: "zis",
    source: "support",
    sign: Sign::Has("input.custom_object_event"),
    demands: &[
        Demand::Object("input.custom_object_event"),
        Demand::ObjectIfThere("input.custom_object_event.custom_object_record"),
    ],
    naming: Naming::Display {
        at: "input.custom_object_event.type",
        family: "customobject",
    },
    id: Identity::Sequence {
        of: "input.custom_object_event",
    },
    key: &[
        "input.custom_object_event.custom_object_record.id",
        "input.custom_object_event.object_id",
    ],
    time: &["input.custom_object_event.meta.occurred_at"],
    envelope: ENVELOPE,
    body: &[place("", &["input.custom_object_event"], Leaf::AsIs)],
};
