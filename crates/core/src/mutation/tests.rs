//! Tests of the mutants of documents: which there are, and that each one that loads differs from its rule.

use std::sync::Arc;

use crate::config::Config;
use crate::diagnostic::{Diagnostics, FileId, Files};
use crate::document;
use crate::matching::rule_set::RuleSet;
use crate::mutation::{Mutant, MutantCompiler, mutants};

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
    let names: Vec<String> = all().iter().map(Mutant::name).collect();
    assert_eq!(names.join("\n"), EXPECTED.trim());
}

const EXPECTED: &str = "";

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
    let rule = &RuleSet::clone(&set).rules[0];
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
    assert_eq!(unloadable, Vec::<String>::new());
}
