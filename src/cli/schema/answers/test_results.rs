//! The schema of `test --format json`.

use serde_json::{Value, json};

use super::{Keys, count, document, flag, list, maybe_text, part, part_or_null, text, words};
use flowtrigger_core::mutation::MutationKind;

pub fn schema() -> Value {
    let test = Keys::new()
        .with("rule", text("The rule under test."))
        .with("name", text("The test's name."))
        .with("at", text("Its place: `file:line:column`."))
        .with("passed", flag("Whether everything was as expected."))
        .with(
            "failure",
            list(
                text("A line; `-` is expected, `+` happened."),
                "How it failed; empty if it passed.",
            ),
        )
        .object("A test.");
    let answer = Keys::of_document()
        .with("tests", list(part("test"), "The tests, in their order."))
        .with("coverage", part_or_null("coverage"))
        .with("mutants", part_or_null("mutants"))
        .object("The results, with `--coverage` or `--point` what the tests exercise, and with `--mutants` what they do not notice.");
    let side = Keys::new()
        .with(
            "side",
            text("The side, such as `true`, `taken` or `not sent`."),
        )
        .with(
            "tests",
            list(text("A test's name."), "The tests that exercise it."),
        )
        .object("One side of a point.");
    let kinds = [
        "predicate",
        "gate",
        "guard",
        "branch",
        "catch",
        "for_each",
        "step",
    ];
    let point = Keys::new()
        .with("kind", words("What it is.", &kinds))
        .with("name", text("The predicate, or the path in the flow."))
        .with("at", text("Its place."))
        .with("sides", list(part("side"), "Both sides."))
        .object("A point of a rule that tests can exercise.");
    let counts = || {
        Keys::new()
            .with("covered", count("How many sides of points are exercised."))
            .with("total", count("How many there are."))
            .with("percent", count("The share, rounded down."))
    };
    let rule = counts()
        .with("rule", text("The rule."))
        .with("at", text("Its place."))
        .with(
            "points",
            list(
                part("point"),
                "Its points; with `--point` those that it names.",
            ),
        )
        .object("The coverage of a rule.");
    let coverage = counts()
        .with("rules", list(part("rule"), "The rules."))
        .object("The coverage of all rules.");
    document(
        "The output of `flowtrigger test --format json`",
        &["answer"],
        json!({
            "answer": answer,
            "test": test,
            "coverage": coverage,
            "rule": rule,
            "point": point,
            "side": side,
            "mutants": mutants(),
            "subject": mutated_subject(),
            "mutant": mutant(),
        }),
    )
}

fn mutant_counts() -> Keys {
    Keys::new()
        .with("killed", count("How many mutants fail a test."))
        .with("survived", count("How many fail no test."))
        .with(
            "equivalent",
            count("How many do the same for every event, which was proven. They do not count."),
        )
        .with(
            "percent",
            count("The share of killed mutants, rounded down."),
        )
}

fn mutants() -> Value {
    mutant_counts()
        .with(
            "subjects",
            list(
                part("subject"),
                "The rules, and the named flows that they run.",
            ),
        )
        .object("The mutants of all rules.")
}

fn mutated_subject() -> Value {
    let failing = list(
        text("A test's name."),
        "The tests that fail without a change. No mutant is tested then.",
    );
    mutant_counts()
        .with("name", text("The rule or the flow."))
        .with(
            "kind",
            words(
                "What it is. Rules of bundles have no mutants.",
                &["rule", "flow", "bundle flow"],
            ),
        )
        .with("at", text("Its place: `file:line:column`."))
        .with("tests", count("How many tests it has."))
        .with("failing", failing)
        .with(
            "mutants",
            list(part("mutant"), "Its mutants, in the order of the file."),
        )
        .object("The mutants of a rule or of a named flow.")
}

fn mutant() -> Value {
    let kinds = MutationKind::ALL.map(MutationKind::as_str);
    Keys::new()
        .with("name", text("The kind and the key of the document. Unique in its rule; stays the same while lines move."))
        .with("kind", words("What was changed.", &kinds))
        .with("at", text("The place of what was changed."))
        .with("change", text("The change, in words."))
        .with("result", words("Whether a test noticed it.", &["killed", "survived", "equivalent"]))
        .with("killed_by", maybe_text("The first test that fails with it."))
        .with("test", maybe_text("A test that fails with it, as an element of a list of tests; null if none was found."))
        .with("test_file", maybe_text("The file for this test."))
        .object("A rule or a flow with one small change.")
}
