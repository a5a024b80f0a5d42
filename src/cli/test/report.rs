//! Prints the results of tests, as text with differences and as JUnit XML.

use std::io::{self, Write};

use crate::report::output::Output;
use crate::report::render::color::{Paint, Tone};
use crate::report::rule_test::result::TestResult;

pub fn text(results: &[TestResult], out: &mut Output) -> io::Result<()> {
    let paint = Paint::new(out);
    for test in results {
        let word = match test.passed() {
            true => paint.tone(Tone::Green, "ok  "),
            false => paint.tone(Tone::Red, "FAIL"),
        };
        writeln!(out, "{word}  {}  {}", test.rule, test.name)?;
    }
    text_of_failures(results, out)?;
    let failed = results.iter().filter(|test| !test.passed()).count();
    writeln!(out, "\n{} passed, {failed} failed", results.len() - failed)
}

/// Writes the failed tests with their differences.
pub fn text_of_failures(results: &[TestResult], out: &mut Output) -> io::Result<()> {
    let paint = Paint::new(out);
    for test in results.iter().filter(|test| !test.passed()) {
        writeln!(
            out,
            "\n{}  {}  {}",
            paint.tone(Tone::Red, "FAIL"),
            test.rule,
            test.name
        )?;
        writeln!(out, "  {}", paint.tone(Tone::Dim, &test.place))?;
        for line in &test.failure {
            let tone = match line.as_bytes().first() {
                Some(b'-') => Tone::Red,
                Some(b'+') => Tone::Green,
                _ => Tone::Bold,
            };
            writeln!(out, "    {}", paint.tone(tone, line))?;
        }
    }
    Ok(())
}

pub fn junit(results: &[TestResult], out: &mut Output) -> io::Result<()> {
    let failed = results.iter().filter(|test| !test.passed()).count();
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    writeln!(
        out,
        r#"<testsuite name="flowtrigger" tests="{}" failures="{failed}">"#,
        results.len()
    )?;
    for test in results {
        let (rule, name) = (escaped(&test.rule), escaped(&test.name));
        match test.passed() {
            true => writeln!(out, r#"  <testcase classname="{rule}" name="{name}"/>"#)?,
            false => {
                let (place, text) = (escaped(&test.place), escaped(&test.failure.join("\n")));
                writeln!(out, r#"  <testcase classname="{rule}" name="{name}">"#)?;
                writeln!(out, r#"    <failure message="{place}">{text}</failure>"#)?;
                writeln!(out, "  </testcase>")?;
            }
        }
    }
    writeln!(out, "</testsuite>")
}

/// Escapes text for XML. Characters that XML does not allow become U+FFFD.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
