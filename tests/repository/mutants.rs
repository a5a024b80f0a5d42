//! The tests of the shipped rules notice every mutant, or the mutant is proven to match the same events.

use std::process::Command;

use serde_json::Value;

/// The names of the mutants that survive, and the number of those that are killed.
fn mutants(arguments: &[&str]) -> (Vec<String>, u64) {
    let output = Command::new(env!("CARGO_BIN_EXE_flowtrigger"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(arguments)
        .args(["test", "--mutants", "--format", "json"])
        .output();
    let output = output.expect("the program starts");
    let results: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let mut survived = Vec::new();
    for subject in results["mutants"]["subjects"].as_array().expect("subjects") {
        assert_eq!(subject["failing"], serde_json::json!([]), "{subject:#}");
        for mutant in subject["mutants"].as_array().expect("mutants") {
            if mutant["result"] == "survived" {
                let text = |name: &Value| name.as_str().expect("a name").to_owned();
                survived.push(format!(
                    "{}: {}",
                    text(&subject["name"]),
                    text(&mutant["name"])
                ));
            }
        }
    }
    assert_eq!(output.status.success(), survived.is_empty());
    (
        survived,
        results["mutants"]["killed"].as_u64().expect("a count"),
    )
}

#[test]
fn the_tests_of_the_rules_notice_every_mutant() {
    let (survived, killed) = mutants(&["--rules", "rules"]);
    assert_eq!(survived, Vec::<String>::new());
    assert!(killed > 200, "{killed} mutants were killed");
}

#[test]
fn the_tests_of_the_automations_notice_every_mutant() {
    let config = "examples/time/flowtrigger.yaml";
    let (survived, killed) = mutants(&["--config", config, "--rules", "examples/time/rules"]);
    assert_eq!(survived, Vec::<String>::new());
    assert!(killed > 60, "{killed} mutants were killed");
}

#[test]
fn the_tests_of_the_bundles_notice_every_mutant() {
    let config = "examples/bundles/flowtrigger.yaml";
    let (survived, killed) = mutants(&["--config", config, "--rules", "examples/bundles"]);
    // An absent rating is not less than a number either, so that `IsPresent` changes nothing.
    let is_present = "zis:harborlane_triage:flow:escalate_priority: drop_predicate \
        resources.escalate_priority.properties.definition.States.HowBad.Choices[1].And[1]";
    assert_eq!(survived, [is_present]);
    assert!(killed > 90, "{killed} mutants were killed");
}
