//! Says how a rule and its shadow version compare for the event of a run.

use serde_json::{Value, json};

use crate::report::render::escape::plain;
use crate::store::history::RunRow;
use flowtrigger_core::rule::shadow_version::{compared_rule, shadow_name};

/// The rule that the rule of a run is compared with, if it is.
pub fn counterpart(row: &RunRow) -> Option<(String, bool)> {
    let matched = row.counterpart?;
    let name = match compared_rule(&row.rule) {
        Some(rule) => rule.to_owned(),
        None => shadow_name(&row.rule),
    };
    Some((name, matched))
}

/// Why only the rule of the run starts one: the other rule did not match, or a gate suppressed its run. `None` if they do not
/// differ, or if a gate suppressed this run too.
pub fn describe_difference(row: &RunRow) -> Option<String> {
    let (other, matched) = counterpart(row)?;
    let other = plain(&other);
    if !matched {
        return Some(format!("`{other}` did not match"));
    }
    let gate = suppressing_gate(row)?;
    Some(format!(
        "`{other}` was suppressed by its gate `{}`",
        plain(gate)
    ))
}

/// The gate that suppressed the run of the other rule alone.
fn suppressing_gate(row: &RunRow) -> Option<&str> {
    let gate = row.counterpart_gate.as_deref()?;
    row.state.passes_gates().then_some(gate)
}

/// How the two rules compare, with the run of the other one.
pub fn describe_comparison(row: &RunRow, other_run: Option<&RunRow>) -> Option<String> {
    let (other, matched) = counterpart(row)?;
    let other = plain(&other);
    let outcome = match (matched, other_run) {
        (false, _) => {
            let event = &row.event;
            format!(
                "did not match this event; `flowtrigger why {} --rule {other}` tells why",
                plain(event)
            )
        }
        (true, None) => "matched this event too".to_owned(),
        (true, Some(run)) => {
            let gate = run
                .state
                .gate()
                .map(|gate| format!(" by its gate {}", plain(gate)));
            let gate = gate.unwrap_or_default();
            format!(
                "matched this event too: run {}, {}{gate}",
                run.id.0,
                run.state.as_str()
            )
        }
    };
    Some(match compared_rule(&row.rule) {
        Some(_) => format!("compared with `{other}`, which {outcome}"),
        None => format!("compared with its shadow version `{other}`, which {outcome}"),
    })
}

pub fn json(row: &RunRow) -> Value {
    let found = counterpart(row);
    found.map_or(
        Value::Null,
        |(rule, matched)| json!({"rule": rule, "matched": matched, "suppressed_by": suppressing_gate(row)}),
    )
}
