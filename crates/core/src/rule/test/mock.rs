//! Lowers the mocked results of steps: a reply, a failure, or one of them for each attempt.

use serde_json::{Map, Value};

use crate::diagnostic::{Code, Diagnostics, Report, Span};
use crate::document::decode::Decode;
use crate::document::{Entry, Node, Yaml};
use crate::flow::simulate::Mock;
use crate::rule::test::section;
use crate::rule::test::vocabulary::REPLY;

/// The highest status of a response.
pub const MAX_STATUS: u64 = 999;

/// The results of the attempts of one step.
#[derive(Debug, Clone)]
pub struct StepMock {
    /// The step's name or path.
    pub step: String,
    /// The location of the name.
    pub at: Span,
    pub results: Vec<Mock>,
}

pub fn lower(node: &Node, diagnostics: &mut Diagnostics) -> Option<Vec<StepMock>> {
    let mocks = section(node, "mock", diagnostics).iter().map(|entry| {
        Some(StepMock {
            step: entry.key.clone(),
            at: entry.key_at,
            results: results(&entry.value, diagnostics)?,
        })
    });
    let mocks: Vec<_> = mocks.collect();
    mocks.into_iter().collect()
}

fn results(node: &Node, diagnostics: &mut Diagnostics) -> Option<Vec<Mock>> {
    match &node.value {
        Yaml::List(items) if !items.is_empty() => {
            let mocks: Vec<_> = items.iter().map(|item| result(item, diagnostics)).collect();
            mocks.into_iter().collect()
        }
        _ => Some(vec![result(node, diagnostics)?]),
    }
}

fn result(node: &Node, diagnostics: &mut Diagnostics) -> Option<Mock> {
    let Yaml::Map(entries) = &node.value else {
        return diagnostics.reject_type(
            node,
            "mock",
            "a reply such as { status: 200, body: { … } }",
        );
    };
    if let [only] = entries.as_slice()
        && only.key == "fails"
    {
        return diagnostics.text(&only.value, "fails").map(Mock::Fails);
    }
    let mut reply = Map::new();
    let mut is_valid = true;
    for entry in entries {
        let Entry { key, value, .. } = entry;
        is_valid &= match key.as_str() {
            "status" => diagnostics
                .whole_number(value, key, 0..=MAX_STATUS)
                .is_some(),
            "headers" if value.as_map().is_none() => {
                diagnostics.wrong_type(value, key, "a mapping");
                false
            }
            "stdout" | "stderr" => diagnostics.text(value, key).is_some(),
            _ => true,
        };
        if REPLY.get(&entry.key).is_none() {
            let message = format!("unknown key `{}` in a reply", entry.key);
            let help =
                "a reply has status, headers, body, stdout, stderr; a failure is { fails: REASON }";
            diagnostics.error(Code::UnknownKey, entry.key_at, message, help);
        }
        reply.insert(entry.key.clone(), entry.value.to_json());
    }
    is_valid.then_some(Mock::Reply(Value::Object(reply)))
}
