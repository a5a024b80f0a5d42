//! Describes the state of a rule's gates for one event. The history of earlier runs comes from the caller.

use jiff::Timestamp;

use crate::event::Event;
use crate::gate::debounce::{DebounceAction, DebounceCheck, DebounceWindow};
use crate::gate::reading::GateSubject;
use crate::gate::{Gate, GateCheck, GateDecision, GateKind, describe_during, text_beside};
use crate::rule::Rule;

/// One gate of a rule that matched.
#[derive(Debug, Clone, PartialEq)]
pub struct GateStatus<'r> {
    pub gate: &'r Gate,
    /// The path and its value in this event; empty if the gate counts all events of the rule together.
    pub value: String,
    /// The same, apart.
    pub subject: Option<GateSubject>,
    pub state: GateState,
    /// The state of its schedule, and when it changes, at the time of the event.
    pub schedule: Option<ScheduleStatus>,
}

/// The schedule of a `during` gate at the time of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleStatus {
    /// `office closed: Mon 20:14 Europe/Berlin, opens Tue 09:00`.
    pub text: String,
    /// When it opens or closes next.
    pub changes: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GateState {
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
/// a check without an answer was not consulted. A schedule depends on no run, and is not among the checks.
pub fn gate_status<'r>(
    rule: &'r Rule,
    event: &Event,
    received: Timestamp,
    consult: impl FnOnce(&[GateCheck]) -> Vec<GateState>,
) -> Vec<GateStatus<'r>> {
    let mut asks = rule.asks_of(event);
    asks.retain(|ask| ask.decide_during(received).is_none());
    let mut states = consult(&asks).into_iter();
    let mut view = |gate: &'r Gate| match rule.ask_of(gate, event) {
        Some(ask) => GateStatus {
            gate,
            state: match ask.decide_during(received) {
                Some(decision) => decision.into(),
                None => states.next().unwrap_or(GateState::NotConsulted),
            },
            schedule: schedule(&ask, received),
            subject: match ask.kind {
                GateKind::During(_) => None,
                GateKind::Dedupe
                | GateKind::Debounce { .. }
                | GateKind::Throttle { .. }
                | GateKind::Series(_) => GateSubject::read(&ask.value, &event.endpoint),
            },
            value: ask.value,
        },
        None => GateStatus {
            gate,
            value: String::new(),
            subject: None,
            schedule: None,
            state: GateState::NeverSuppresses {
                lacking: gate.per.as_ref().map_or("", |per| &per.text).to_owned(),
            },
        },
    };
    rule.gates.iter().map(&mut view).collect()
}

fn schedule(ask: &GateCheck, received: Timestamp) -> Option<ScheduleStatus> {
    let (during, at) = ask.during(received)?;
    Some(ScheduleStatus {
        text: describe_during(during, at),
        changes: during.schedule.next_change(at),
    })
}

impl GateStatus<'_> {
    /// The state and its reason, as text.
    pub fn describe(&self) -> String {
        match &self.schedule {
            Some(schedule) => text_beside(&self.value, self.state.as_str(), &schedule.text),
            None => self.state.describe(),
        }
    }
}

impl From<GateDecision> for GateState {
    fn from(opening: GateDecision) -> Self {
        match opening {
            GateDecision::Admit => GateState::Open,
            GateDecision::Suppress { why } => GateState::Closed { why },
        }
    }
}

impl GateState {
    /// The state of a debounce for an event received now.
    pub fn of_debounce(
        debounce: &DebounceCheck<'_>,
        open: Option<&DebounceWindow>,
        now: Timestamp,
    ) -> Self {
        match (debounce.turn(open), open) {
            (DebounceAction::Join(_), Some(open)) => GateState::Closed {
                why: debounce.joined(open),
            },
            (DebounceAction::Open | DebounceAction::Replace(_) | DebounceAction::Join(_), _) => {
                GateState::Gathers {
                    outlook: debounce.outlook(open, now),
                }
            }
        }
    }

    /// The state as JSON has it.
    pub fn as_str(&self) -> &'static str {
        match self {
            GateState::NeverSuppresses { .. } => "never suppresses",
            GateState::NotConsulted => "not consulted",
            GateState::Open => "open",
            GateState::Gathers { .. } => "gathers",
            GateState::Closed { .. } => "closed",
        }
    }

    /// The state and its reason, as text.
    pub fn describe(&self) -> String {
        match self {
            GateState::NeverSuppresses { lacking } => {
                format!("never suppresses: this event has no `{lacking}`")
            }
            GateState::NotConsulted => "not consulted: depends on earlier runs".into(),
            GateState::Open => "open".into(),
            GateState::Gathers { outlook } => format!("gathers: {outlook}"),
            GateState::Closed { why } => format!("closed: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::catalogue::Catalogue;
    use crate::event::catalogue::sample::sample;
    use crate::event::format::decode;
    use crate::event::json::parse::parse;
    use crate::matching::rule_set::RuleSet;

    #[test]
    fn a_gate_is_consulted_where_the_event_has_its_value() {
        let set = RuleSet::of_text(
            "name: r\nevent_source: support\nevent_type: ticket.PriorityChanged\n\
             dedupe: { per: $.raw.nowhere, for: 1h }\nthrottle: { limit: 3, in: 1h }\nflow: [{ succeed: fine }]\n",
        );
        let sample = sample("support", "ticket.PriorityChanged").expect("a sample");
        let value = parse(sample.text.as_bytes()).expect("JSON").value;
        let event = decode(value, Catalogue::built_in()).expect("an event");
        let views = gate_status(&set.rules[0], &event, Timestamp::UNIX_EPOCH, |asks| {
            let kinds: Vec<&str> = asks.iter().map(|ask| ask.kind.as_str()).collect();
            assert_eq!(kinds, ["throttle"]);
            vec![GateDecision::Suppress { why: "full".into() }.into()]
        });
        let words: Vec<String> = views.iter().map(|view| view.state.describe()).collect();
        assert_eq!(
            words,
            [
                "never suppresses: this event has no `$.raw.nowhere`",
                "closed: full"
            ]
        );
        let without = gate_status(&set.rules[0], &event, Timestamp::UNIX_EPOCH, |_| Vec::new());
        assert_eq!(without[1].state, GateState::NotConsulted);
    }
}
