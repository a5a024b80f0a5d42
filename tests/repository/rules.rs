//! The shipped rules: they load without a diagnostic, each has tests and a schema line, and none needs an
//! account. `flowtrigger test` runs their tests, in `tests/repository/readme.rs`.

use std::collections::BTreeSet;
use std::path::PathBuf;

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
