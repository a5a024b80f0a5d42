//! Embeds the rules engine: loads a rule, matches an event, explains a rule that did not match, and plans
//! what the other one would do. Run it with `cargo run --example embed`.

use std::error::Error;
use std::io::{Write, stdout};

use flowtrigger_core::{Config, EventInput, MatchScratch, Timestamp};

const RULES: &str = "
name: page-urgent
event_source: support
event_type: ticket.PriorityChanged
when: { current: urgent }
flow:
  - succeed: \"paged for ticket {{ ticket.id }}\"
---
name: note-calm
event_source: support
event_type: ticket.PriorityChanged
when: { current: [low, normal], ticket.tags: { has: vip } }
flow:
  - succeed: noted
";

fn main() -> Result<(), Box<dyn Error>> {
    let body = include_bytes!("events/zis/priority-changed.json");
    let rules = flowtrigger_core::load([("rules.yaml", RULES)], &Config::default())?;
    let (mut scratch, mut out) = (MatchScratch::default(), stdout());
    let evaluation = rules.evaluate(EventInput::bytes(body), &mut scratch)?;
    for rule in evaluation.matched() {
        writeln!(out, "{} matches", rule.name)?;
        for step in evaluation.plan(rule, Timestamp::now(), &mut |_call| None) {
            writeln!(out, "  would run {}: {:?}", step.step_path, step.what)?;
        }
    }
    let rule = rules.rule("note-calm").ok_or("no such rule")?;
    let explanation = evaluation.explain(rule)?;
    writeln!(out, "{}: {}", rule.name, explanation.truth.label())?;
    for line in &explanation.trace.lines {
        let got = line
            .got
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        writeln!(
            out,
            "  {} {} {}: got {got}",
            line.path, line.operator, line.want
        )?;
    }
    Ok(())
}
