//! The gates of a rule as they stand for one event, for people to read.
//! It keeps no state and asks none: whoever has the state says what it knows.

use jiff::Timestamp;

use crate::core::event::Event;
use crate::core::gate::{Ask, Debounce, Gate, Gathering, Opening, Turn};
use crate::core::rule::jobspec::Rule;

/// One gate of a rule that matched.
#[derive(Debug, Clone, PartialEq)]
pub struct GateView<'r> {
    pub gate: &'r Gate,
    /// The path and its value in this event; empty where all events of the rule count together.
    pub value: String,
    pub standing: Standing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It tells events apart by something that this event does not have.
    NeverSuppresses {
        lacking: String,
    },
    /// What ran before decides, and that was not looked up.
    NotConsulted,
    Open,
    /// The run passes and starts later, with what comes until then.
    Gathers {
        outlook: String,
    },
    Closed {
        why: String,
    },
}

/// The gates in the order in which they are asked. `consult` answers what the state says of what they
/// are asked, one for one; what it does not answer was not consulted.
pub fn view<'r>(
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
    /// What a debounce says to an event that comes now.
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

    /// As scripts read it.
    pub fn word(&self) -> &'static str {
        match self {
            Standing::NeverSuppresses { .. } => "never suppresses",
            Standing::NotConsulted => "not consulted",
            Standing::Open => "open",
            Standing::Gathers { .. } => "gathers",
            Standing::Closed { .. } => "closed",
        }
    }

    /// The word, and why.
    pub fn words(&self) -> String {
        match self {
            Standing::NeverSuppresses { lacking } => {
                format!("never suppresses: `{lacking}` is not in this event")
            }
            Standing::NotConsulted => "not consulted: what ran before decides".into(),
            Standing::Open => "open".into(),
            Standing::Gathers { outlook } => format!("gathers: {outlook}"),
            Standing::Closed { why } => format!("closed: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::event::catalogue::Catalogue;
    use crate::core::event::sample::sample;
    use crate::core::event::{decode::decode, json::accept};
    use crate::core::matching::ruleset::RuleSet;

    #[test]
    fn a_gate_is_consulted_where_the_event_has_its_value() {
        let set = RuleSet::of_text(
            "name: r\nevent_source: support\nevent_type: ticket.PriorityChanged\n\
             dedupe: { per: $.raw.nowhere, for: 1h }\nthrottle: { limit: 3, in: 1h }\nflow: [{ succeed: fine }]\n",
        );
        let sample = sample("support", "ticket.PriorityChanged").expect("a sample");
        let value = accept(sample.text.as_bytes()).expect("JSON").value;
        let event = decode(value, Catalogue::built_in()).expect("an event");
        let views = view(&set.rules[0], &event, |asks| {
            let asked: Vec<&str> = asks.iter().map(|ask| ask.kind.word()).collect();
            assert_eq!(asked, ["throttle"]);
            vec![Opening::Closed { why: "full".into() }.into()]
        });
        let words: Vec<String> = views.iter().map(|view| view.standing.words()).collect();
        assert_eq!(
            words,
            [
                "never suppresses: `$.raw.nowhere` is not in this event",
                "closed: full"
            ]
        );
        let without = view(&set.rules[0], &event, |_| Vec::new());
        assert_eq!(without[1].standing, Standing::NotConsulted);
    }
}
