//! Compiles the text of an edited rule with the configuration and the named flows in force, in the place of its file.

use std::sync::Arc;

use crate::engine::{Rulebook, check_rules};
use flowtrigger_core::compile::rule_files::may_define_flows;
use flowtrigger_core::compile::rule_set;
use flowtrigger_core::diagnostic::{Diagnostics, FileId};
use flowtrigger_core::document;
use flowtrigger_core::document::split::only_documents;
use flowtrigger_core::matching::rule_set::RuleSet;
use flowtrigger_core::rule::Rule;

/// The file of a rule that is not in force.
const NEW_FILE: &str = "rules/edited.yaml";

/// An edited rule.
pub struct EditedRule {
    /// With the rules of the text alone.
    pub book: Rulebook,
    /// What is wrong in the text.
    pub diagnostics: Diagnostics,
    /// The rule of the same name that is in force.
    pub in_force: Option<Arc<Rule>>,
}

impl EditedRule {
    pub fn compile(text: &str, book: &Rulebook) -> Self {
        let in_force = name(text).and_then(|name| book.rules.rule(&name).cloned());
        let mut files = (*book.files).clone();
        let file_name = in_force
            .as_ref()
            .map_or(NEW_FILE, |rule| book.files.name(rule.at.file));
        let edited = files.add(file_name, text);
        let mut ids = vec![edited];
        for file in book.rule_files.iter().filter_map(|id| book.files.get(*id)) {
            if !may_define_flows(&file.text) {
                continue;
            }
            let kept = only_documents(&file.text, |document| {
                may_define_flows(document) && !is_of(document, in_force.as_deref())
            });
            ids.push(files.add(Arc::clone(&file.name), kept));
        }
        let files = Arc::new(files);
        let mut diagnostics = Diagnostics::default();
        let all = rule_set::rule_set(&files, &ids, &book.config, &mut diagnostics);
        let rules = RuleSet::new(of_file(&all, edited), Arc::clone(&files), &book.config);
        check_rules(&rules, &book.config, &mut diagnostics);
        Self {
            book: Rulebook {
                config: book.config.clone(),
                rules,
                files,
                ..Rulebook::default()
            },
            diagnostics: diagnostics.of_file(edited),
            in_force,
        }
    }

    /// The rule that is tried: the first of the text.
    pub fn rule(&self) -> Option<&Arc<Rule>> {
        self.book.rules.rules.first()
    }
}

/// The name of the first rule in a text.
fn name(text: &str) -> Option<String> {
    let ignored = &mut Diagnostics::default();
    let documents = document::read(FileId::default(), text, ignored);
    documents
        .iter()
        .find_map(|document| document.get("name")?.scalar_text())
}

fn is_of(document: &str, rule: Option<&Rule>) -> bool {
    rule.is_some_and(|rule| rule.version.document() == document)
}

fn of_file(rules: &RuleSet, file: FileId) -> Vec<Arc<Rule>> {
    let rules = rules.rules.iter().filter(|rule| rule.at.file == file);
    rules.cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "flows: { page: { flow: [{ succeed: done }] } }\n---\nname: a\nevent_source: support\nevent_type: ticket.TagsChanged\nflow_name: page\n";

    fn book() -> Rulebook {
        let rules = flowtrigger_testing::rules::from_text(RULES);
        Rulebook {
            files: Arc::clone(&rules.files),
            rule_files: rules.files.ids().collect(),
            rules,
            ..Rulebook::default()
        }
    }

    #[test]
    fn an_edited_rule_finds_the_flows_in_force() {
        let text =
            "name: a\nevent_source: support\nevent_type: ticket.TicketCreated\nflow_name: page\n";
        let edited = EditedRule::compile(text, &book());
        assert!(edited.diagnostics.is_empty(), "{:?}", edited.diagnostics);
        let rule = edited.rule().expect("a rule");
        assert_eq!(rule.event_types.len(), 1);
        assert_eq!(edited.book.files.location(rule.at), "r.yaml:1:7");
        assert_eq!(edited.book.rules.rules.len(), 1);
        assert!(edited.in_force.is_some());
    }

    #[test]
    fn only_mistakes_of_the_text_are_reported() {
        let edited =
            EditedRule::compile("name: b\nevent_source: support\nflow_name: gone\n", &book());
        assert!(edited.diagnostics.has_errors());
        assert!(edited.rule().is_none());
        let found = edited.diagnostics.sorted();
        let places = found
            .iter()
            .map(|found| edited.book.files.name(found.at.file));
        assert!(places.into_iter().all(|name| name == NEW_FILE), "{found:?}");
    }

    #[test]
    fn a_text_that_is_no_rule_is_reported() {
        for text in ["- a", "a: [", "\u{0}", "", "name: [x]"] {
            let edited = EditedRule::compile(text, &book());
            assert!(!edited.diagnostics.is_empty(), "{text:?}");
            assert!(edited.rule().is_none(), "{text:?}");
        }
    }

    #[test]
    fn bombs_of_yaml_are_bounded() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..60 {
            let list = format!("*a{}, ", level - 1).repeat(9);
            text.push_str(&format!("a{level}: &a{level} [{list}]\n"));
        }
        let edited = EditedRule::compile(&text, &book());
        assert!(edited.diagnostics.has_errors());
    }
}
