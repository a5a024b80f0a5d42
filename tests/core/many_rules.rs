//! Thousands of rules in one file or many: all load, each mistake is reported at its position, and parts that
//! rules share hide no mistake. Speed and memory are measured by the benchmarks.

use std::sync::Arc;

use flowtrigger_core::compile::rule_set;
use flowtrigger_core::config::Config;
use flowtrigger_core::diagnostic::{Diagnostics, Files};
use flowtrigger_core::matching::rule_set::RuleSet;
use flowtrigger_testing::rules;

fn rule(number: usize) -> String {
    format!(
        "name: rule-{number}\nevent_source: support\nevent_type: ticket.PriorityChanged\n\
         when:\n  current: urgent\n  ticket.organization_id: {number}\nflow:\n  - http:\n      \
         url: \"https://a.example/{{{{ ticket.id }}}}\"\n      json: {{ text: \"team {}\" }}\n",
        number % 7
    )
}

const LINES: u32 = 10;

fn many(count: usize) -> String {
    let rules: Vec<String> = (0..count).map(rule).collect();
    rules.join("---\n")
}

/// The rules, and `line: message` for each diagnostic.
fn load(texts: &[String]) -> (RuleSet, Vec<String>) {
    let named = texts.iter().enumerate();
    let files = named.map(|(number, text)| (format!("rules/{number}.yaml"), text));
    let files: Vec<_> = files.collect();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(n, t)| (n.as_str(), t.as_str()))
        .collect();
    let (set, diagnostics) = rules::compile(&files, &Config::default());
    let messages = diagnostics.sorted().into_iter();
    let messages = messages.map(|found| format!("{}: {}", found.at.line, found.message));
    (set, messages.collect())
}

fn told(text: &str) -> Vec<String> {
    load(&[text.to_owned()]).1
}

#[test]
fn a_file_may_hold_more_documents_than_the_yaml_library_allows() {
    let (set, told) = load(&[many(1_500)]);
    assert_eq!(told, Vec::<String>::new());
    assert_eq!(set.rules.len(), 1_500);
    let last = &set.rules[1_499];
    assert_eq!(
        (last.name.as_str(), last.at.line),
        ("rule-1499", 1_499 * (LINES + 1) + 1)
    );
    assert!(last.version.document().contains("rule-1499"));
}

#[test]
fn many_files_load_like_one() {
    let texts: Vec<String> = (0..300).map(rule).collect();
    let (set, told) = load(&texts);
    assert_eq!(told, Vec::<String>::new());
    let files: std::collections::BTreeSet<_> = set.rules.iter().map(|rule| rule.at.file).collect();
    assert_eq!((set.rules.len(), files.len()), (300, 300));
}

#[test]
fn progress_is_reported_for_each_document() {
    let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
    let ids = [files.add("a.yaml", many(3)), files.add("b.yaml", rule(3))];
    let (files, config, mut heard) = (Arc::new(files), Config::default(), Vec::new());
    let mut tell = |read, of| heard.push((read, of));
    rule_set::rule_set_with_progress(&files, &ids, &config, &mut diagnostics, &mut tell);
    assert_eq!(heard, [(1, 4), (2, 4), (3, 4), (4, 4)]);
}

#[test]
fn a_rule_may_hold_many_values() {
    let list = vec!["7"; 30_000].join(", ");
    let unused = "10: unused anchor `&all`, which is not part of the value";
    for (value, reported) in [
        (format!("[{list}]"), vec![]),
        (format!("&all [{list}]"), vec![unused.to_owned()]),
    ] {
        let text = rule(1).replace("\"team 1\"", &value);
        let (set, told) = load(&[text]);
        assert_eq!((set.rules.len(), told), (1, reported));
    }
}

#[test]
fn a_mistake_far_down_is_reported_with_its_line() {
    let text = many(1_500).replace("organization_id: 1200", "organisation_id: 1200");
    let line = 1_200 * (LINES + 1) + 6;
    let said = told(&text);
    assert_eq!(said.len(), 1, "{said:?}");
    let start = format!("{line}: `ticket.PriorityChanged` has no field `ticket.organisation_id`");
    assert_eq!(said[0], start);
}

#[test]
fn every_duplicate_key_is_reported() {
    let repeated = rule(1)
        .replace("name: rule-1\n", "name: rule-1\nname: other\n")
        .replace(
            "  current: urgent\n",
            "  current: urgent\n  current: high\n",
        );
    let text = format!(
        "{repeated}---\n{}---\n{}",
        rule(2),
        rule(3).replace("json: { ", "json: { text: a, ")
    );
    assert_eq!(
        told(&text),
        [
            "2: duplicate key `name`",
            "7: duplicate key `current`",
            "34: duplicate key `text`"
        ]
    );
}

#[test]
fn the_same_mistake_is_reported_for_every_rule() {
    for (right, wrong) in [
        ("{{ ticket.id }}", "{{ ticket.idd }}"),
        ("current: urgent", "current: urgnet"),
        ("current: urgent", "ticket.via.channel: { matches: 'a(' }"),
        ("ticket.PriorityChanged", "ticket.PriorityChange"),
        ("team 1", "{{ steps.nobody.status }}"),
    ] {
        let rules = [1, 8, 15].map(|number| rule(number).replace(right, wrong));
        let said = told(&rules.join("---\n"));
        assert_eq!(said.len(), 3, "{wrong}: {said:?}");
    }
}

#[test]
fn shared_parts_are_checked_for_each_rule() {
    let with_vars = rule(1).replace("flow:", "vars: { team: a }\nflow:");
    let with_vars = with_vars.replace("team 1", "{{ vars.team }}");
    let no_vars = rule(2).replace("team 2", "{{ vars.team }}");
    assert_eq!(
        told(&format!("{with_vars}---\n{no_vars}")),
        ["22: `vars.team` reads the variable `team`, which nothing defines"]
    );
    let other_type = rule(2).replace("PriorityChanged", "StatusChanged");
    let said = told(&format!("{}---\n{other_type}", rule(1)));
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("16: "), "{said:?}");
}

#[test]
fn an_exists_test_applies_only_to_its_own_rule() {
    let reads = |number: usize| rule(number).replace("ticket.id }}", "ticket.subject }}");
    let tests = |number: usize| {
        reads(number).replace("current: urgent", "ticket.subject: { exists: true }")
    };
    for (first, second, line) in [(tests(1), reads(2), 20), (reads(1), tests(2), 9)] {
        let said = told(&format!("{first}---\n{second}"));
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0].starts_with(&format!("{line}: `ticket.subject` exists in")),
            "{said:?}"
        );
    }
}
