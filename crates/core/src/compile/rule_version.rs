//! Compiles a kept version of a rule to the rule again.

use std::sync::Arc;

use crate::compile::rule_set;
use crate::config::Config;
use crate::diagnostic::Diagnostics;
use crate::rule::Rule;
use crate::rule::version::RuleVersion;

/// The rule of a version. The positions in it are those of its file.
pub fn compile_version(version: &RuleVersion, config: &Config) -> Result<Arc<Rule>, Diagnostics> {
    let files = version.files();
    let mut diagnostics = Diagnostics::default();
    let rules = rule_set::stored_rules(&files, config, &mut diagnostics);
    let mut rules = rules.iter();
    let rule = match version.picked() {
        Some(name) => rules.find(|rule| rule.name == name),
        None => rules.next(),
    };
    match (diagnostics.has_errors(), rule) {
        (false, Some(rule)) => {
            let mut rule = Rule::clone(rule);
            // The padding does not make another version.
            rule.version = version.clone();
            Ok(Arc::new(rule))
        }
        (true | false, _) => Err(diagnostics),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Files;
    use crate::matching::rule_set::RuleSet;
    use crate::rule::version::StoredRuleVersion;

    const TWO: &str = "name: first\nevent_source: support\nevent_type: ticket.TicketCreated\nflow:\n  - succeed: one\n---\nname: second\nevent_source: support\nevent_type: ticket.TicketCreated\nflow:\n  - succeed: two\n";

    #[test]
    fn a_version_compiles_to_its_rule_again_at_its_place() {
        let set = RuleSet::of_text(TWO);
        for rule in &set.rules {
            let again = compile_version(&rule.version, &Config::default()).unwrap();
            assert_eq!((&again.name, again.at.line), (&rule.name, rule.at.line));
            assert_eq!(again.version.fingerprint, rule.version.fingerprint);
        }
        assert_eq!(set.rules[1].at.line, 7);
    }

    #[test]
    fn a_version_can_be_kept_by_its_document() {
        for rule in &RuleSet::of_text(TWO).rules {
            let version = &rule.version;
            let kept = StoredRuleVersion {
                file: "r.yaml".into(),
                document: version.document().to_owned(),
                line: version.line,
                picked: None,
                parts: Vec::new(),
            };
            let kept = RuleVersion::kept(kept, Arc::clone(version.config()));
            assert_eq!(kept.fingerprint, version.fingerprint);
            let again = compile_version(&kept, &Config::default()).unwrap();
            assert_eq!((&again.name, again.at.line), (&rule.name, rule.at.line));
        }
    }

    #[test]
    fn moving_a_document_in_its_file_makes_no_new_version_and_changing_it_does() {
        let first = &RuleSet::of_text(TWO).rules[1].version;
        let swapped = {
            let (one, two) = TWO.split_once("---\n").unwrap();
            RuleSet::of_text(&format!("---\n{two}---\n{one}"))
        };
        let named = |set: &RuleSet| set.rules.iter().find(|r| r.name == "second").cloned();
        assert_ne!(named(&swapped).unwrap().version.line, first.line);
        assert_eq!(
            named(&swapped).unwrap().version.fingerprint,
            first.fingerprint
        );
        let changed = RuleSet::of_text(&TWO.replace("two", "three"));
        assert_ne!(
            named(&changed).unwrap().version.fingerprint,
            first.fingerprint
        );
    }

    const NAMED: &str = "name: first\nevent_source: support\nevent_type: ticket.TicketCreated\nflow: [{ flow: told }]\n---\nflows:\n  told: { flow: [{ flow: below }] }\n---\nflows:\n  below: { flow: [{ exec: [page] }] }\n  other: { flow: [{ flow: nowhere }] }\n";

    /// What the innermost flow that the rule runs does.
    fn program(rule: &Rule) -> String {
        let steps = rule.flow.all_steps();
        let last = steps.last().expect("a step");
        let exec = last.action.command().expect("a command");
        exec.argv[0].source().to_owned()
    }

    #[test]
    fn a_version_holds_the_flows_that_its_rule_runs_and_no_other() {
        let compiled = |text: &str| {
            let mut files = Files::default();
            let file = files.add("r.yaml", text);
            let said = &mut Diagnostics::default();
            // Another flow of the document has a mistake that is none of the rule's.
            let set = rule_set::rule_set(&Arc::new(files), &[file], &Config::default(), said);
            assert_eq!(
                said.errors(),
                usize::from(text.contains("nowhere")),
                "{said:?}"
            );
            Arc::clone(&set.rules[0])
        };
        let rule = compiled(NAMED);
        assert_eq!(rule.version.parts().len(), 2);
        assert_eq!(rule.version.parts()[1].line, 7);
        let kept = StoredRuleVersion {
            file: "r.yaml".into(),
            document: rule.version.document().to_owned(),
            line: 0,
            picked: None,
            parts: rule.version.parts().to_vec(),
        };
        let kept = RuleVersion::kept(kept, Arc::clone(rule.version.config()));
        assert_eq!(kept.fingerprint, rule.version.fingerprint);
        assert_eq!(
            program(&compile_version(&kept, &Config::default()).unwrap()),
            "page"
        );
        let changed = compiled(&NAMED.replace("[page]", "[call]"));
        assert_ne!(changed.version.fingerprint, rule.version.fingerprint);
        let apart = NAMED
            .replace("first", "alone")
            .replace("{ flow: told }", "{ set: 1 }");
        assert_eq!(compiled(&apart).version.parts(), []);
    }
}
