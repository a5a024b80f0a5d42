//! The gates of a matching rule as text and as JSON, each with its value for the event at hand.
//! It adds no judgement of its own.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::cli::output::Output;
use crate::cli::render::color::{Paint, Tone};
use crate::cli::render::escape::plain;
use flowtrigger_core::gate::{Gate, Kept, Kind, words};
use flowtrigger_core::loop_guard::GATE;
use flowtrigger_core::loop_guard::origin::Origin;
use flowtrigger_core::matching::gate_status::{GateView, Standing};
use flowtrigger_core::matching::loop_guard_status::LoopView;

pub fn text(out: &mut Output, loops: Option<&LoopView>, views: &[GateView<'_>]) -> io::Result<()> {
    if let Some(view) = loops {
        let standing = view.standing.describe() + &view.describe_cause();
        line(out, GATE, &view.describe(), (&view.standing, &standing))?;
    }
    for view in views {
        let words = view.standing.describe();
        line(
            out,
            view.gate.kind.word(),
            &rule(view),
            (&view.standing, &words),
        )?;
    }
    Ok(())
}

fn line(
    out: &mut Output,
    gate: &str,
    rule: &str,
    (standing, words): (&Standing, &str),
) -> io::Result<()> {
    let paint = Paint::of(out);
    let tone = match standing {
        Standing::Closed { .. } => Tone::Red,
        Standing::Open | Standing::Gathers { .. } => Tone::Green,
        Standing::NotConsulted | Standing::NeverSuppresses { .. } => Tone::Dim,
    };
    let (gate, words) = (paint.tone(Tone::Bold, gate), paint.tone(tone, words));
    writeln!(out, "  {gate}  {}  {words}", plain(rule))
}

/// What the gate lets through: `1 run for ticket.id 7 in 24h`.
fn rule(view: &GateView<'_>) -> String {
    let runs = match view.gate.kind {
        Kind::Dedupe | Kind::Throttle { limit: 1 } => "1 run".to_owned(),
        Kind::Debounce { keep, .. } => match keep {
            Kept::First => "the first event".to_owned(),
            Kept::Last => "the last event".to_owned(),
            Kept::All => "all events".to_owned(),
        },
        Kind::Throttle { limit } => format!("{limit} runs"),
    };
    let about = match (view.value.as_str(), &view.gate.per) {
        ("", None) => String::new(),
        ("", Some(per)) => format!(" for each {}", per.text),
        (value, _) => format!(" for {value}"),
    };
    let window = words(view.gate.window);
    match view.gate.kind {
        Kind::Dedupe | Kind::Throttle { .. } => format!("{runs}{about} in {window}"),
        Kind::Debounce { at_most, .. } => {
            let at_most = at_most.map(|at_most| format!(", at most {}", words(at_most)));
            format!(
                "{runs}{about}, quiet {window}{}",
                at_most.unwrap_or_default()
            )
        }
    }
}

pub fn json(loops: Option<&LoopView>, views: &[GateView<'_>]) -> Value {
    let gates = loops.map(of_loops).into_iter();
    gates.chain(views.iter().map(one)).collect()
}

fn of_loops(view: &LoopView) -> Value {
    let (ours, actor) = match &view.origin {
        Origin::Ours { actor } => (Some(true), Some(actor)),
        Origin::Person { actor } => (Some(false), Some(actor)),
        Origin::Untold => (None, None),
    };
    let limits = &view.guard.limits;
    let mut gate = json!({
        "gate": GATE,
        "per": "event.key",
        "value": view.about,
        "window": limits.within.as_secs_f64(),
        "limit": view.counts.then(|| view.guard.most_runs()),
        "actor": actor,
        "ours": ours,
        "depth": view.lineage.map(|lineage| lineage.depth),
        "depth_limit": limits.depth,
        "caused_by": view.lineage.and_then(|lineage| lineage.cause).map(|run| run.0),
        "standing": view.standing.as_str(),
    });
    if let Standing::Closed { why } = &view.standing {
        gate["why"] = why.as_str().into();
    }
    gate
}

fn one(view: &GateView<'_>) -> Value {
    let Gate { kind, per, window } = view.gate;
    let value = match view.value.as_str() {
        "" => Value::Null,
        value => value.into(),
    };
    let mut gate = json!({
        "gate": kind.word(),
        "per": per.as_ref().map(|per| &per.text),
        "value": value,
        "window": window.as_secs_f64(),
        "standing": view.standing.as_str(),
    });
    match kind {
        Kind::Dedupe => {}
        Kind::Throttle { limit } => gate["limit"] = (*limit).into(),
        Kind::Debounce { at_most, keep } => {
            gate["keep"] = keep.word().into();
            gate["at_most"] = json!(at_most.map(|at_most| at_most.as_secs_f64()));
        }
    }
    if let Standing::Closed { why } | Standing::Gathers { outlook: why } = &view.standing {
        gate["why"] = why.as_str().into();
    }
    gate
}
