//! Describes the state of a rule's gates for one event. The history of earlier runs comes from the caller.

use jiff::Timestamp;

use crate::event::Event;
use crate::gate::{Ask, Gate, Opening};
use crate::gate::debounce::{Debounce, Gathering, Turn};
use crate::rule::Rule;

/// One gate of a rule that matched.
#[derive(Debug, Clone, PartialEq)]
pub struct GateView<'r> {
    pub gate: &'r Gate,
    /// The path and its value in this event; empty if the gate counts all events of the rule together.
    pub value: String,
    pub standing: Standing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The event has no value at the gate's `per` path.
    NeverSuppresses {
        lacking: String,
    },
    /// It depends on earlier runs, which were not looked up.
    NotConsulted,
    Open,
    /// The run is admitted and starts later, with the events received until then.
    Gathers {
        outlook: String,
    },
    Closed {
        why: String,
    },
}

/// The gates in the order in which they are checked. `consult` returns the state of each check, in order;
/// a check without an answer was not consulted.
pub fn gate_status<'r>(
    rule: &'r Rule,
    event: &Event,
    consult: impl FnOnce(&[Ask]) -> Vec<Standing>,
) -> Vec<GateView<'r>> {
    let mut standings = consult(&rule.asks_of(event)).into_iter();
    let mut view = |gate: &'r Gate| match rule.ask_of(gate, event) {
        Some(ask) => GateView {
            gate,
            standing: standings.next().unwrap_or(Standing::NotConsulted),
            value: ask.value,
        },
        None => GateView {
            gate,
            value: String::new(),
            standing: Standing::NeverSuppresses {
                lacking: gate.per.as_ref().map_or("", |per| &per.text).to_owned(),
            },
        },
    };
    rule.gates.iter().map(&mut view).collect()
}

impl From<Opening> for Standing {
    fn from(opening: Opening) -> Self {
        match opening {
            Opening::Open => Standing::Open,
            Opening::Closed { why } => Standing::Closed { why },
        }
    }
}

impl Standing {
    /// The state of a debounce for an event received now.
    pub fn of_debounce(debounce: &Debounce<'_>, open: Option<&Gathering>, now: Timestamp) -> Self {
        match (debounce.turn(open), open) {
            (Turn::Joins(_), Some(open)) => Standing::Closed {
                why: debounce.joined(open),
            },
            (Turn::Opens | Turn::Replaces(_) | Turn::Joins(_), _) => Standing::Gathers {
                outlook: debounce.outlook(open, now),
            },
        }
    }

    /// The state as JSON has it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Standing::NeverSuppresses { .. } => "never suppresses",
            Standing::NotConsulted => "not consulted",
            Standing::Open => "open",
            Standing::Gathers { .. } => "gathers",
            Standing::Closed { .. } => "closed",
        }
    }

    /// The state and its reason, as text.
    pub fn describe(&self) -> String {
        match self {
            Standing::NeverSuppresses { lacking } => {
                format!("never suppresses: this event has no `{lacking}`")
            }
            Standing::NotConsulted => "not consulted: depends on earlier runs".into(),
            Standing::Open => "open".into(),
            Standing::Gathers { outlook } => format!("gathers: {outlook}"),
            Standing::Closed { why } => format!("closed: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::catalogue::Catalogue;
    use crate::event::catalogue::sample::sample;
    use crate::event::format::decode;
use crate::event::json::parse::accept;
    use crate::matching::rule_set::RuleSet;

    #[test]
    fn a_gate_is_consulted_where_the_event_has_its_value() {
        let set = RuleSet::of_text(
            "name: r\nevent_source: support\nevent_type: ticket.PriorityChanged\n\
             dedupe: { per: $.raw.nowhere, for: 1h }\nthrottle: { limit: 3, in: 1h }\nflow: [{ succeed: fine }]\n",
        );
        let sample = sample("support", "ticket.PriorityChanged").expect("a sample");
        let value = accept(sample.text.as_bytes()).expect("JSON").value;
        let event = decode(value, Catalogue::built_in()).expect("an event");
        let views = gate_status(&set.rules[0], &event, |asks| {
            let asked: Vec<&str> = asks.iter().map(|ask| ask.kind.word()).collect();
            assert_eq!(asked, ["throttle"]);
            vec![Opening::Closed { why: "full".into() }.into()]
        });
        let words: Vec<String> = views.iter().map(|view| view.standing.describe()).collect();
        assert_eq!(
            words,
            [
                "never suppresses: this event has no `$.raw.nowhere`",
                "closed: full"
            ]
        );
        let without = gate_status(&set.rules[0], &event, |_| Vec::new());
        assert_eq!(without[1].standing, Standing::NotConsulted);
    }
}
