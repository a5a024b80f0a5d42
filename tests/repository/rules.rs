//! The shipped rules: they load without a mistake, each has its tests and its schema line, and none
//! needs an account. Whether their tests pass is `flowtrigger test`'s to say; `tests/readme.rs` runs it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flowtrigger::core::config::{self, Config};
use flowtrigger::core::diagnostic::{Diagnostics, Files};
use flowtrigger::core::matching::ruleset::RuleSet;

const SCHEMA_LINE: &str = "# yaml-language-server: $schema=../schema/rule.schema.json";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn rule_files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(root().join("rules"))
        .expect("the rules folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.ends_with(".yaml") && !name.ends_with(".test.yaml")
        })
        .collect();
    files.sort();
    files
}

fn load() -> (Config, RuleSet, Vec<String>) {
    let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
    let text = read(&root().join("flowtrigger.yaml"));
    let file = files.add("flowtrigger.yaml", text.as_str());
    let config = config::parse(file, &text, &BTreeMap::new(), &mut diagnostics);
    let ids: Vec<_> = rule_files()
        .iter()
        .map(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            files.add(format!("rules/{name}"), read(path))
        })
        .collect();
    let files = Arc::new(files);
    let set = RuleSet::compile(&files, &ids, &config, &mut diagnostics);
    let said = diagnostics
        .sorted()
        .iter()
        .map(|d| format!("{}: {} ({:?})", files.place(d.at), d.message, d.help))
        .collect();
    (config, set, said)
}

#[test]
fn they_load_without_a_mistake() {
    let (_, set, said) = load();
    assert_eq!(said, Vec::<String>::new());
    assert!(
        (8..=16).contains(&set.rules.len()),
        "{} rules",
        set.rules.len()
    );
}

#[test]
fn each_has_its_tests_and_its_schema_line() {
    for path in rule_files() {
        let first = read(&path).lines().next().map(str::to_owned);
        assert_eq!(first.as_deref(), Some(SCHEMA_LINE), "{}", path.display());
        assert!(
            path.with_extension("test.yaml").is_file(),
            "{}",
            path.display()
        );
    }
}

#[test]
fn each_says_what_it_is_for() {
    let (_, set, _) = load();
    for rule in &set.rules {
        assert!(rule.description().is_some(), "{}", rule.name);
    }
}

#[test]
fn none_needs_an_account() {
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
        let text = read(&path);
        assert!(!text.contains("secret."), "{}", path.display());
        assert!(!text.contains("\n      url:"), "{}", path.display());
    }
    assert!(!set.rules.is_empty());
}
