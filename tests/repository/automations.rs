//! The automations of `examples/time`: they load without a diagnostic, their tests pass and cover them, and
//! docs/time.md shows them as they are.

use std::process::{Command, Output};

use flowtrigger_testing::repository;
use serde_json::Value;

const FOLDER: &str = "examples/time/rules";

fn program(command: &str, more: &[&str]) -> Output {
    let config = "examples/time/flowtrigger.yaml";
    let output = Command::new(env!("CARGO_BIN_EXE_flowtrigger"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["--config", config, "--rules", FOLDER, command])
        .args(more)
        .output();
    output.expect("the program starts")
}

/// The names of the rules.
fn automations() -> Vec<String> {
    let files = repository::files_ending(repository::path(FOLDER), "yaml");
    let names = files.iter().map(|path| repository::file_name(path));
    let rules = names.filter(|name| !name.ends_with(".test.yaml"));
    rules
        .map(|name| name.trim_end_matches(".yaml").to_owned())
        .collect()
}

#[test]
fn automations_load_without_a_diagnostic() {
    let output = program("check", &["--format", "json"]);
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(!printed.contains("\"severity\""), "{printed}");
    assert_eq!(automations().len(), 8);
}

#[test]
fn the_tests_of_each_automation_pass_and_cover_it() {
    let output = program("test", &["--coverage", "--format", "json"]);
    let results: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(output.status.success(), "{results:#}");
    let rules = results["coverage"]["rules"].as_array().expect("rules");
    let mut covered: Vec<&str> = Vec::new();
    for rule in rules {
        let points = rule["points"].as_array().expect("points");
        for point in points {
            // A tick is matched by its own rule only, which no test can make false.
            let is_of_tick = point["name"].as_str() == Some("rule is \"morning-digest\"");
            let sides = point["sides"].as_array().expect("sides");
            let tested = |side: &Value| !side["tests"].as_array().expect("tests").is_empty();
            assert!(is_of_tick || sides.iter().all(tested), "{point:#}");
        }
        covered.push(rule["rule"].as_str().expect("a name"));
    }
    covered.sort_unstable();
    let mut expected = automations();
    expected.sort_unstable();
    assert_eq!(covered, expected);
    let tests = results["tests"].as_array().expect("tests");
    for rule in covered {
        let own = tests.iter().filter(|test| test["rule"] == rule);
        assert!(own.count() >= 3, "{rule}");
    }
}

#[test]
fn the_document_shows_each_automation_as_it_is() {
    let page = repository::read(repository::path("docs/time.md"));
    for rule in automations() {
        let path = format!("{FOLDER}/{rule}.yaml");
        let text = repository::read(repository::path(&path));
        let (schema, text) = text.split_once('\n').expect("lines");
        assert!(schema.starts_with("# yaml-language-server"), "{path}");
        let block = format!("```yaml\n# {path}\n{text}```\n");
        assert!(page.contains(&block), "docs/time.md shows another {path}");
    }
}
