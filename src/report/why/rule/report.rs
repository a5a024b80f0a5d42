//! Prints what is stored of a rule as text and as JSON.

use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::report::output::Output;
use crate::report::render::attempts::log_lines;
use crate::report::render::color::{Paint, Tone};
use crate::report::render::diagnostics::number;
use crate::report::render::escape::plain;
use crate::report::render::explanation::{brief_json, cut, predicate_json, predicate_text};
use crate::report::render::mode_cap;
use crate::report::render::run::{describe_run, log, row_json, tone};
use crate::report::render::run_log_json::log_json;
use crate::report::render::suggested_command;
use crate::report::suspended::sentences;
use crate::report::time_argument::seconds;
use crate::report::why::rule::facts::{LastMatch, LoadedRule, RuleHistory};
use crate::report::why::rule::near_misses::{EventSample, MAX_JUDGED, NearMissGroup, SeenValue};
use crate::report::why::rule::shadow_comparison::ShadowComparison;
use crate::store::history::SuspendedTarget;
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::event::EventSummary;
use flowtrigger_core::event::type_pattern::TypePattern;
use flowtrigger_core::language::condition::trace::TraceLine;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::schedule::ScheduleState;
use flowtrigger_core::schedule::every::Every;

pub fn text(found: &RuleHistory, out: &mut Output) -> io::Result<()> {
    heading(found, out)?;
    for suspended in &found.suspended {
        for sentence in sentences(suspended, None) {
            writeln!(out, "  {}  {sentence}", label(out, "suspended"))?;
        }
    }
    times(found, out)?;
    match &found.last_match {
        Some(run) => last_match(run, out)?,
        None => writeln!(
            out,
            "  {}  no run of it is stored",
            label(out, "last match")
        )?,
    }
    writeln!(
        out,
        "  {}  last 24 hours: {}; last 7 days: {}",
        label(out, "runs"),
        describe_counts(&found.last_day),
        describe_counts(&found.last_week)
    )?;
    if let Some(comparison) = &found.comparison {
        comparison.text(out)?;
    }
    match &found.events {
        Some(sample) => events(sample, found, out),
        None => Ok(()),
    }
}

/// The state of the schedules of the rule, and when it ticks next.
fn times(found: &RuleHistory, out: &mut Output) -> io::Result<()> {
    for state in found.schedules() {
        let heading = label(out, "schedule");
        writeln!(out, "  {heading}  {}", plain(&describe_schedule(&state)))?;
    }
    if let Some((next, every)) = found.next_tick() {
        let heading = label(out, "every");
        let next = describe_tick(next, every);
        writeln!(out, "  {heading}  {}; {next}", plain(&every.text()))?;
    }
    Ok(())
}

/// `office closed: Mon 20:14 Europe/Berlin, opens Tue 09:00`
pub fn describe_schedule(state: &ScheduleState) -> String {
    let text = state.text();
    text.strip_prefix("during ").unwrap_or(&text).to_owned()
}

/// `next tick Mon 2026-01-05 09:00`
pub fn describe_tick(next: Option<Timestamp>, every: &Every) -> String {
    match next {
        Some(next) => format!("next tick {}", every.shown(next)),
        None => "it ticks no more".to_owned(),
    }
}

fn label(out: &Output, text: &str) -> String {
    Paint::new(out).tone(Tone::Bold, text).to_string()
}

fn heading(found: &RuleHistory, out: &mut Output) -> io::Result<()> {
    let name = label(out, &plain(&found.name));
    write!(out, "{} {name}", label(out, "rule"))?;
    if let LoadedRule::Loaded { rule, revision } = &found.loaded {
        let place = revision.rules.files.location(rule.at);
        write!(out, "  {}", Paint::new(out).tone(Tone::Dim, &place))?;
    }
    writeln!(out, "\n  {}", describe_loaded(found))?;
    if let LoadedRule::Loaded { rule, .. } = &found.loaded {
        writeln!(
            out,
            "  listens to {}/{}",
            plain(&rule.event_source),
            plain(&types(rule).join(", "))
        )?;
    }
    Ok(())
}

