//! Tests of nested steps from YAML to their calls: names, variables and failures.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::compile::flow::tests::event;
use crate::compile::rule_set;
use crate::config::Config;
use crate::diagnostic::{Diagnostics, Files};
use crate::flow::call::Call;
use crate::flow::decide::RunInput;
use crate::flow::simulate::Mock;
use crate::flow::simulate::simulate;
use crate::matching::rule_set::RuleSet;
use crate::rule::Rule;
use crate::run::answer_link::AnswerLinks;

const HEAD: &str = "name: r\nevent_source: support\nevent_type: ticket.PriorityChanged\n";

fn rule(text: &str) -> Arc<Rule> {
    let set = RuleSet::of_text(&format!("{HEAD}{text}"));
    Arc::clone(&set.rules[0])
}

/// Each command with its place, and how the run ended.
fn ran(text: &str, mocks: &Value, locals: &Value) -> (Vec<String>, String) {
    let (rule, event) = (rule(text), event());
    let subject = RunInput {
        event: &event,
        vars: &rule.vars,
        error: &Value::Null,
        locals,
        seed: "",
        links: AnswerLinks::Hidden,
    };
    let mocks = mocks.as_object().cloned().unwrap_or_default();
    let mocks = mocks.into_iter().map(|(step, reply)| match reply {
        Value::String(why) => (step, vec![Mock::Fails(why)]),
        reply => (step, vec![Mock::Reply(reply)]),
    });
    let mocks: BTreeMap<_, _> = mocks.collect();
    let start = Timestamp::UNIX_EPOCH;
    let run = simulate(&rule.flow, &subject, &mocks, start, &mut |_| None);
    let calls = run.calls.iter().map(|task| match &task.call {
        Call::Exec(exec) => {
            let argv: Vec<String> = exec.argv.iter().map(ToString::to_string).collect();
            format!("{}: {}", task.step, argv.join(" "))
        }
        other => panic!("{other:?}"),
    });
    (calls.collect(), run.state.as_str().to_owned())
}

fn calls(text: &str) -> Vec<String> {
    ran(text, &json!({}), &Value::Null).0
}

