//! Lowers `absent` of the last step of a `sequence` to the first steps of the flow: they wait for the event, and end the
//! run as skipped if it comes.

use crate::compile::compiler::Compiler;
use crate::compile::gates::check_entries;
use crate::diagnostic::{Code, Report};
use crate::document::{Entry, Node, Yaml};
use crate::gate::vocabulary::{ABSENT, SEQUENCE_STEP};

/// The name of the step that waits.
const NAME: &str = "absent";
/// The name of the guard that ends the run if the event comes.
const GUARD: &str = "absence";

/// The steps that wait for the absence. None if the last step has none, or has a mistake.
pub fn absence(sequence: &Node) -> Option<Vec<Node>> {
    let last = sequence.get("steps")?.as_list()?.last()?;
    let (absent, time) = (last.get("absent")?, last.get("for")?);
    let event = absent.as_map()?;
    let mut wait: Vec<Entry> = event.to_vec();
    wait.push(entry("same", sequence.get("per")?.clone()));
    wait.push(entry("within", time.clone()));
    let text = |text: &str| Node {
        value: Yaml::Text(text.to_owned()),
        at: absent.at,
    };
    let expired = Node {
        value: Yaml::Bool(true),
        at: absent.at,
    };
    let map = |entries: Vec<Entry>| Node {
        value: Yaml::Map(entries),
        at: absent.at,
    };
    let condition = map(vec![entry(&format!("steps.{NAME}.expired"), expired)]);
    Some(vec![
        map(vec![
            entry("name", text(NAME)),
            entry("wait_for", map(wait)),
        ]),
        map(vec![entry("name", text(GUARD)), entry("when", condition)]),
    ])
}

fn entry(key: &str, value: Node) -> Entry {
    Entry {
        key: key.to_owned(),
        key_at: value.at,
        value,
    }
}

/// Checks a step with `absent`, which can only be the last one.
pub fn check_absent(item: &Node, sequence: &Node, is_last: IsLast, cx: &mut Compiler<'_>) {
    let Some(absent) = item.get("absent") else {
        return;
    };
    if is_last == IsLast::No {
        let message = "`absent` is only possible in the last step of a sequence";
        let help = "move it to the end; what must not come between two events can be tested by the steps of the flow";
        cx.invalid(absent.at, message, help);
    }
    for key in ["event_type", "when"] {
        if let Some(other) = item.get(key) {
            let message = format!("`{key}` beside `absent`");
            let help = format!("write it inside: `absent: {{ {key}: … }}`");
            cx.invalid(other.at, message, &help);
        }
    }
    if check_entries(absent, &ABSENT, cx.diagnostics()).is_some()
        && absent.get("event_type").is_none()
    {
        let help = "add the type of the event that must not come, such as `event_type: ticket.CommentAdded`";
        cx.error(
            Code::MissingKey,
            absent.at,
            "`absent` has no `event_type`",
            help,
        );
    }
    if item.get("for").is_none() {
        let message = format!("{} has `absent` and no `for`", SEQUENCE_STEP.name);
        let help = "add how long the event must not come, such as `for: 4h`";
        cx.error(Code::MissingKey, item.at, message, help);
    }
    if sequence.get("per").is_none() {
        let message = "`absent` in a sequence without `per`";
        let help = "add the field that the events have in common, such as `per: ticket.id`";
        cx.error(Code::MissingKey, absent.at, message, help);
    }
}

/// Whether a step is the last of its sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IsLast {
    Yes,
    No,
}
