//! Formats an explanation as text and as JSON: the verdict, one line per predicate, and near misses.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::report::output::Output;
use crate::report::render::color::{Paint, Tone};
use crate::report::render::escape::{is_control, plain};
use crate::report::render::suggested_command;
use crate::report::render::width::{padded, width};
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::diagnostic::Files;
use flowtrigger_core::event::Event;
use flowtrigger_core::event::summary::EventSummary;
use flowtrigger_core::language::condition::Polarity;
use flowtrigger_core::language::condition::evaluate::Truth;
use flowtrigger_core::language::condition::trace::{Trace, TraceLine};
use flowtrigger_core::language::operator::unseen::visible;
use flowtrigger_core::language::operator::{CaseSensitivity, Verdict};
use flowtrigger_core::matching::explain::{Explanation, NearMiss, SingleChange};
use flowtrigger_core::path::redact;
use flowtrigger_core::rule::Rule;

/// The maximum number of characters of a value.
const MAX_VALUE: usize = 60;

/// Prints the line of an event, its warnings and its redacted fields.
pub fn event(out: &mut Output, event: &Event) -> io::Result<()> {
    brief(out, &EventSummary::from_event(event))?;
    let paths = redact::redacted_paths(event);
    if !paths.is_empty() {
        let label = Paint::new(out).tone(Tone::Yellow, "redacted:");
        writeln!(
            out,
            "  {label} {}, and the body as received",
            plain(&paths.join(", "))
        )?;
    }
    Ok(())
}

/// Prints the line of an event and its warnings.
pub fn brief(out: &mut Output, event: &EventSummary) -> io::Result<()> {
    let paint = Paint::new(out);
    write!(
        out,
        "{} {}/{}",
        paint.tone(Tone::Bold, "event"),
        plain(&event.source),
        plain(&event.event_type)
    )?;
    if event.endpoint != event.source {
        write!(out, " at {}", plain(&event.endpoint))?;
    }
    write!(out, "  id {}", plain(&event.id))?;
    if let Some(key) = &event.key {
        write!(out, "  key {}", plain(key))?;
    }
    if let Some(time) = event.time {
        write!(out, "  {time}")?;
    }
    writeln!(out, "  ({})", event.format)?;
    for warning in &event.warnings {
        let label = paint.tone(Tone::Yellow, "warning:");
        writeln!(out, "  {label} {}", plain(warning))?;
    }
    Ok(())
}

/// Prints the verdict of a rule and every predicate.
pub fn rule(
    out: &mut Output,
    rule: &Rule,
    explanation: &Explanation,
    files: &Files,
) -> io::Result<()> {
    let paint = Paint::new(out);
    let trace = &explanation.trace;
    let failing = trace
        .lines
        .iter()
        .filter(|l| l.verdict != Verdict::Match)
        .count();
    let (tone, word) = match (rule.mode, explanation.truth) {
        (Mode::Disabled, _) => (Tone::Dim, "DISABLED"),
        (_, Truth::True) => (Tone::Green, "MATCH"),
        (_, Truth::False) => (Tone::Red, "NO MATCH"),
        (_, Truth::Unknown) => (Tone::Yellow, "MISSING"),
    };
    write!(
        out,
        "\n{}  {}",
        paint.tone(tone, word),
        paint.tone(Tone::Bold, &rule.name)
    )?;
    write!(out, "  {}", paint.tone(Tone::Dim, &files.location(rule.at)))?;
    if rule.mode == Mode::Shadow {
        write!(out, "  (shadow: recorded, never executed)")?;
    }
    writeln!(out)?;
    match (trace.lines.len(), failing) {
        (0, _) => writeln!(out, "  no conditions: every event of its types matches")?,
        (all, 0) => writeln!(out, "  {all} of {all} predicates hold")?,
        (all, n) => writeln!(out, "  {} of {all} predicates hold, {n} not", all - n)?,
    }
    lines(out, trace, files)?;
    for near in &explanation.near_misses {
        near_miss(out, near)?;
    }
    if explanation.single_change == SingleChange::None {
        writeln!(out, "  no single change makes it match")?;
    }
    Ok(())
}

