//! The gates of a matching rule as text and as JSON, each with its value for the event at hand.
//! It adds no judgement of its own.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::cli::output::Output;
use crate::cli::render::paint::{Paint, Tone};
use crate::core::gate::{Gate, Kind, words};
use crate::core::matching::gate_view::{GateView, Standing};

pub fn text(out: &mut Output, views: &[GateView<'_>]) -> io::Result<()> {
    let paint = Paint::of(out);
    for view in views {
        let tone = match view.standing {
            Standing::Closed { .. } => Tone::Red,
            Standing::Open => Tone::Green,
            Standing::NotConsulted | Standing::NeverSuppresses { .. } => Tone::Dim,
        };
        writeln!(
            out,
            "  {}  {}  {}",
            paint.tone(Tone::Bold, view.gate.kind.word()),
            rule(view),
            paint.tone(tone, &view.standing.words()),
        )?;
    }
    Ok(())
}

/// What the gate lets through: `1 run for ticket.id 7 in 24h`.
fn rule(view: &GateView<'_>) -> String {
    let runs = match view.gate.kind {
        Kind::Dedupe | Kind::Throttle { limit: 1 } => "1 run".to_owned(),
        Kind::Throttle { limit } => format!("{limit} runs"),
    };
    let about = match (view.value.as_str(), &view.gate.per) {
        ("", None) => String::new(),
        ("", Some(per)) => format!(" for each {}", per.text),
        (value, _) => format!(" for {value}"),
    };
    format!("{runs}{about} in {}", words(view.gate.window))
}

pub fn json(views: &[GateView<'_>]) -> Value {
    views.iter().map(one).collect()
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
        "standing": view.standing.word(),
    });
    if let Kind::Throttle { limit } = kind {
        gate["limit"] = (*limit).into();
    }
    if let Standing::Closed { why } = &view.standing {
        gate["why"] = why.as_str().into();
    }
    gate
}
