//! Formats the gates of a matching rule as text and as JSON, each with its value for the event.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::report::output::Output;
use crate::report::render::color::{Paint, Tone};
use crate::report::render::escape::plain;
use flowtrigger_core::gate::reading::ClosedGate;
use flowtrigger_core::gate::series::SeriesKind;
use flowtrigger_core::gate::{DebounceKeep, Gate, GateKind, describe_time};
use flowtrigger_core::loop_guard::GATE;
use flowtrigger_core::loop_guard::origin::ActorOrigin;
use flowtrigger_core::matching::gate_status::{GateState, GateStatus};
use flowtrigger_core::matching::loop_guard_status::LoopGuardStatus;

pub fn text(
    out: &mut Output,
    loops: Option<&LoopGuardStatus>,
    views: &[GateStatus<'_>],
) -> io::Result<()> {
    let mut lines = texts(loops, views).into_iter();
    lines.try_for_each(|gate| line(out, &gate))
}

fn line(out: &mut Output, gate: &GateText<'_>) -> io::Result<()> {
    let paint = Paint::new(out);
    let tone = match gate.state {
        GateState::Closed { .. } => Tone::Red,
        GateState::Open | GateState::Gathers { .. } => Tone::Green,
        GateState::NotConsulted | GateState::NeverSuppresses { .. } => Tone::Dim,
    };
    let (name, words) = (
        paint.tone(Tone::Bold, gate.gate),
        paint.tone(tone, &gate.words),
    );
    writeln!(out, "  {name}  {}  {words}", plain(&gate.lets_through))
}

/// What the gate lets through: `1 run for ticket.id 7 in 24h`.
fn rule(view: &GateStatus<'_>) -> String {
    let runs = match &view.gate.kind {
        GateKind::During(during) => return during.text(),
        GateKind::Dedupe | GateKind::Throttle { limit: 1 } => "1 run".to_owned(),
        GateKind::Debounce { keep, .. } => match keep {
            DebounceKeep::First => "the first event".to_owned(),
            DebounceKeep::Last => "the last event".to_owned(),
            DebounceKeep::All => "all events".to_owned(),
        },
        GateKind::Throttle { limit } => format!("{limit} runs"),
        GateKind::Series(gate) => match gate.kind {
            SeriesKind::Count(_) => match &gate.distinct {
                Some(distinct) => format!("1 run at {} {}", gate.needs(), distinct.text),
                None => format!("1 run at {} events", gate.needs()),
            },
            SeriesKind::Sequence(_) => format!("1 run after {}", gate.steps.join(", ")),
        },
    };
    let about = match (view.value.as_str(), &view.gate.per) {
        ("", None) => String::new(),
        ("", Some(per)) => format!(" for each {}", per.text),
        (value, _) => format!(" for {value}"),
    };
    let window = describe_time(&view.gate.window);
    match &view.gate.kind {
        GateKind::Series(_) => format!("{runs}{about} within {window}"),
        GateKind::During(_) | GateKind::Dedupe | GateKind::Throttle { .. } => {
            format!("{runs}{about} in {window}")
        }
        GateKind::Debounce { at_most, .. } => {
            let at_most = at_most.as_ref();
            let at_most = at_most.map(|at_most| format!(", at most {}", describe_time(at_most)));
            format!(
                "{runs}{about}, quiet {window}{}",
                at_most.unwrap_or_default()
            )
        }
    }
}

/// A gate as people read it.
pub struct GateText<'g> {
    pub gate: &'static str,
    /// What it lets through.
    pub lets_through: String,
    pub state: &'g GateState,
    /// What its state means for the event.
    pub words: String,
}

/// The first gate that keeps a matching rule from acting.
pub fn closed_gate(
    loops: Option<&LoopGuardStatus>,
    views: &[GateStatus<'_>],
) -> Option<&'static str> {
    let gates = texts(loops, views);
    let mut closed = gates.iter().filter(|gate| match gate.state {
        GateState::Closed { .. } => true,
        GateState::Open
        | GateState::Gathers { .. }
        | GateState::NotConsulted
        | GateState::NeverSuppresses { .. } => false,
    });
    closed.next().map(|gate| gate.gate)
}

/// What a closed gate does to a run.
pub fn prevented(gate: &str) -> String {
    match gate {
        GATE => format!("would be stopped by {gate}"),
        gate => format!("would be suppressed by {gate}"),
    }
}