/// Prints a warning about a recorded outcome that differs from this evaluation's.
pub fn contradiction(out: &mut Output, text: &str) -> io::Result<()> {
    let label = Paint::new(out).tone(Tone::Yellow, "warning:");
    writeln!(out, "  {label} {}", plain(text))
}

/// Describes a recorded outcome that differs from this evaluation's.
pub fn recorded_otherwise(recorded: bool, truth: Truth) -> String {
    match recorded {
        true => format!(
            "recorded as matched, evaluates to {} with this version",
            match truth {
                Truth::True | Truth::False => "no match",
                Truth::Unknown => truth.label(),
            }
        ),
        false => "recorded as not matched, evaluates to a match with this version".into(),
    }
}

/// Prints the predicates in aligned columns.
pub fn lines(out: &mut Output, trace: &Trace, files: &Files) -> io::Result<()> {
    let paint = Paint::new(out);
    let rows: Vec<[String; 4]> = trace.lines.iter().map(columns).collect();
    let wide = |column: usize| rows.iter().map(|r| width(&r[column])).max().unwrap_or(0);
    let widths = [wide(0).min(40), wide(1).min(24), wide(2).min(48)];
    for (line, row) in trace.lines.iter().zip(&rows) {
        let (tone, label) = verdict(line.verdict);
        writeln!(
            out,
            "  {} {}  {}  want {}  {}  {}",
            paint.tone(tone, label),
            padded(&row[0], widths[0]),
            padded(&row[1], widths[1]),
            padded(&row[2], widths[2]),
            row[3],
            paint.tone(Tone::Dim, &line_and_column(line, files)),
        )?;
        if let Some(hint) = &line.hint {
            writeln!(out, "          {}", paint.tone(Tone::Cyan, &plain(hint)))?;
        }
    }
    Ok(())
}

fn columns(line: &TraceLine) -> [String; 4] {
    let path = match line.group.as_str() {
        "all" => line.path.clone(),
        group => format!("{group}: {}", line.path),
    };
    let operator = match line.polarity {
        Polarity::Positive => line.operator.to_owned(),
        Polarity::Negated => format!("not {}", line.operator),
    };
    let got = match &line.got {
        Some(value) => format!("got {}", cut(&visible(&value.to_string()))),
        None => format!("got no {}", line.path),
    };
    [path, operator, cut(&line.want), got]
}

/// A value from outside, cut if it is long.
pub fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_VALUE) {
        Some((end, _)) => format!("{}…", plain(&text[..end])),
        None => plain(text).into_owned(),
    }
}

fn verdict(verdict: Verdict) -> (Tone, &'static str) {
    match verdict {
        Verdict::Match => (Tone::Green, "ok     "),
        Verdict::NoMatch => (Tone::Red, "FAIL   "),
        Verdict::Missing => (Tone::Yellow, "MISSING"),
        Verdict::WrongType => (Tone::Yellow, "TYPE   "),
    }
}

/// The line and column. The file is in the heading of the rule.
fn line_and_column(line: &TraceLine, files: &Files) -> String {
    match files.get(line.at.file) {
        Some(_) => format!("{}:{}", line.at.line, line.at.column),
        None => String::new(),
    }
}

fn near_miss(out: &mut Output, near: &NearMiss) -> io::Result<()> {
    let paint = Paint::new(out);
    match change_option(near) {
        Some(set) => writeln!(
            out,
            "  would match with  {}",
            paint.tone(Tone::Cyan, &plain(&set))
        ),
        None => writeln!(
            out,
            "  would match if    {} {}",
            plain(&near.path),
            plain(&near.words)
        ),
    }
}

/// The change as an option of a command, if it has a value that can be typed.
pub fn change_option(near: &NearMiss) -> Option<String> {
    let value = near.set.as_ref().filter(|value| can_be_typed(value))?;
    Some(format!("--set {}={}", near.path, shell_quoted(value)))
}

/// The change as `--set` reads it: `PATH=VALUE`; `None` if no value is known.
pub fn change_text(near: &NearMiss) -> Option<String> {
    let value = near.set.as_ref()?;
    Some(format!("{}={}", near.path, typed(value)))
}