/// Whether the rule is loaded, and what its mode means.
pub fn describe_loaded(found: &RuleHistory) -> String {
    let Some(in_force) = &found.in_force else {
        return "not loaded: no daemon has used this data folder".into();
    };
    let since = seconds(in_force.at);
    match &found.loaded {
        LoadedRule::Loaded { rule, .. } => match rule.mode {
            Mode::Live => format!("live, in the rules loaded last at {since}"),
            Mode::Shadow => {
                let cap = mode_cap::describe(rule.version.config());
                let because = cap.map(|cap| format!(" because of {}", plain(&cap)));
                format!(
                    "in shadow mode{}, in the rules loaded last at {since}: its runs are recorded and nothing is executed",
                    because.unwrap_or_default()
                )
            }
            Mode::Disabled => {
                format!("disabled, in the rules loaded last at {since}: no run of it is made")
            }
        },
        LoadedRule::Unclear(errors) => format!(
            "not among the rules loaded last at {since} that this version can load: {} in the others",
            number(*errors, "error")
        ),
        LoadedRule::NotLoaded => format!("not in the rules loaded last at {since}"),
    }
}

/// The types that a rule listens to, as it writes them.
pub fn types(rule: &Rule) -> Vec<String> {
    let types = rule.event_types.iter().map(|pattern| match pattern {
        TypePattern::Name(name) => name.clone(),
        TypePattern::Family(prefix) => format!("{prefix}*"),
    });
    types.collect()
}

fn last_match(last: &LastMatch, out: &mut Output) -> io::Result<()> {
    let row = &last.run.row;
    let heading = label(out, "last match");
    writeln!(
        out,
        "  {heading}  {}  event {} of {}",
        seconds(row.planned),
        plain(&row.event),
        plain(row.key.as_deref().unwrap_or("no key"))
    )?;
    let paint = Paint::new(out);
    write!(
        out,
        "  {}  {} {}",
        paint.tone(Tone::Bold, "run"),
        row.id.0,
        paint.tone(tone(&row.state), row.state.as_str())
    )?;
    let description = describe_run(row);
    if !description.is_empty() {
        write!(out, ": {description}")?;
    }
    writeln!(out, "; `flowtrigger runs show {}`", row.id.0)?;
    log(out, &log_lines(&last.run.log, &last.exchanges))
}

/// `3 done, 1 dead`
pub fn describe_counts(counts: &[(String, u64)]) -> String {
    if counts.is_empty() {
        return "none".into();
    }
    let counts = counts
        .iter()
        .map(|(state, count)| format!("{count} {state}"));
    counts.collect::<Vec<_>>().join(", ")
}

fn events(sample: &EventSample, found: &RuleHistory, out: &mut Output) -> io::Result<()> {
    let heading = label(out, "events");
    writeln!(out, "  {heading}  {}", describe_sample(sample))?;
    if sample.judged == 0 {
        return Ok(());
    }
    let heading = label(out, "near misses");
    let now = "judged by the rule as it is loaded now";
    match sample.near_misses.is_empty() {
        true => writeln!(
            out,
            "  {heading}  none: no predicate alone kept one from matching; {now}"
        ),
        false => {
            writeln!(
                out,
                "  {heading}  {} that one predicate alone kept from matching; {now}",
                number(sample.missed_by_one, "event")
            )?;
            let mut groups = sample.near_misses.iter();
            groups.try_for_each(|group| near_miss(group, found, out))
        }
    }
}

/// How many events there were, and which of them were judged.
pub fn describe_sample(sample: &EventSample) -> String {
    let listened = number(sample.listened, "event");
    let period = match sample.searched_back_to {
        None => format!("{listened} of its types in the last 24 hours"),
        Some(oldest) => format!(
            "{listened} of its types among the newest 20,000 stored events, which reach back to {}",
            seconds(oldest)
        ),
    };
    let judged = match sample.listened > MAX_JUDGED {
        true => format!("; of the newest {}", number(MAX_JUDGED, "event")),
        false => String::new(),
    };
    let redacted = match sample.redacted {
        0 => String::new(),
        redacted => format!(", {redacted} not judged because fields were redacted"),
    };
    match sample.judged + sample.redacted {
        0 => period,
        _ => format!("{period}{judged}; {} matched{redacted}", sample.matched),
    }
}

