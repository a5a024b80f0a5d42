//! The shipped rules: they load without a diagnostic, each has tests and a schema line, and none needs an
//! account. `flowtrigger test` runs their tests, in `tests/repository/readme.rs`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

use flowtrigger_core::config::Config;
use flowtrigger_core::matching::rule_set::RuleSet;
use flowtrigger_core::{EventInput, MatchScratch};
use flowtrigger_testing::{repository, rules};

const SCHEMA_LINE: &str = "# yaml-language-server: $schema=../schema/rule.schema.json";

fn rule_files() -> Vec<PathBuf> {
    let mut files = repository::files_ending(repository::path("rules"), "yaml");
    files.retain(|path| !repository::file_name(path).ends_with(".test.yaml"));
    files
}

fn load() -> (Config, RuleSet, Vec<String>) {
    let config = rules::config(&repository::read(repository::path("flowtrigger.yaml")));
    let files = rule_files();
    let texts = files.iter().map(|path| {
        let name = format!("rules/{}", repository::file_name(path));
        (name, repository::read(path))
    });
    let texts: Vec<(String, String)> = texts.collect();
    let texts: Vec<(&str, &str)> = texts
        .iter()
        .map(|(n, t)| (n.as_str(), t.as_str()))
        .collect();
    let (set, diagnostics) = rules::compile(&texts, &config);
    let messages = diagnostics.sorted().into_iter().map(|found| {
        format!(
            "{}: {} ({:?})",
            set.files.location(found.at),
            found.message,
            found.help
        )
    });
    let messages = messages.collect();
    (config, set, messages)
}

#[test]
fn all_rules_load_without_a_diagnostic() {
    let (_, set, said) = load();
    assert_eq!(said, Vec::<String>::new());
    assert!(
        (8..=16).contains(&set.rules.len()),
        "{} rules",
        set.rules.len()
    );
}

#[test]
fn each_rule_file_has_tests_and_a_schema_line() {
    for path in rule_files() {
        let first = repository::read(&path).lines().next().map(str::to_owned);
        assert_eq!(first.as_deref(), Some(SCHEMA_LINE), "{}", path.display());
        assert!(
            path.with_extension("test.yaml").is_file(),
            "{}",
            path.display()
        );
    }
}

/// A reader can see each rule match with `flowtrigger dry-run --explain EXAMPLE`.
#[test]
fn each_rule_matches_a_shipped_example() {
    let (_, set, _) = load();
    let mut scratch = MatchScratch::default();
    let mut unmatched: BTreeSet<&str> = set.rules.iter().map(|rule| rule.name.as_str()).collect();
    for path in repository::files_below(repository::path("examples/events")) {
        let bytes = repository::read(&path);
        let Ok(evaluation) = set.evaluate(EventInput::bytes(bytes.as_bytes()), &mut scratch) else {
            continue;
        };
        for rule in evaluation.matched() {
            unmatched.remove(rule.name.as_str());
        }
    }
    assert!(unmatched.is_empty(), "no example matches {unmatched:?}");
}

#[test]
fn each_rule_has_a_description() {
    let (_, set, _) = load();
    for rule in &set.rules {
        assert!(rule.description().is_some(), "{}", rule.name);
    }
}

#[test]
fn no_rule_needs_an_account() {
    let (config, set, _) = load();
    for connection in config.connections.values() {
        assert!(
            connection.base_url.starts_with("outbox:"),
            "{}",
            connection.name
        );
        assert!(connection.auth.is_none(), "{}", connection.name);
    }
    for path in rule_files() {
        let text = repository::read(&path);
        assert!(!text.contains("secret."), "{}", path.display());
        assert!(!text.contains("\n      url:"), "{}", path.display());
    }
    assert!(!set.rules.is_empty());
}

/// Rules of the examples that need no full coverage, and why.
const NOT_COVERED: [(&str, &str); 5] = [
    (
        "harborlane_choices.on_status",
        "has one of each comparison, which tests/cases/bundles/choices tests",
    ),
    (
        "harborlane_tags.on_tags",
        "shows loops, which tests/cases/flows tests",
    ),
    (
        "harborlane_triage.on_ticket_created",
        "shows every state; tests/core/bundle_runs.rs runs it",
    ),
    (
        "harborlane_triage.on_priority_changed",
        "shows every state; tests/core/bundle_runs.rs runs it",
    ),
    (
        "harborlane_triage.on_comment_added",
        "shows every state; tests/core/bundle_runs.rs runs it",
    ),
];

/// Readers take these rules as examples of well-tested ones: each predicate, gate, guard, branch, catch, loop and step
/// is tested in both ways.
#[test]
fn the_tests_of_each_shipped_rule_cover_it() {
    let examples = [
        "--rules",
        "examples/bundles",
        "--config",
        "examples/bundles/flowtrigger.yaml",
    ];
    let (mut gates, mut rules) = (0, 0);
    for folder in [&[][..], &examples[..]] {
        let coverage = coverage(folder);
        for rule in coverage["rules"].as_array().expect("rules") {
            let name = rule["rule"].as_str().expect("a name");
            let points = rule["points"].as_array().expect("points");
            gates += points
                .iter()
                .filter(|point| point["kind"] == "gate")
                .count();
            rules += 1;
            let is_exception = NOT_COVERED.iter().any(|(rule, _)| *rule == name);
            let is_covered = rule["covered"] == rule["total"];
            assert_eq!(
                is_covered, !is_exception,
                "`flowtrigger test --coverage --only {name}`: {rule:#}"
            );
        }
    }
    assert!(gates >= 3, "{gates} gates");
    assert!(rules >= 20, "{rules} rules");
}

fn coverage(arguments: &[&str]) -> Value {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_flowtrigger"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = command
        .args(["test", "--coverage", "--format", "json"])
        .args(arguments)
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    report["coverage"].clone()
}
