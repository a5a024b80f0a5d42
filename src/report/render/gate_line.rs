//! The gates of a run as they were when it was planned, as text and as JSON. Gates after a closed one were not checked.

use std::fmt;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::report::render::escape::plain;
use crate::report::render::gates::counted_json;
use crate::report::render::run::describe_causation;
use crate::report::render::window::gathers;
use crate::report::time_argument::seconds;
use crate::store::history::RunDetail;
use flowtrigger_core::gate::reading::{ClosedGate, GateSubject};
use flowtrigger_core::gate::recorded::RecordedGate;
use flowtrigger_core::gate::text_beside;
use flowtrigger_core::loop_guard::{GATE, stopped};
use flowtrigger_core::run::{RunId, RunState};

/// One gate of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct GateLine {
    gate: String,
    /// The path and its value, for which the gate counts; empty if it counts all events of the rule together.
    value: String,
    /// The same, apart.
    subject: Option<GateSubject>,
    state: GateLineState,
    /// What follows the gate and its value in the text.
    description: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GateLineState {
    Open,
    /// Open, and the run counts at the gate until this time; or no longer.
    Counting(Option<Timestamp>),
    /// Open at the time of the event, until its schedule changes.
    During(Option<Timestamp>),
    Closed(ClosedGate),
}

impl GateLine {
    fn closed(gate: &str, value: &str, why: &str, story: &RunDetail) -> Self {
        Self {
            gate: gate.to_owned(),
            value: value.to_owned(),
            subject: subject(gate, value, story),
            state: GateLineState::Closed(ClosedGate::read(why)),
            description: match gate {
                "during" => plain(&text_beside(value, "closed", why)).into_owned(),
                _ => format!("closed: {}", plain(why)),
            },
        }
    }

    pub fn gate(&self) -> &str {
        &self.gate
    }

    pub fn is_closed(&self) -> bool {
        matches!(self.state, GateLineState::Closed(_))
    }

    /// The run that closed the gate, if it is known.
    pub fn closed_by(&self) -> Option<RunId> {
        match self.state {
            GateLineState::Closed(closed) => closed.by,
            GateLineState::Open | GateLineState::Counting(_) | GateLineState::During(_) => None,
        }
    }

    /// What the gate counts for and how it was, without its name.
    pub fn details(&self) -> String {
        let line = self.to_string();
        line.strip_prefix(&self.gate)
            .unwrap_or(&line)
            .trim()
            .to_owned()
    }

    pub fn json(&self) -> Value {
        let (state, counts, until) = match self.state {
            GateLineState::Open => ("open", None, None),
            GateLineState::Counting(until) => ("open", Some(until.is_some()), until),
            GateLineState::During(until) => ("open", None, until),
            GateLineState::Closed(closed) => ("closed", Some(false), closed.opens),
        };
        let mut gate = json!({
            "gate": self.gate,
            "per": self.subject.as_ref().map(|subject| &subject.per),
            "value": self.subject.as_ref().map(|subject| &subject.value),
            "state": state,
            "until": until.map(|until| until.to_string()),
            "counts": counts,
            "text": self.to_string(),
        });
        if self.gate == "during" {
            gate["during"] = self.value.as_str().into();
        }
        if let GateLineState::Closed(closed) = self.state {
            gate["closed_by"] = json!(closed.by.map(|run| run.0));
            counted_json(&mut gate, &closed);
        }
        gate
    }
}

/// What a gate of a run groups by. The loop guard counts for the key of the event.
fn subject(gate: &str, value: &str, story: &RunDetail) -> Option<GateSubject> {
    match gate {
        GATE => story.row.key.as_ref().map(|key| GateSubject {
            per: "event.key".to_owned(),
            value: key.clone(),
        }),
        "during" => None,
        _ => GateSubject::read(value, &story.row.endpoint),
    }
}

impl fmt::Display for GateLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.gate)?;
        if !self.value.is_empty() {
            write!(f, "  {}", plain(&self.value))?;
        }
        let separator = match self.gate == GATE && self.state == GateLineState::Open {
            // Its description is the cause of the run.
            true => "  open; ",
            false => "  ",
        };
        write!(f, "{separator}{}", self.description)
    }
}

/// The gates that were checked when the run was planned.
pub fn gate_lines(story: &RunDetail) -> Vec<GateLine> {
    let mut lines = Vec::new();
    if let Some(why) = stopped(&story.row.state) {
        return vec![GateLine::closed(GATE, "", why, story)];
    }
    if let Some(causation) = describe_causation(&story.row) {
        lines.push(GateLine {
            gate: GATE.into(),
            value: String::new(),
            subject: subject(GATE, "", story),
            state: GateLineState::Open,
            description: causation,
        });
    }
    for check in &story.asks {
        let gate = check.gate.as_str();
        if let RunState::Suppressed { gate: closed, why } = &story.row.state
            && closed == gate
        {
            let mut line = GateLine::closed(gate, &check.value, why, story);
            if let GateLineState::Closed(closed) = &mut line.state {
                closed.opens = closed.opens.or(check.changes);
            }
            lines.push(line);
            return lines;
        }
        lines.push(match story.generation {
            0 => admitted(check, story),
            _ => unchecked(check, story),
        });
    }
    if let (RunState::Suppressed { gate, why }, true) = (&story.row.state, story.asks.is_empty()) {
        lines.push(GateLine::closed(gate, "", why, story));
    }
    lines
}

/// A gate of a replay.
fn unchecked(check: &RecordedGate, story: &RunDetail) -> GateLine {
    GateLine {
        gate: check.gate.clone(),
        value: check.value.clone(),
        subject: subject(&check.gate, &check.value, story),
        state: GateLineState::Open,
        description: "not checked for a replay".to_owned(),
    }
}

/// A gate that let the run through.
fn admitted(check: &RecordedGate, story: &RunDetail) -> GateLine {
    let gate = check.gate.as_str();
    let mut admissions = story.charges.iter();
    let admission =
        admissions.find(|admission| admission.gate == gate && admission.value == check.value);
    let until = admission.map(|admission| admission.until);
    let (state, description) = match gate {
        "during" => (
            GateLineState::During(check.changes),
            plain(&text_beside(&check.value, "open", &check.details)).into_owned(),
        ),
        "debounce" => (GateLineState::Open, gathers(check, story.window.as_ref())),
        "count" | "sequence" => (GateLineState::Open, format!("open, {}", check.details)),
        _ => {
            let counts = match until {
                Some(until) => format!("counts until {}", seconds(until)),
                None => "no longer counts".to_owned(),
            };
            (
                GateLineState::Counting(until),
                format!("open, {}; {counts}", check.details),
            )
        }
    };
    GateLine {
        gate: gate.to_owned(),
        value: check.value.clone(),
        subject: subject(gate, &check.value, story),
        state,
        description,
    }
}
