//! Tests that a wrong index stops the command with exit code 5.

use serde_json::{Value, json};

use super::*;
use flowtrigger_core::matching::rule_set::RuleSet;

fn rules(current: &str) -> RuleSet {
    flowtrigger_testing::rules::from_text(&format!(
        "name: r\nevent_source: support\nevent_type: ticket.PriorityChanged\nwhen: {{ current: {current} }}\nflow: [{{ succeed: ok }}]\n"
    ))
}

fn args() -> Args {
    Args {
        tick: None,
        at: None,
        files: Vec::new(),
        explain: true,
        set: Vec::new(),
        mock: Vec::new(),
        rule: Vec::new(),
        source: None,
        format: Format::Json,
    }
}

fn answer(rules: RuleSet) -> (Result<bool, CommandError>, String) {
    let book = Rulebook {
        rules,
        ..Rulebook::default()
    };
    let text = br#"{"input":{"ticket_event":{"type":"Priority Changed","current":"high","ticket":{"id":7}}}}"#;
    let input = input::single(text.to_vec(), "support", &book.config).expect("an event");
    let (mut out, written) = Output::captured();
    let mut scratch = MatchScratch::default();
    let evaluation = book.rules.evaluate(input.as_input(), &mut scratch);
    let evaluation = evaluation.expect("an event");
    let (mocks, history) = (Mocks::default(), GateHistorySource::new(None));
    let answered = answer_event(&evaluation, &args(), (&book, &mocks), &history, &mut out);
    (answered, written.text())
}

#[test]
fn json_names_the_form_that_the_index_read() {
    let (matched, text) = answer(rules("high"));
    assert!(matched.expect("agreement"));
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(answer["read"], "tape");
    assert_eq!(answer["matched"], json!(["r"]));
}

#[test]
fn a_wrong_index_is_an_internal_error() {
    for (index, rule) in [("high", "low"), ("low", "high"), ("low", "urgent")] {
        let mut planted = rules(index);
        planted.rules = rules(rule).rules;
        let (answered, text) = answer(planted);
        let failure = answered.expect_err("a disagreement");
        assert_eq!(Exit::from(&failure), Exit::Runtime);
        assert!(
            failure.to_string().starts_with(
                "internal error: index and evaluator disagree on rule `r` for event `"
            )
        );
        assert_eq!(text, "");
    }
}