fn near_miss(group: &NearMissGroup, found: &RuleHistory, out: &mut Output) -> io::Result<()> {
    let TraceLine { at, .. } = group.predicate;
    let place = match &found.loaded {
        LoadedRule::Loaded { revision, .. } => revision.rules.files.get(at.file),
        LoadedRule::Unclear(_) | LoadedRule::NotLoaded => None,
    };
    let place = place.map(|_| format!("  {}:{}", at.line, at.column));
    writeln!(
        out,
        "    {}  {}{}",
        group.events,
        predicate_text(&group.predicate),
        Paint::new(out).tone(Tone::Dim, &place.unwrap_or_default())
    )?;
    let values = group.values.iter().map(describe_value);
    writeln!(out, "       got {}", values.collect::<Vec<_>>().join(", "))?;
    let rule = format!("--rule {}", suggested_command::argument(&found.name));
    writeln!(
        out,
        "       `{}`",
        suggested_command::why(&group.example.head.id, &rule)
    )
}

pub fn describe_value(seen: &SeenValue) -> String {
    let value = match &seen.got {
        Some(value) => cut(&value.to_string()),
        None => "no value".into(),
    };
    match seen.events {
        1 => value,
        times => format!("{value} ({times} times)"),
    }
}

pub fn json(found: &RuleHistory) -> Value {
    let rule = match &found.loaded {
        LoadedRule::Loaded { rule, revision } => json!({
            "name": found.name,
            "loaded": true,
            "mode": rule.mode.as_str(),
            "at": revision.rules.files.location(rule.at),
            "source": rule.event_source,
            "types": types(rule),
        }),
        LoadedRule::Unclear(_) | LoadedRule::NotLoaded => json!({
            "name": found.name,
            "loaded": false,
            "mode": null,
            "at": null,
            "source": null,
            "types": [],
        }),
    };
    json!({
        "rule": rule,
        "revision": found.in_force.map(|revision| json!({
            "id": revision.id.0,
            "loaded": revision.at.to_string(),
        })),
        "schedules": found.schedules(),
        "next_tick": found.next_tick().and_then(|(next, _)| Some(next?.to_string())),
        "suspended": found.suspended.iter().map(SuspendedTarget::json).collect::<Vec<_>>(),
        "last_match": found.last_match.as_ref().map(|last| {
            let mut value = row_json(&last.run.row);
            value["log"] = log_json(&log_lines(&last.run.log, &last.exchanges));
            value
        }),
        "runs": {
            "last_day": counts_json(&found.last_day),
            "last_week": counts_json(&found.last_week),
        },
        "events": found.events.as_ref().map(sample_json),
        "near_misses": found.events.iter().flat_map(|sample| &sample.near_misses).map(|group| near_miss_json(group, found)).collect::<Vec<_>>(),
        "shadow_comparison": found.comparison.as_ref().map(ShadowComparison::json),
        "summary": describe_loaded(found),
    })
}

fn counts_json(counts: &[(String, u64)]) -> Value {
    let counts = counts.iter();
    let counts: Map<String, Value> = counts
        .map(|(state, count)| (state.clone(), (*count).into()))
        .collect();
    counts.into()
}

fn sample_json(sample: &EventSample) -> Value {
    json!({
        "since": sample.since.to_string(),
        "searched_back_to": sample.searched_back_to.map(|oldest| oldest.to_string()),
        "listened": sample.listened,
        "judged": sample.judged,
        "matched": sample.matched,
        "missed_by_one": sample.missed_by_one,
        "redacted": sample.redacted,
    })
}

fn near_miss_json(group: &NearMissGroup, found: &RuleHistory) -> Value {
    let head = &group.example.head;
    let values = group.values.iter();
    let values = values.map(|seen| json!({"got": seen.got, "events": seen.events}));
    let at = match &found.loaded {
        LoadedRule::Loaded { revision, .. } => revision.rules.files.location(group.predicate.at),
        LoadedRule::Unclear(_) | LoadedRule::NotLoaded => String::new(),
    };
    json!({
        "predicate": predicate_json(&group.predicate, at),
        "events": group.events,
        "example": {
            "event": brief_json(&EventSummary::from_event(&group.example.event)),
            "received": head.received.to_string(),
        },
        "values": values.collect::<Vec<_>>(),
    })
}
