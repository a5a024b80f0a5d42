//! Tests of the mutants of documents: which there are, and that each one that loads differs from its rule.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::Config;
use crate::diagnostic::{Diagnostics, FileId, Files};
use crate::document;
use crate::mutation::{Mutant, MutantCompiler, MutatedPart, mutants};

/// A rule with a part for every operator of mutation.
const RULE: &str = r#"
name: r
event_source: support
event_type: [ticket.PriorityChanged, ticket.StatusChanged]
when:
  ticket.tags: { has: [vip, gold], not: { has: test } }
  ticket.id: { gte: 7 }
  any:
    - current: [high, urgent]
    - ticket.priority: { gte: high }
  none:
    - ticket.status: closed
    - ticket.organization_id: { exists: false }
dedupe: { per: ticket.id, for: 15m }
flow:
  - name: page
    http: { connection: chat, path: /page, json: { text: "{{ ticket.id }}", list: [a, b] }, headers: { X-A: b } }
    catch: [{ name: mail, exec: [mail, a, b] }]
  - name: way
    choose:
      - when: { current: urgent }
        flow: [{ name: run, exec: [run, it] }]
      - flow: [{ name: note, exec: [note] }]
  - name: vip
    when: { ticket.tags: { has: vip } }
  - name: last
    set: { a: 1 }
  - succeed: done
"#;

fn all() -> Vec<Mutant> {
    let mut diagnostics = Diagnostics::default();
    let nodes = document::read(FileId::default(), RULE, &mut diagnostics);
    assert!(!diagnostics.has_errors(), "{diagnostics:?}");
    mutants(&nodes[0])
}

#[test]
fn every_part_of_a_rule_has_its_mutants() {
    let mutants = all();
    let names: BTreeSet<String> = mutants.iter().map(Mutant::name).collect();
    assert_eq!(names.len(), mutants.len(), "{names:?}");
    for name in [
        "drop_element event_type[1]",
        "drop_predicate when.ticket.tags",
        "drop_predicate when.ticket.tags.not",
        "drop_element when.ticket.tags.has[0]",
        "swap when.ticket.tags.has",
        "negate when.ticket.id",
        "raise when.ticket.id.gte",
        "lower when.any[1].ticket.priority.gte",
        "swap when.any",
        "drop_predicate when.any[0]",
        "drop_element when.any[0].current[1]",
        "drop_predicate when.none[1]",
        "negate when.none[1].ticket.organization_id",
        "drop_gate dedupe",
        "raise dedupe.for",
        "drop_step flow.page",
        "drop_leaf flow.page.http.json.text",
        "drop_leaf flow.page.http.json.list[1]",
        "drop_leaf flow.page.http.headers.X-A",
        "drop_step flow.page.catch.mail",
        "drop_leaf flow.page.catch.mail.exec[1]",
        "drop_predicate flow.way.choose[0].when",
        "drop_branch flow.way.choose[1]",
        "drop_guard flow.vip",
        "negate flow.vip.when.ticket.tags",
    ] {
        assert!(names.contains(name), "no {name} in {names:#?}");
    }
    for name in [
        // The name of a program is no argument, nobody reads a value, and a flow ends at its end.
        "drop_leaf flow.page.catch.mail.exec[0]",
        "drop_step flow.last",
        "drop_step flow[4]",
    ] {
        assert!(!names.contains(name), "{name} in {names:#?}");
    }
}

#[test]
fn a_mutant_says_where_and_what_it_changes() {
    let mutants = all();
    let named = |name: &str| mutants.iter().find(|mutant| mutant.name() == name);
    let raised = named("raise when.ticket.id.gte").expect("a mutant");
    assert_eq!(raised.change, "`gte: 7` becomes `gte: 8`");
    assert_eq!((raised.at.line, raised.at.column), (7, 16));
    assert_eq!(raised.part(), MutatedPart::Match);
    let gate = named("drop_gate dedupe").expect("a mutant");
    assert_eq!(
        gate.change,
        "drop the gate `dedupe: { per: ticket.id, for: 15m }`"
    );
    assert_eq!(gate.part(), MutatedPart::Gates);
}

#[test]
fn each_mutant_has_another_document_and_most_of_them_load() {
    let config = Config::default();
    let mut files = Files::default();
    let text = RULE.replace(
        "connection: chat, path: /page",
        "url: \"https://chat.example/page\"",
    );
    let file = files.add("r.yaml", text.as_str());
    let mut diagnostics = Diagnostics::default();
    let files = Arc::new(files);
    let set = crate::compile::rule_set::rule_set(&files, &[file], &config, &mut diagnostics);
    assert!(!diagnostics.has_errors(), "{diagnostics:?}");
    let rule = &set.rules[0];
    let mut compiler = MutantCompiler::new(&files, &[file], &config);
    let document = compiler.document(rule).expect("a document");
    assert!(compiler.compile(rule, &document).is_some());
    let mut unloadable = Vec::new();
    for mutant in mutants(&document) {
        assert_ne!(mutant.document, document, "{}", mutant.name());
        if compiler.compile(rule, &mutant.document).is_none() {
            unloadable.push(mutant.name());
        }
    }
    // A status is never high or urgent.
    assert_eq!(unloadable, ["drop_element event_type[0]"]);
}
