//! Lowers the mocked results of steps: a reply, a failure, or one of them for each attempt.

use serde_json::{Map, Value, json};

use crate::diagnostic::{Code, Diagnostics, Report, Span};
use crate::document::decode::Decode;
use crate::document::{Entry, Node, Yaml};
use crate::flow::limits::MAX_AWAITED_EVENTS;
use crate::flow::simulate::Mock;
use crate::rule::test::section;
use crate::rule::test::vocabulary::{AWAITED, REPLY};

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
    if ["arrives", "answer"]
        .iter()
        .any(|key| node.get(key).is_some())
    {
        return awaited(node, diagnostics);
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

/// Who answers in a test that does not say so.
pub const ANSWERED_BY: &str = "link";

/// What comes for a `wait_for`: `{ arrives: { … }, number: 2 }`, or `{ answer: approve, by: { … } }`.
fn awaited(node: &Node, diagnostics: &mut Diagnostics) -> Option<Mock> {
    diagnostics.entries(node, &AWAITED)?;
    let number = match node.get("number") {
        Some(number) => diagnostics.whole_number(number, "number", 1..=MAX_AWAITED_EVENTS as u64),
        None => Some(1),
    };
    let by = match node.get("by") {
        Some(by) if by.as_map().is_some() => by.to_json(),
        Some(by) => return diagnostics.reject_type(by, "by", "a mapping such as { user: ada }"),
        None => json!({ "via": ANSWERED_BY }),
    };
    match (node.get("arrives"), node.get("answer")) {
        (Some(_), None) if node.get("by").is_some() => {
            let help = "remove it: only an answer is given by somebody";
            diagnostics.reject_value(node.at, "`by` has no effect beside `arrives`", help)
        }
        (Some(event), None) if event.as_map().is_some() => Some(Mock::Arrives {
            number: u32::try_from(number?).expect("the range fits"),
            event: event.to_json(),
        }),
        (Some(event), None) => diagnostics.reject_type(event, "arrives", "the fields of the event"),
        (None, Some(answer)) if node.get("number").is_none() => {
            let answer = diagnostics.text(answer, "answer")?;
            Some(Mock::Answers { answer, by })
        }
        (_, _) => {
            let message = "a step gets an event or an answer";
            let help = "write `{ arrives: { … } }` or `{ answer: approve }`";
            diagnostics.reject_value(node.at, message, help)
        }
    }
}
