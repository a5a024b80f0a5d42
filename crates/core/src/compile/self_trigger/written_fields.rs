//! Reads which object of a help desk a request writes, and where its body has the object's fields.

use crate::event::catalogue::write_effects::TargetObject;
use crate::flow::call::{BodyTemplate, HttpTemplate};
use crate::language::template::json::JsonTemplate;

/// The fields that a request writes.
pub struct FieldWrites<'h> {
    /// `ticket`, `user` or `organization`.
    pub object: &'static str,
    pub target: TargetObject,
    body: &'h JsonTemplate,
    /// The field of the object that the body contains, as `write_effects.json` calls it.
    field: &'static str,
    /// The keys of that field in the body.
    keys: Vec<&'static str>,
}

/// A kind of object: its key in a body, its collection in a URL, and the paths of its id in events.
struct ObjectKind {
    name: &'static str,
    collection: &'static str,
    ids: &'static [&'static str],
    /// The names of the fields that `…/ID/tags` sets, adds and removes.
    tags: [&'static str; 3],
}

const OBJECTS: [ObjectKind; 3] = [
    ObjectKind {
        name: "ticket",
        collection: "tickets",
        ids: &["ticket.id", "event.key"],
        tags: [
            "ticket.tags",
            "ticket.additional_tags",
            "ticket.remove_tags",
        ],
    },
    ObjectKind {
        name: "user",
        collection: "users",
        ids: &["user.id"],
        tags: ["user.tags", "user.additional_tags", "user.remove_tags"],
    },
    ObjectKind {
        name: "organization",
        collection: "organizations",
        ids: &["organization.id"],
        tags: [
            "organization.tags",
            "organization.additional_tags",
            "organization.remove_tags",
        ],
    },
];

impl<'h> FieldWrites<'h> {
    /// Returns the template of a field, named as in `write_effects.json`.
    pub fn field(&self, name: &str) -> Option<&'h JsonTemplate> {
        let below = name.strip_prefix(self.field)?;
        let below = match below.strip_prefix('.') {
            Some(below) => below.split('.').collect(),
            None if below.is_empty() => Vec::new(),
            None => return None,
        };
        let keys: Vec<&str> = self.keys.iter().copied().chain(below).collect();
        self.body.at(&keys)
    }
}

/// Returns what a request to a help desk writes; empty if it writes no known object.
pub fn of(http: &HttpTemplate) -> Vec<FieldWrites<'_>> {
    let Some(BodyTemplate::Json(body)) = &http.body else {
        return Vec::new();
    };
    let address = http.url.source();
    let found = OBJECTS.iter().flat_map(|kind| {
        let own = kind.ids.iter().any(|id| address.contains(id));
        match own {
            true => own_object(kind, http, address, body),
            false => {
                let mut written = items(kind, http, address, body);
                written.extend(new_ticket(kind, http, address, body));
                written
            }
        }
    });
    found.collect()
}

/// What a request writes whose address has the id of the event's object.
fn own_object<'h>(
    kind: &ObjectKind,
    http: &HttpTemplate,
    address: &str,
    body: &'h JsonTemplate,
) -> Vec<FieldWrites<'h>> {
    let [set, add, remove] = kind.tags;
    let (field, keys) = match (http.method, is_of(address, "tags")) {
        ("POST", true) => (set, vec!["tags"]),
        ("PUT" | "PATCH", true) => (add, vec!["tags"]),
        ("DELETE", true) => (remove, vec!["tags"]),
        ("PUT" | "POST" | "PATCH", false) => (kind.name, vec![root(kind, body)]),
        (_, _) => return Vec::new(),
    };
    vec![FieldWrites {
        object: kind.name,
        target: TargetObject::Own,
        body,
        field,
        keys,
    }]
}

/// What `update_many` writes with a list of objects: those items with the id of the event's object.
fn items<'h>(
    kind: &ObjectKind,
    http: &HttpTemplate,
    address: &str,
    body: &'h JsonTemplate,
) -> Vec<FieldWrites<'h>> {
    if !matches!(http.method, "PUT" | "POST") || !address.contains("update_many") {
        return Vec::new();
    }
    let of_own = |item: &&JsonTemplate| match item.at(&["id"]) {
        Some(JsonTemplate::Field(path)) => kind.ids.contains(&path.text.as_str()),
        Some(
            JsonTemplate::Value(_)
            | JsonTemplate::Typed(_)
            | JsonTemplate::Text(_)
            | JsonTemplate::List(_)
            | JsonTemplate::Map(_),
        )
        | None => false,
    };
    let Some(JsonTemplate::List(items)) = body.at(&[kind.collection]) else {
        return Vec::new();
    };
    let own = items.iter().filter(of_own);
    own.map(|item| FieldWrites {
        object: kind.name,
        target: TargetObject::Own,
        body: item,
        field: kind.name,
        keys: Vec::new(),
    })
    .collect()
}

/// What a request writes that creates a ticket.
fn new_ticket<'h>(
    kind: &ObjectKind,
    http: &HttpTemplate,
    address: &str,
    body: &'h JsonTemplate,
) -> Option<FieldWrites<'h>> {
    if http.method != "POST" || kind.name != "ticket" {
        return None;
    }
    if !is_of(address, "tickets") && !is_of(address, "requests") {
        return None;
    }
    Some(FieldWrites {
        object: kind.name,
        target: TargetObject::New,
        body,
        field: kind.name,
        keys: vec![root(kind, body)],
    })
}

/// The key of the object in a body. A request is the ticket as its requester sees it.
fn root(kind: &ObjectKind, body: &JsonTemplate) -> &'static str {
    match kind.name == "ticket" && body.at(&["request"]).is_some() {
        true => "request",
        false => kind.name,
    }
}

/// Whether an address ends with this collection.
fn is_of(address: &str, collection: &str) -> bool {
    let path = address.split(['?', '#']).next().unwrap_or(address);
    let path = path.strip_suffix(".json").unwrap_or(path);
    path.rsplit('/').next() == Some(collection)
}