#[test]
fn the_first_true_branch_runs_and_its_result_can_be_read() {
    let choose = "vars: { low: 1 }
flow:
  - name: way
    choose:
      - { when: { current: low }, flow: [{ set: calm }] }
      - { when: { current: urgent }, flow: [{ name: loud, set: \"loud\" }, { name: very, set: \"very {{ steps.loud }}\" }] }
      - { flow: [{ set: other }] }
  - exec: [say, \"{{ steps.way }}\"]
";
    assert_eq!(calls(choose), ["exec-2: say very loud"]);
}

#[test]
fn items_are_named_in_templates_conditions_and_nested_lists() {
    let each = "vars: { teams: [{ name: a, on: [x, y] }, { name: b, on: [] }, { name: c, on: [z] }] }
flow:
  - name: each
    for_each: vars.teams
    as: team
    flow:
      - when: { team.name: { not: c }, team.on: { present: true } }
      - for_each: team.on
        flow: [{ name: page, exec: [page, \"{{ team.name }}\", \"{{ item }}\", \"{{ ticket.id }}\"] }]
  - exec: [count, \"{{ steps.each | length }}\"]
";
    assert_eq!(
        calls(each),
        [
            "each[0].for_each-2[0].page: page a x 35436",
            "each[0].for_each-2[1].page: page a y 35436",
            "exec-2: count 3",
        ]
    );
}

#[test]
fn a_failure_runs_the_nearest_catch_with_its_error() {
    let caught = "flow:
  - { name: first, exec: [first] }
  - name: page
    exec: [page]
    catch: [{ name: note, exec: [note, \"{{ error.step }}: {{ error.message }} ({{ error.attempts }})\"] }]
  - { exec: [after, \"{{ steps.page.status }}\"] }
  - { name: last, exec: [last] }
catch:
  - { exec: [whole, \"{{ error.step }}\"] }
  - when: { steps.first: { exists: true } }
  - { exec: [undo, \"{{ steps.first.status }}\"] }
";
    let mocks = json!({"page": "no line", "last": "no end"});
    let (calls, end) = ran(caught, &mocks, &Value::Null);
    assert_eq!(
        calls,
        [
            "first: first",
            "page: page",
            "page.catch.note: note page: no line (1)",
            "exec-3: after 0",
            "last: last",
            "catch.exec-1: whole last",
            "catch.exec-3: undo 0",
        ]
    );
    assert_eq!(end, "done");
}

#[test]
fn a_named_flow_sees_only_variables_and_parameters() {
    let named = "vars: { who: rule, base: b }
flow:
  - { flow: tell }
  - { flow: tell, vars: { who: \"{{ ticket.id }}\" } }
---
flows:
  tell:
    vars: { who: flow, more: m }
    flow:
      - choose: [{ when: { ticket.subject: { path: vars.who } }, flow: [{ exec: [never] }] }]
      - { flow: say }
      - { name: page, exec: [page, \"{{ vars.who }}\", \"{{ vars.base }}\", \"{{ vars.more }}\"] }
  say: { flow: [{ exec: [say, \"{{ vars.who }}\"] }] }
";
    assert_eq!(
        calls(named),
        [
            "flow-1.flow-2.exec-1: say rule",
            "flow-1.page: page flow b m",
            "flow-2.flow-2.exec-1: say rule",
            "flow-2.page: page 35436 b m",
        ]
    );
    let whole = "vars: { who: rule }
flow_name: tell
---
flows: { tell: { vars: { who: flow, more: m }, flow: [{ exec: [page, \"{{ vars.who }}\", \"{{ vars.more }}\"] }], catch: [{ exec: [sorry] }] } }
";
    assert_eq!(calls(whole), ["exec-1: page rule m"]);
    let mocks = json!({"exec-1": "no"});
    assert_eq!(
        ran(whole, &mocks, &Value::Null).0,
        ["exec-1: page rule m", "catch.exec-1: sorry"]
    );
}

#[test]
fn collected_events_are_visible_in_the_rule_and_its_named_flows() {
    let gathered = "debounce: { per: ticket.id, quiet: 5m, keep: all }
flow:
  - { exec: [count, \"{{ events | length }}\", \"{{ events.0.current }}\"] }
  - for_each: events
    as: each
    flow: [{ exec: [one, \"{{ each.current }}\", \"{{ each.event.id }}\"] }]
  - flow: tell
---
flows: { tell: { flow: [{ exec: [tell, \"{{ events | length }}\"] }] } }
";
    let events = json!({"events": [
        {"current": "low", "event": {"id": "a"}},
        {"current": "urgent", "event": {"id": "b"}},
    ]});
    assert_eq!(
        ran(gathered, &json!({}), &events).0,
        [
            "exec-1: count 2 low",
            "for_each-2[0].exec-1: one low a",
            "for_each-2[1].exec-1: one urgent b",
            "flow-3.exec-1: tell 2",
        ]
    );
    let messages = |text: &str| {
        let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
        let file = files.add("r.yaml", format!("{HEAD}{text}"));
        rule_set::rule_set(
            &Arc::new(files),
            &[file],
            &Config::default(),
            &mut diagnostics,
        );
        diagnostics
            .sorted()
            .into_iter()
            .map(|diagnostic| diagnostic.message)
            .collect::<Vec<_>>()
    };
    for (change, message) in [
        (
            ("events.0.current", "events.current"),
            "is a list of events",
        ),
        (("each.current", "each.curent"), "no field `curent`"),
        (("as: each", "as: event"), "invalid item name `event`"),
        (
            ("keep: all", "keep: last"),
            "exists only in the steps of a rule that collects",
        ),
    ] {
        let found = messages(&gathered.replace(change.0, change.1));
        assert!(
            found.iter().any(|found| found.contains(message)),
            "{message}: {found:?}"
        );
    }
}

#[test]
fn rules_with_the_same_inputs_share_a_compiled_flow() {
    let flows = "---\nflows: { tell: { flow: [{ exec: [tell, \"{{ vars.a }}\"] }] } }\n";
    let rule = |name: &str, more: &str| {
        format!(
            "name: {name}\nevent_source: support\nevent_type: ticket.PriorityChanged\nvars: {more}\nflow: [{{ flow: tell }}]\n"
        )
    };
    let text = [
        rule("one", "{ a: 1 }"),
        rule("two", "{ a: 1 }"),
        rule("three", "{ a: 2 }"),
    ];
    let set = RuleSet::of_text(&format!("{}{flows}", text.join("---\n")));
    let flow = |number: usize| match &set.rules[number].flow.steps[0].action {
        crate::flow::step::Action::Flow(named) => Arc::clone(&named.flow),
        other => panic!("{other:?}"),
    };
    assert!(Arc::ptr_eq(&flow(0), &flow(1)));
    assert!(!Arc::ptr_eq(&flow(0), &flow(2)));
    assert_eq!(set.rules[2].version.parts().len(), 1);
    assert_eq!(set.rules[1].version.parts().len(), 1);
}

#[test]
fn a_parameter_cannot_be_part_of_a_host() {
    let messages = |url: &str| {
        let text = format!(
            "{HEAD}flow: [{{ flow: tell, vars: {{ base: \"{{{{ current }}}}\" }} }}]\n---\nflows: {{ tell: {{ vars: {{ base: 'https://a.example' }}, flow: [{{ http: {{ url: \"{url}\" }} }}] }} }}\n"
        );
        let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
        let file = files.add("r.yaml", text);
        rule_set::rule_set(
            &Arc::new(files),
            &[file],
            &Config::default(),
            &mut diagnostics,
        );
        let all = diagnostics.sorted().into_iter();
        all.map(|diagnostic| diagnostic.message).collect::<Vec<_>>()
    };
    let never = ["event values can never form the host"];
    assert_eq!(messages("{{ vars.base }}/page"), never);
    assert_eq!(messages("https://{{ vars.base }}/page"), never);
    assert_eq!(
        messages("https://a.example/{{ vars.base }}"),
        Vec::<String>::new()
    );
}
