//! `test`: runs the tests of rules and reports which fail, and how, and what they exercise.
//! Having no test to run is a negative result.

mod report;

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use clap::ValueEnum;
use serde_json::json;

use crate::cli::exit::Exit;
use crate::cli::options::GlobalOptions;
use crate::engine::Rulebook;
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::diagnostics::number;
use crate::report::render::document::versioned;
use crate::report::rule_test::coverage::{self, Coverage};
use crate::report::rule_test::mutants;
use crate::report::rule_test::result::{self, TestResult};
use crate::report::rule_test::run_test::TestRunner;
use crate::report::rule_test::suite::{Suite, TestCase};
use flowtrigger_core::document::suggest;
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
  flowtrigger test --mutants                          which changes of the rules no test notices
  flowtrigger test --mutants --rule escalate-urgent

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
    /// Also change each rule in many small ways, and report the changes that no test notices.
    #[arg(long)]
    mutants: bool,
    /// Run only the tests of this rule.
    #[arg(long, value_name = "NAME")]
    rule: Option<String>,
    /// With `--coverage` or `--mutants`: exit with code 1 if less than this share of all points is covered, or of all mutants noticed. Default: 100 for `--mutants`.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(..=100))]
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
    check_options(&args, measured)?;
    let book = global.rulebook(args.path.as_deref())?;
    let suite = gather(&book, MissingRulePolicy::Reported);
    if suite.diagnostics.has_errors() {
        return Err(CommandError::invalid(suite.files.into(), suite.diagnostics));
    }
    let only = args.only.as_deref().unwrap_or_default();
    if let Some(name) = &args.rule
        && book.rules.rule(name).is_none()
    {
        return Err(unknown_rule(name, &book));
    }
    let is_of_rule = |rule: &Rule| args.rule.as_ref().is_none_or(|name| rule.name == *name);
    let chosen: Vec<&TestCase> = suite
        .cases
        .iter()
        .filter(|case| case.rule.name.contains(only) || case.test.name.contains(only))
        .filter(|case| is_of_rule(&case.rule))
        .collect();
    // Without tests, every mutant survives, with the test that would notice it.
    if chosen.is_empty() && !args.mutants {
        return Err(no_tests(&suite, rules, &args));
    }
    let tested: HashSet<&str> = chosen.iter().map(|case| case.rule.name.as_str()).collect();
    let shown = book.rules.rules.iter().filter(|rule| {
        is_of_rule(rule) && (only.is_empty() || tested.contains(rule.name.as_str()))
    });
    let shown: Vec<Arc<Rule>> = shown.cloned().collect();
    let mut coverage = measured.then(|| {
        let shown = shown.iter().map(|rule| &**rule);
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
    let score = match args.mutants {
        true => Some(mutants::score(&shown, &book, &suite)?),
        false => None,
    };
    match args.format {
        ReportFormat::Text => {
            text(&results, coverage.as_ref(), named, out)?;
            if let Some(score) = &score {
                mutants::report::text(score, out)?;
            }
        }
        ReportFormat::Json => {
            let tests = result::json(&results);
            let coverage = coverage.as_ref();
            let coverage = coverage.map(|coverage| coverage::report::json(coverage, named));
            let mutants = score.as_ref().map(mutants::report::json);
            let answer = json!({ "tests": tests, "coverage": coverage, "mutants": mutants });
            writeln!(out, "{}", versioned(answer))?;
        }
        ReportFormat::Junit => report::junit(&results, out)?,
    }
    let passed = results.iter().all(TestResult::passed);
    let covered = coverage.map_or(100, |coverage| coverage.count().percent());
    let enough = args.min.is_none_or(|min| covered >= usize::from(min));
    let noticed = score.is_none_or(|score| {
        let min = usize::from(args.min.unwrap_or(100));
        score.is_valid() && score.count().percent() >= min
    });
    Ok(match passed && enough && noticed {
        true => Exit::Fine,
        false => Exit::Negative,
    })
}

/// Rejects options that do not belong together.
fn check_options(args: &Args, measured: bool) -> Result<(), CommandError> {
    let has_score = measured || args.mutants;
    if has_score && args.format == ReportFormat::Junit {
        let what = if measured {
            "coverage has"
        } else {
            "mutants have"
        };
        let error = CommandError::usage(format!("{what} no JUnit form"));
        return Err(error.help("write `--format json` or `--format text`"));
    }
    if args.min.is_some() && !(args.coverage || args.mutants) {
        let error = CommandError::usage("`--min` needs `--coverage` or `--mutants`".to_owned());
        return Err(error.help("add the one whose share must reach the minimum"));
    }
    Ok(())
}

/// The error of a name that no rule has.
fn unknown_rule(name: &str, book: &Rulebook) -> CommandError {
    let names = book.rules.rules.iter().map(|rule| rule.name.as_str());
    let error = CommandError::nothing(format!("no rule is called `{name}`"));
    match suggest::nearest(name, names) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error.help("`flowtrigger check` lists the rules"),
    }
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
fn no_tests(suite: &Suite, rules: &std::path::Path, args: &Args) -> CommandError {
    let rules = rules.display();
    if suite.cases.is_empty() {
        return CommandError::nothing(format!("no test in `{rules}`"))
            .help("write NAME.test.yaml beside NAME.yaml, or `tests:` in a rule");
    }
    let all = number(suite.cases.len(), "test");
    match (&args.only, &args.rule) {
        (Some(only), _) => {
            CommandError::nothing(format!("no test has `{only}` in its name or its rule's"))
                .help(format!("correct `--only`; `{rules}` has {all}"))
        }
        (None, rule) => {
            let rule = rule.as_deref().unwrap_or_default();
            CommandError::nothing(format!("no test is of the rule `{rule}`"))
                .help("`flowtrigger test --mutants` suggests tests")
        }
    }
}
