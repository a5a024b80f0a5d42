//! Random events as parts: some of the fields that the random rules test, each with any value.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::values::value;

/// The normalised parts of an event: body, envelope and body as received.
#[derive(Debug, Clone)]
pub struct Parts {
    pub body: Value,
    pub envelope: Value,
    pub raw: Value,
    pub time: Option<&'static str>,
}

pub fn parts() -> impl Strategy<Value = Parts> {
    let time = select(
        [
            Some("2026-03-08T12:00:00Z"),
            Some("2026-03-01T10:00:00Z"),
            None,
        ]
        .as_slice(),
    );
    (body(), value(), body(), time).prop_map(|(body, account, raw, time)| Parts {
        body,
        envelope: json!({ "account_id": account }),
        raw,
        time,
    })
}

/// A body with some of the fields, each of any value.
pub fn body() -> impl Strategy<Value = Value> {
    let fields = vec(proptest::option::weighted(0.8, value()), 16);
    fields.prop_map(|values| {
        let mut body = json!({});
        let pointers = [
            "/f/a",
            "/f/b",
            "/f/c",
            "/f/list",
            "/f/o",
            "/f/list",
            "/x",
            "/current",
            "/previous",
            "/ticket/priority",
            "/ticket/status",
            "/ticket/tags",
            "/ticket/id",
            "/ticket/subject",
            "/ticket/created_at",
            "/ticket/brand_id",
        ];
        for (pointer, value) in pointers.iter().zip(values) {
            if let Some(value) = value {
                put(&mut body, pointer, value);
            }
        }
        body
    })
}

fn put(body: &mut Value, pointer: &str, value: Value) {
    let mut here = body;
    for key in pointer.trim_start_matches('/').split('/') {
        here = &mut here[key];
    }
    *here = value;
}
