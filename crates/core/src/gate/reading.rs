//! Reads back what the texts of gates say: the path and the value that a gate groups by, and why it is closed.
//! Runs store these texts; `mod.rs` and `debounce.rs` beside this file write them.

use jiff::Timestamp;

use crate::run::RunId;

/// What a gate groups events by, with the value of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateSubject {
    /// The path under `per`.
    pub per: String,
    pub value: String,
}

/// Why a gate is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClosedGate {
    /// How many events a count has, or steps a sequence.
    pub have: Option<u32>,
    /// How many it needs.
    pub need: Option<u32>,
    /// When the oldest event of a count leaves its window, or the next step of a sequence must have come.
    pub leaves: Option<Timestamp>,
    /// When it opens again.
    pub opens: Option<Timestamp>,
    /// The earlier run of a dedupe, or the run that collects or replaces the event of a debounce.
    pub by: Option<RunId>,
}

impl GateSubject {
    /// Reads the value of a [`GateCheck`](super::GateCheck) of an event of an endpoint. `None` if the gate counts all events together.
    pub fn read(text: &str, endpoint: &str) -> Option<Self> {
        let text = text.strip_suffix(" in shadow").unwrap_or(text);
        let at = format!(" at {endpoint}");
        let text = text.strip_suffix(&at).unwrap_or(text);
        let end = end_of_path(text).filter(|_| text != "runs")?;
        Some(Self {
            per: text[..end].to_owned(),
            value: text[end + 1..].to_owned(),
        })
    }
}

/// The first space after a path: outside of its brackets and its quotes.
fn end_of_path(text: &str) -> Option<usize> {
    let (mut depth, mut quote) = (0_usize, None);
    for (index, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '[') => depth += 1,
            (None, ']') => depth = depth.saturating_sub(1),
            (None, ' ') if depth == 0 => return Some(index),
            (None, _) => {}
        }
    }
    None
}

impl ClosedGate {
    /// Reads the reason of a suppressed run.
    pub fn read(why: &str) -> Self {
        let after = |mark: &str| {
            let (_, time) = why.rsplit_once(mark)?;
            time.parse().ok()
        };
        let opens = after("; opens again at ").or_else(|| after("; counts again from "));
        let leaves = after("; the oldest leaves at ").or_else(|| after(" until "));
        let counted = leaves.is_some() || why.contains("; waits for ");
        let counted = why
            .strip_prefix("step ")
            .unwrap_or(why)
            .split(' ')
            .take(3)
            .filter(|_| counted);
        let counted: Vec<&str> = counted.collect();
        let (have, need) = match counted.as_slice() {
            [have, "of", need] => (have.parse().ok(), need.trim_end_matches(';').parse().ok()),
            _ => (None, None),
        };
        let starts = ["earlier run ", "joined run ", "replaced by run ", "run "];
        let by = starts.iter().find_map(|start| {
            let rest = why.strip_prefix(start)?;
            let end = rest.find(|c: char| !c.is_ascii_digit());
            rest[..end.unwrap_or(rest.len())].parse().ok()
        });
        Self {
            have,
            need,
            leaves: leaves.filter(|_| have.is_some()),
            opens,
            by: by.map(RunId),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::gate::{
        DebounceCheck, DebounceWindow, GateCheck, GateDecision, GateHistory, GateKind,
    };
    use crate::gate::{DebounceKeep, replaced};
    use crate::schedule::ScheduledDuration;

    #[test]
    fn the_path_and_the_value_are_read_apart() {
        for (text, subject) in [
            ("ticket.id 7", Some(("ticket.id", "7"))),
            (
                "ticket.subject a b at c",
                Some(("ticket.subject", "a b at c")),
            ),
            ("ticket.id 7 at north in shadow", Some(("ticket.id", "7"))),
            (
                r#"$.raw["a b"]['c d'] x"#,
                Some((r#"$.raw["a b"]['c d']"#, "x")),
            ),
            ("runs in shadow", None),
            ("", None),
        ] {
            let found = GateSubject::read(text, "north");
            let expected = subject.map(|(per, value)| GateSubject {
                per: per.into(),
                value: value.into(),
            });
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn what_the_gates_say_is_read_back() {
        let oldest = Timestamp::UNIX_EPOCH;
        let facts = GateHistory {
            runs: 3,
            oldest: Some((RunId(12), oldest)),
        };
        let opens = "1970-01-01T01:00:00Z".parse().ok();
        for (kind, by) in [
            (GateKind::Dedupe, Some(RunId(12))),
            (GateKind::Throttle { limit: 3 }, None),
        ] {
            let check = GateCheck {
                kind,
                window: ScheduledDuration::always(Duration::from_secs(3_600)),
                value: "ticket.subject x; opens again at y".into(),
                time: None,
            };
            let GateDecision::Suppress { why } = check.decide(&facts) else {
                panic!("{:?} is closed", check.kind);
            };
            assert_eq!(
                ClosedGate::read(&why),
                ClosedGate {
                    opens,
                    by,
                    ..ClosedGate::default()
                },
                "{why}"
            );
        }
        let check = GateCheck {
            kind: GateKind::Debounce {
                at_most: None,
                keep: DebounceKeep::First,
            },
            window: ScheduledDuration::always(Duration::from_secs(60)),
            value: "ticket.id 7".into(),
            time: None,
        };
        let debounce = DebounceCheck::from_gate_check(&check).expect("a debounce");
        let window = DebounceWindow {
            run: RunId(5),
            since: oldest,
            until: oldest,
            events: 1,
            bytes: 0,
        };
        for why in [debounce.joined(&window), replaced(RunId(5))] {
            let by = Some(RunId(5));
            assert_eq!(
                ClosedGate::read(&why),
                ClosedGate {
                    by,
                    ..ClosedGate::default()
                },
                "{why}"
            );
        }
        assert_eq!(ClosedGate::read("limit of 2 runs"), ClosedGate::default());
    }
}
