//! `test`: runs the tests of rules and reports which fail, and how, and what they exercise.
//! Having no test to run is a negative result.

mod report;

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::json;

use crate::cli::exit::Exit;
use crate::cli::options::GlobalOptions;
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::diagnostics::number;
use crate::report::render::document::versioned;
use crate::report::rule_test::coverage::{self, Coverage};
use crate::report::rule_test::result::{self, TestResult};
use crate::report::rule_test::run_test::TestRunner;
use crate::report::rule_test::suite::{Suite, TestCase};
use flowtrigger_core::rule::Rule;

pub use crate::report::rule_test::suite::{MissingRulePolicy, gather};
pub use report::text_of_failures;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger test
  flowtrigger test rules/escalate-urgent.yaml
  flowtrigger test --format junit > report.xml
  flowtrigger test --coverage --min 90
  flowtrigger test --point ticket.tags                which tests exercise a predicate

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
    /// Also report what the tests exercise in the rules, and what not.
    #[arg(long)]
    coverage: bool,
    /// Show only the coverage of points with this text in their name, place, kind or rule, with their tests.
    #[arg(long, value_name = "TEXT")]
    point: Option<String>,
    /// With `--coverage`: exit with code 1 if less than this share of all points is covered.
    #[arg(long, value_name = "PERCENT", requires = "coverage", value_parser = clap::value_parser!(u8).range(..=100))]
    min: Option<u8>,
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

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let rules = args.path.as_ref().unwrap_or(&global.rules);
    let measured = args.coverage || args.point.is_some();
    if measured && args.format == ReportFormat::Junit {
        let error = CommandError::usage("coverage has no JUnit form");
        return Err(error.help("write `--format json` or `--format text`"));
    }
    let book = global.rulebook(args.path.as_deref())?;
    let suite = gather(&book, MissingRulePolicy::Reported);
    if suite.diagnostics.has_errors() {
        return Err(CommandError::invalid(suite.files.into(), suite.diagnostics));
    }
    let only = args.only.as_deref().unwrap_or_default();
    let chosen: Vec<&TestCase> = suite
        .cases
        .iter()
        .filter(|case| case.rule.name.contains(only) || case.test.name.contains(only))
        .collect();
    if chosen.is_empty() {
        return Err(no_tests(&suite, rules, only));
    }
    let mut coverage = measured.then(|| {
        let tested: HashSet<&str> = chosen.iter().map(|case| case.rule.name.as_str()).collect();
        let is_shown = |rule: &&Rule| only.is_empty() || tested.contains(rule.name.as_str());
        let shown = book.rules.rules.iter().map(|rule| &**rule).filter(is_shown);
        Coverage::new(shown, &suite.files)
    });
    let runner = TestRunner::new(&book, &suite.files)?;
    let mut results = Vec::with_capacity(chosen.len());
    for case in chosen {
        let outcome = runner.run(case)?;
        let result = TestResult::new(case, &outcome.failure, &suite.files);
        if let Some(coverage) = &mut coverage {
            coverage.add(&result.rule, &result.name, &outcome.observed);
        }
        results.push(result);
    }
    let named = args.point.as_deref().unwrap_or_default();
    if coverage
        .as_ref()
        .is_some_and(|coverage| !coverage.has(named))
    {
        let error = CommandError::nothing(format!("no rule has a point with `{named}`"));
        return Err(error.help("`flowtrigger test --coverage --format json` lists all points"));
    }
    match args.format {
        ReportFormat::Text => text(&results, coverage.as_ref(), named, out)?,
        ReportFormat::Json => {
            let tests = result::json(&results);
            let coverage = coverage.as_ref();
            let coverage = coverage.map(|coverage| coverage::report::json(coverage, named));
            let answer = json!({ "tests": tests, "coverage": coverage });
            writeln!(out, "{}", versioned(answer))?;
        }
        ReportFormat::Junit => report::junit(&results, out)?,
    }
    let passed = results.iter().all(TestResult::passed);
    let share = coverage.map_or(100, |coverage| coverage.count().percent());
    let enough = args.min.is_none_or(|min| share >= usize::from(min));
    Ok(match passed && enough {
        true => Exit::Fine,
        false => Exit::Negative,
    })
}

fn text(
    results: &[TestResult],
    coverage: Option<&Coverage>,
    named: &str,
    out: &mut Output,
) -> io::Result<()> {
    match coverage {
        None => report::text(results, out),
        Some(coverage) if named.is_empty() => {
            report::text(results, out)?;
            coverage::report::text(coverage, out)
        }
        Some(coverage) => {
            report::text_of_failures(results, out)?;
            coverage::report::text_of_points(coverage, named, out)
        }
    }
}

/// The error of a run without tests.
fn no_tests(suite: &Suite, rules: &std::path::Path, only: &str) -> CommandError {
    let rules = rules.display();
    if suite.cases.is_empty() {
        return CommandError::nothing(format!("no test in `{rules}`"))
            .help("write NAME.test.yaml beside NAME.yaml, or `tests:` in a rule");
    }
    let all = number(suite.cases.len(), "test");
    CommandError::nothing(format!("no test has `{only}` in its name or its rule's"))
        .help(format!("correct `--only`; `{rules}` has {all}"))
}
