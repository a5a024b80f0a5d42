//! `schedule --ticks`: prints when the rules with `every` run next.

use std::io::Write;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::engine::Rulebook;
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::document::versioned;
use crate::report::render::table::Table;
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::gate::GateKind;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::schedule::During;
use flowtrigger_core::schedule::every::Every;

/// The next ticks of the rules, the earliest first.
pub fn text(
    book: &Rulebook,
    at: Timestamp,
    next: Option<usize>,
    out: &mut Output,
) -> Result<(), CommandError> {
    let ticking = ticking(book, at);
    if ticking.is_empty() {
        writeln!(out, "no rule has `every`")?;
        return Ok(());
    }
    let mut table = Table::default();
    for (rule, every) in ticking {
        let mut ticks = ticks(every, at, next.unwrap_or(1));
        let first = match (rule.mode, ticks.next()) {
            (Mode::Disabled, _) => "disabled".to_owned(),
            (Mode::Live | Mode::Shadow, Some(tick)) => shown(rule, every, tick),
            (Mode::Live | Mode::Shadow, None) => "never".to_owned(),
        };
        table.row([rule.name.clone(), first, every.expression.clone()]);
        for tick in ticks {
            table.note(&format!("    {}", shown(rule, every, tick)));
        }
    }
    table.write(out)?;
    Ok(())
}

/// The tick, and whether the gate `during` suppresses it.
fn shown(rule: &Rule, every: &Every, tick: Timestamp) -> String {
    let time = every.shown(tick);
    match closed(rule, tick) {
        Some(during) => format!("{time}  suppressed: not during {}", during.text()),
        None => time,
    }
}

fn closed(rule: &Rule, tick: Timestamp) -> Option<&During> {
    let during = rule.gates.iter().find_map(|gate| match &gate.kind {
        GateKind::During(during) => Some(during),
        GateKind::Dedupe
        | GateKind::Debounce { .. }
        | GateKind::Throttle { .. }
        | GateKind::Series(_) => None,
    });
    during.filter(|during| !during.contains(tick))
}

/// One line for each rule.
pub fn json(
    book: &Rulebook,
    at: Timestamp,
    next: Option<usize>,
    out: &mut Output,
) -> Result<(), CommandError> {
    for (rule, every) in ticking(book, at) {
        let ticks = ticks(every, at, next.unwrap_or(1));
        let ticks = ticks.map(|tick| {
            let closed = closed(rule, tick).is_some();
            json!({"at": tick, "local": every.zone.to_datetime(tick), "suppressed": closed})
        });
        let document = json!({
            "rule": rule.name,
            "mode": rule.mode.as_str(),
            "cron": every.expression,
            "zone": every.zone_name,
            "missed": every.missed.as_str(),
            "at": at,
            "ticks": ticks.collect::<Value>(),
        });
        writeln!(out, "{}", versioned(document))?;
    }
    Ok(())
}

/// The rules with `every`, those that tick first before the others.
fn ticking(book: &Rulebook, at: Timestamp) -> Vec<(&Rule, &Every)> {
    let rules = book.rules.rules.iter();
    let mut ticking: Vec<(&Rule, &Every)> = rules
        .filter_map(|rule| Some((&**rule, &**rule.every.as_ref()?)))
        .collect();
    ticking.sort_by_cached_key(|(rule, every)| {
        let next = every.next(at);
        (
            rule.mode == Mode::Disabled,
            next.is_none(),
            next,
            rule.name.clone(),
        )
    });
    ticking
}

/// The ticks from a time on.
fn ticks(every: &Every, at: Timestamp, limit: usize) -> impl Iterator<Item = Timestamp> {
    let before = at.checked_sub(jiff::SignedDuration::from_nanos(1));
    let first = every.next(before.unwrap_or(at));
    std::iter::successors(first, |last| every.next(*last)).take(limit)
}
