//! The schema of `test --format json`.

use serde_json::{Value, json};

use super::{Keys, count, document, flag, list, part, part_or_null, text, words};

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
        .object("The results, and with `--coverage` or `--point` what the tests exercise.");
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
        }),
    )
}
