//! `test`: runs the tests of rules and reports which fail, and how.
//! Having no test to run is a negative result.

mod run_test;
pub mod step_names;
mod suite;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::cli::exit::{CommandError, Exit};
use crate::cli::options::GlobalOptions;
use crate::cli::output::Output;
use crate::cli::render::color::{Paint, Tone};
use crate::cli::render::diagnostics::number;
use crate::cli::render::escape::plain;
use crate::engine::Rulebook;
use flowtrigger_core::diagnostic::Files;

pub use suite::{MissingRulePolicy, gather};

const AFTER_HELP: &str = "\
Examples:
  flowtrigger test
  flowtrigger test rules/escalate-urgent.yaml
  flowtrigger test --format junit > report.xml

Write tests under `tests:` in a rule, or in NAME.test.yaml next to NAME.yaml.";

/// Run the rules' own tests.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Folder of rule files, or one rule file. Default: `--rules`.
    #[arg(value_name = "PATH")]
    path: Option<PathBuf>,
    /// Run only tests with this text in their name or their rule's name.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: ReportFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
    Text,
    Json,
    Junit,
}

/// One test and the lines that describe its failure.
struct TestResult {
    rule: String,
    name: String,
    place: String,
    failure: Vec<String>,
}

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let rules = args.path.as_ref().unwrap_or(&global.rules);
    let book = global.rulebook(args.path.as_deref())?;
    let suite = gather(&book, MissingRulePolicy::Reported);
    if suite.diagnostics.has_errors() {
        return Err(CommandError::invalid(suite.files.into(), suite.diagnostics));
    }
    let only = args.only.as_deref().unwrap_or_default();
    let chosen = suite
        .cases
        .iter()
        .filter(|case| case.rule.name.contains(only) || case.test.name.contains(only));
    let results = chosen
        .map(|case| run_case(case, &book, &suite.files))
        .collect::<Result<Vec<TestResult>, CommandError>>()?;
    if results.is_empty() {
        return Err(no_tests(&suite, rules, only));
    }
    match args.format {
        ReportFormat::Text => text(&results, out)?,
        ReportFormat::Json => writeln!(out, "{}", json(&results))?,
        ReportFormat::Junit => junit(&results, out)?,
    }
    Ok(match results.iter().all(TestResult::passed) {
        true => Exit::Fine,
        false => Exit::Negative,
    })
}

/// The error of a run without tests.
fn no_tests(suite: &suite::Suite, rules: &std::path::Path, only: &str) -> CommandError {
    let rules = rules.display();
    if suite.cases.is_empty() {
        return CommandError::nothing(format!("no test in `{rules}`"))
            .help("write NAME.test.yaml beside NAME.yaml, or `tests:` in a rule");
    }
    let all = number(suite.cases.len(), "test");
    CommandError::nothing(format!("no test has `{only}` in its name or its rule's"))
        .help(format!("correct `--only`; `{rules}` has {all}"))
}

fn run_case(
    case: &suite::TestCase,
    book: &Rulebook,
    files: &Files,
) -> Result<TestResult, CommandError> {
    let failure = run_test::run(case, &book.rules, &book.config, files)?;
    // A line holds values of the event.
    Ok(TestResult {
        rule: case.rule.name.clone(),
        name: plain(&case.test.name).into_owned(),
        place: files.location(case.test.at),
        failure: failure
            .iter()
            .map(|line| plain(line).into_owned())
            .collect(),
    })
}

impl TestResult {
    fn passed(&self) -> bool {
        self.failure.is_empty()
    }
}

fn text(results: &[TestResult], out: &mut Output) -> io::Result<()> {
    let paint = Paint::new(out);
    for test in results {
        let word = match test.passed() {
            true => paint.tone(Tone::Green, "ok  "),
            false => paint.tone(Tone::Red, "FAIL"),
        };
        writeln!(out, "{word}  {}  {}", test.rule, test.name)?;
    }
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
    let failed = results.iter().filter(|test| !test.passed()).count();
    writeln!(out, "\n{} passed, {failed} failed", results.len() - failed)
}

fn json(results: &[TestResult]) -> Value {
    let line = |test: &TestResult| {
        json!({
            "rule": test.rule,
            "name": test.name,
            "at": test.place,
            "passed": test.passed(),
            "failure": test.failure,
        })
    };
    results.iter().map(line).collect()
}

fn junit(results: &[TestResult], out: &mut Output) -> io::Result<()> {
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