/// Whether a person can copy the value as a part of a command: an escaped character would be another value.
fn can_be_typed(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.chars().any(is_control),
        // Its JSON escapes control characters, but not the others.
        other => !other.to_string().chars().any(is_control),
    }
}

/// A value quoted for a shell.
fn shell_quoted(value: &Value) -> String {
    suggested_command::quoted(&typed(value))
}

/// A value as `--set` reads it.
fn typed(value: &Value) -> String {
    match value {
        // Text that would be read as another type keeps its quotes.
        Value::String(text) if serde_json::from_str::<Value>(text).is_err() => text.clone(),
        other => other.to_string(),
    }
}

/// The verdict of a rule as JSON.
pub fn rule_json(rule: &Rule, explanation: &Explanation, files: &Files) -> Value {
    json!({
        "name": rule.name,
        "verdict": explanation.truth.label(),
        "mode": rule.mode.as_str(),
        "at": files.location(rule.at),
        "predicates": trace_json(&explanation.trace, files),
        "near_misses": explanation.near_misses.iter().map(|near| json!({
            "path": near.path,
            "set": near.set,
            "words": near.words,
            "at": files.location(near.at),
        })).collect::<Vec<_>>(),
        "gates": [],
    })
}

pub fn trace_json(trace: &Trace, files: &Files) -> Value {
    let lines = trace.lines.iter();
    lines
        .map(|line| predicate_json(line, files.location(line.at)))
        .collect()
}

/// One predicate as JSON: `want` as a rule writes it, and `text` as people read it.
pub fn predicate_json(line: &TraceLine, at: String) -> Value {
    let mut predicate = json!({
        "group": line.group,
        "path": line.path,
        "operator": line.operator,
        "polarity": line.polarity.as_str(),
        "want": line.operand,
        "ignore_case": line.case == CaseSensitivity::Ignored,
        "text": line.want,
        "got": line.got,
        "verdict": line.verdict.describe(),
        "at": at,
        "hint": line.hint,
    });
    if let Some(state) = &line.schedule {
        predicate["schedule"] = json!(state);
    }
    predicate
}

/// One predicate in a line, without what it got.
pub fn predicate_text(line: &TraceLine) -> String {
    let [path, operator, want, _] = columns(line);
    format!("{}  {operator}  want {want}", plain(&path))
}

/// The header of an event as JSON, the same for every command.
pub fn event_json(event: &Event) -> Value {
    event.about.clone()
}

/// The same from a summary.
pub fn brief_json(event: &EventSummary) -> Value {
    event.about()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_keep_columns_aligned() {
        assert_eq!(padded("緊急", 6), "緊急  ");
        assert_eq!(padded("a", 3), "a  ");
        assert_eq!(padded("longer", 3), "longer");
    }

    #[test]
    fn a_command_is_suggested_only_if_its_text_can_be_typed() {
        for (value, suggested) in [
            (json!("urgent"), true),
            (json!("two words"), true),
            (json!("two\nlines"), false),
            (json!("vi\u{200b}p"), false),
            (json!(["two\nlines"]), true),
            (json!(["vi\u{200b}p"]), false),
        ] {
            let near = NearMiss {
                path: "t".into(),
                set: Some(value.clone()),
                words: format!("is {value}"),
                at: flowtrigger_core::diagnostic::Span::default(),
            };
            let (mut out, written) = Output::captured();
            near_miss(&mut out, &near).unwrap();
            out.finish().unwrap();
            assert_eq!(written.text().contains("--set"), suggested, "{value}");
            assert_eq!(written.text().lines().count(), 1, "{value}");
        }
    }

    #[test]
    fn suggested_values_are_quoted_for_the_shell() {
        for (value, typed) in [
            (json!("urgent"), "urgent"),
            (json!("7"), "'\"7\"'"),
            (json!(7), "7"),
            (json!(["a", "b"]), "'[\"a\",\"b\"]'"),
            (json!("it's"), r"'it'\''s'"),
            (json!(null), "null"),
            (json!("null"), "'\"null\"'"),
            (json!(""), "''"),
        ] {
            assert_eq!(shell_quoted(&value), typed);
        }
    }
}
