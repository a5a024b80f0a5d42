//! `test --mutants`: for every kind of change a case with a mutant that a test kills and one that survives. The suggested
//! tests are added to the rule, which then kill every mutant.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use flowtrigger_core::mutation::MutationKind;
use flowtrigger_testing::sandbox::Sandbox;
use flowtrigger_testing::{expected, repository};
use serde_json::Value;

fn cases() -> Vec<PathBuf> {
    let files = repository::files_ending(repository::path("tests/cases/mutants"), "yaml");
    let is_case = |file: &PathBuf| !file.to_string_lossy().ends_with(".test.yaml");
    files.into_iter().filter(is_case).collect()
}

/// The mutants of a case, and the tests that it suggests by file.
struct ScoredCase {
    score: Value,
    code: i32,
}

fn scored(sandbox: &Sandbox) -> ScoredCase {
    let output = sandbox.run(&["test", "--mutants", "--format", "json", "--rules", "rules"]);
    let score: Value = serde_json::from_str(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", output.stdout, output.stderr));
    ScoredCase {
        score: score["mutants"].clone(),
        code: output.code,
    }
}

impl ScoredCase {
    fn mutants(&self) -> impl Iterator<Item = &Value> {
        let subjects = self.score["subjects"].as_array().into_iter().flatten();
        subjects.flat_map(|subject| subject["mutants"].as_array().into_iter().flatten())
    }

    fn with_result(&self, result: &str) -> Vec<&Value> {
        let mutants = self.mutants();
        mutants
            .filter(|mutant| mutant["result"] == result)
            .collect()
    }

    /// One line for each mutant, and the test that is suggested for it.
    fn lines(&self) -> String {
        let mut lines = String::new();
        for subject in self.score["subjects"].as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let (kind, name) = (text(&subject["kind"]), text(&subject["name"]));
            let (killed, survived) = (&subject["killed"], &subject["survived"]);
            let equal = &subject["equivalent"];
            writeln!(
                lines,
                "{kind} {name}: {killed} killed, {survived} survived, {equal} equal"
            )
            .expect("a text can be written");
            for mutant in subject["mutants"].as_array().into_iter().flatten() {
                let at = text(&mutant["at"]);
                let at = at.trim_start_matches("rules/");
                let (result, name) = (text(&mutant["result"]), text(&mutant["name"]));
                let change = text(&mutant["change"]);
                let by = mutant["killed_by"].as_str().map(|by| format!("  by: {by}"));
                let by = by.unwrap_or_default();
                writeln!(lines, "\n{result}  {name}  {at}\n  {change}{by}")
                    .expect("a text can be written");
                lines.push_str(mutant["test"].as_str().unwrap_or_default());
            }
        }
        lines
    }

    /// The suggested tests of each file.
    fn tests(&self) -> BTreeMap<String, String> {
        let mut tests = BTreeMap::<String, String>::new();
        for mutant in self.with_result("survived") {
            if let (Some(file), Some(test)) =
                (mutant["test_file"].as_str(), mutant["test"].as_str())
            {
                tests.entry(file.to_owned()).or_default().push_str(test);
            }
        }
        tests
    }
}

fn sandbox(case: &Path) -> Sandbox {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"));
    fs::create_dir_all(sandbox.path("rules")).expect("a folder");
    sandbox.write("rules/case.yaml", repository::read(case));
    // A bundle has its tests in a file of their own.
    let tests = case.with_extension("test.yaml");
    if tests.exists() {
        sandbox.write("rules/case.test.yaml", repository::read(&tests));
    }
    sandbox
}

#[test]
fn each_case_has_the_mutants_that_are_expected() {
    let differences = cases().into_iter().filter_map(|case| {
        let scored = scored(&sandbox(&case));
        let survived = scored.with_result("survived").len();
        assert_eq!(scored.code, i32::from(survived > 0), "{}", case.display());
        expected::difference(&case.with_extension("expected"), &scored.lines())
    });
    let differences: Vec<String> = differences.collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Every suggested test passes, and with all of them no mutant is left.
#[test]
fn the_suggested_tests_kill_the_mutants() {
    for case in cases() {
        let sandbox = sandbox(&case);
        let before = scored(&sandbox);
        for (file, tests) in before.tests() {
            let written = match sandbox.path(&file).exists() {
                true => sandbox.read(&file),
                false => String::new(),
            };
            sandbox.write(&file, written + &tests);
        }
        let after = scored(&sandbox);
        let failing = after.score["subjects"].as_array().into_iter().flatten();
        for subject in failing {
            assert_eq!(
                subject["failing"],
                serde_json::json!([]),
                "{}",
                case.display()
            );
        }
        let left: Vec<&str> = after
            .with_result("survived")
            .into_iter()
            .filter_map(|mutant| mutant["name"].as_str())
            .collect();
        assert_eq!(left, Vec::<&str>::new(), "{}", case.display());
    }
}

#[test]
fn each_kind_of_mutant_is_killed_in_a_case_and_survives_in_one() {
    let mut found = BTreeSet::new();
    for case in cases() {
        let scored = scored(&sandbox(&case));
        for mutant in scored.mutants() {
            let kind = mutant["kind"].as_str().unwrap_or_default().to_owned();
            let result = mutant["result"].as_str().unwrap_or_default().to_owned();
            found.insert((kind, result));
        }
    }
    for kind in MutationKind::ALL {
        for result in ["killed", "survived"] {
            let wanted = (kind.as_str().to_owned(), result.to_owned());
            assert!(found.contains(&wanted), "no mutant {wanted:?} in a case");
        }
    }
}