/// The gates of a rule for an event, in the order in which they are checked.
pub fn texts<'g>(
    loops: Option<&'g LoopGuardStatus>,
    views: &'g [GateStatus<'_>],
) -> Vec<GateText<'g>> {
    let guard = loops.map(|view| GateText {
        gate: GATE,
        lets_through: view.describe(),
        state: &view.state,
        words: view.state.describe() + &view.describe_cause(),
    });
    let own = views.iter().map(|view| GateText {
        gate: view.gate.kind.as_str(),
        lets_through: rule(view),
        state: &view.state,
        words: view.describe(),
    });
    guard.into_iter().chain(own).collect()
}

pub fn json(loops: Option<&LoopGuardStatus>, views: &[GateStatus<'_>]) -> Value {
    let gates = loops.map(loop_guard_json).into_iter();
    gates.chain(views.iter().map(gate_json)).collect()
}

fn loop_guard_json(view: &LoopGuardStatus) -> Value {
    let (ours, actor) = match &view.origin {
        ActorOrigin::OurConnection { actor } => (Some(true), Some(actor)),
        ActorOrigin::Other { actor } => (Some(false), Some(actor)),
        ActorOrigin::Unknown => (None, None),
    };
    let limits = &view.guard.limits;
    let mut gate = json!({
        "gate": GATE,
        "per": "event.key",
        "value": view.about.as_ref().and(view.key.as_ref()),
        "window": limits.within.as_secs_f64(),
        "limit": view.counts.then(|| view.guard.most_runs()),
        "actor": actor,
        "ours": ours,
        "depth": view.lineage.map(|lineage| lineage.depth),
        "depth_limit": limits.depth,
        "caused_by": view.lineage.and_then(|lineage| lineage.cause).map(|run| run.0),
        "state": view.state.as_str(),
        "until": null,
        "counts": null,
        "text": format!("{GATE}  {}  {}{}", view.describe(), view.state.describe(), view.describe_cause()),
    });
    if let GateState::Closed { why } = &view.state {
        gate["why"] = why.as_str().into();
    }
    gate
}

/// How far a count or a sequence has come, of a gate that is closed.
pub fn counted_json(gate: &mut Value, closed: &ClosedGate) {
    if let (Some(have), Some(need)) = (closed.have, closed.need) {
        gate["have"] = have.into();
        gate["need"] = need.into();
        gate["oldest_leaves"] = json!(closed.leaves.map(|at| at.to_string()));
    }
}

fn gate_json(view: &GateStatus<'_>) -> Value {
    let Gate { kind, per, window } = view.gate;
    let changes = view.schedule.as_ref().and_then(|schedule| schedule.changes);
    let until = changes.map(|at| at.to_string());
    let mut gate = json!({
        "gate": kind.as_str(),
        "per": per.as_ref().map(|per| &per.text),
        "value": view.subject.as_ref().map(|subject| &subject.value),
        "window": window.time.as_secs_f64(),
        "state": view.state.as_str(),
        "until": until,
        "counts": null,
        "text": format!("{}  {}  {}", kind.as_str(), rule(view), view.describe()),
    });
    if let Some(during) = &window.during {
        gate["during"] = during.text().into();
    }
    match kind {
        GateKind::During(during) => gate["during"] = during.text().into(),
        GateKind::Dedupe => {}
        GateKind::Throttle { limit } => gate["limit"] = (*limit).into(),
        GateKind::Series(series) => {
            gate["limit"] = series.needs().into();
            gate["distinct"] = json!(series.distinct.as_ref().map(|path| &path.text));
            if !series.steps.is_empty() {
                gate["steps"] = json!(series.steps);
            }
        }
        GateKind::Debounce { at_most, keep } => {
            gate["keep"] = keep.as_str().into();
            gate["at_most"] = json!(at_most.as_ref().map(|at_most| at_most.time.as_secs_f64()));
            let during = at_most.as_ref().and_then(|at_most| at_most.during.as_ref());
            if let Some(during) = during {
                gate["at_most_during"] = during.text().into();
            }
        }
    }
    if let GateState::Closed { why } | GateState::Gathers { outlook: why } = &view.state {
        gate["why"] = why.as_str().into();
    }
    if let GateState::Closed { why } = &view.state {
        let closed = ClosedGate::read(why);
        gate["until"] = json!(closed.opens.or(changes).map(|opens| opens.to_string()));
        gate["counts"] = false.into();
        gate["closed_by"] = json!(closed.by.map(|run| run.0));
        counted_json(&mut gate, &closed);
    }
    gate
}
