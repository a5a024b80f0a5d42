//! Compiles a stored version of a rule.

use std::sync::Arc;

use crate::compile::rule_set;
use crate::config::Config;
use crate::diagnostic::Diagnostics;
use crate::rule::Rule;
use crate::rule::shadow_version::{compared_rule, written_name};
use crate::rule::version::RuleVersion;

/// Compiles the rule of a version. Its positions are those in its file.
///
/// # Errors
/// Returns the diagnostics if the documents have errors or do not contain the rule.
pub fn compile_version(version: &RuleVersion, config: &Config) -> Result<Arc<Rule>, Diagnostics> {
    let files = version.files();
    let mut diagnostics = Diagnostics::of_stored_rules();
    let rules = rule_set::stored_rules(&files, config, &mut diagnostics);
    let mut rules = rules.iter();
    let picked = version.picked();
    let rule = match picked.map(written_name) {
        Some(name) => rules.find(|rule| rule.name == name),
        None => rules.next(),
    };
    match (diagnostics.has_errors(), rule) {
        (false, Some(rule)) => {
            let mut rule = Rule::clone(rule);
            if picked.and_then(compared_rule).is_some() {
                rule = rule.into_shadow_version();
            }
            // The version made from the padded text has another line number.
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
    use crate::rule::version::{IncludedDocument, StoredRuleVersion};

    const TWO: &str = "name: first\nevent_source: support\nevent_type: ticket.TicketCreated\nflow:\n  - succeed: one\n---\nname: second\nevent_source: support\nevent_type: ticket.TicketCreated\nflow:\n  - succeed: two\n";

    #[test]
    fn a_version_compiles_to_its_rule_at_the_same_position() {
        let set = RuleSet::of_text(TWO);
        for rule in &set.rules {
            let again = compile_version(&rule.version, &Config::default()).unwrap();
            assert_eq!((&again.name, again.at.line), (&rule.name, rule.at.line));
            assert_eq!(again.version.fingerprint, rule.version.fingerprint);
        }
        assert_eq!(set.rules[1].at.line, 7);
    }

    #[test]
    fn a_version_can_be_stored_as_its_document() {
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
    fn a_changed_document_is_a_new_version_and_a_moved_one_is_not() {
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

    const NAMED: &str = "name: first\nevent_source: support\nevent_type: ticket.TicketCreated\nflow: [{ flow: outer }]\n---\nflows:\n  outer: { flow: [{ flow: inner }] }\n---\nflows:\n  inner: { flow: [{ exec: [page] }] }\n  other: { flow: [{ flow: nowhere }] }\n";

    /// Returns the program that the innermost flow of the rule runs.
    fn program(rule: &Rule) -> String {
        let steps = rule.flow.all_steps();
        let last = steps.last().expect("a step");
        let exec = last.action.command().expect("a command");
        exec.argv[0].source().to_owned()
    }

    #[test]
    fn a_version_includes_only_the_flows_that_its_rule_runs() {
        let compiled = |text: &str| {
            let mut files = Files::default();
            let file = files.add("r.yaml", text);
            let diagnostics = &mut Diagnostics::default();
            // Another flow of the document has a mistake that does not affect the rule.
            let set =
                rule_set::rule_set(&Arc::new(files), &[file], &Config::default(), diagnostics);
            assert_eq!(
                diagnostics.errors(),
                usize::from(text.contains("nowhere")),
                "{diagnostics:?}"
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
        let without_flow = NAMED
            .replace("first", "alone")
            .replace("{ flow: outer }", "{ set: 1 }");
        assert_eq!(compiled(&without_flow).version.parts(), []);
    }

    /// Compiles a document as the store kept it.
    fn compile_stored(document: &str) -> Result<Arc<Rule>, Diagnostics> {
        let kept = StoredRuleVersion {
            file: "r.yaml".into(),
            document: document.into(),
            line: 0,
            picked: None,
            parts: Vec::new(),
        };
        let config = Config::default();
        let kept = RuleVersion::kept(kept, Arc::clone(&config.source));
        compile_version(&kept, &config)
    }

    #[test]
    fn a_stored_rule_compiles_although_a_later_version_rejects_it() {
        // Each of these is an error when it is loaded.
        for when in [
            "{ current: { is: urgent, not: urgent } }",
            "{ current: { gt: { path: current } } }",
            "{ current: zork }",
            "{ current: [] }",
            "{ ticket.id: { between: [5, 3] } }",
            "{ ticket.tags: { any_of: { has: x } } }",
            "{ currnt: urgent }",
            "{ ticket.tags: { gt: 3 } }",
        ] {
            for place in ["when", "guard"] {
                let (condition, step) = match place {
                    "when" => (format!("when: {when}\n"), String::new()),
                    _ => (String::new(), format!("  - when: {when}\n")),
                };
                let document = format!(
                    "name: r\nevent_source: support\nevent_type: ticket.PriorityChanged\n{condition}flow:\n{step}  - exec: [echo, '{{{{ previuos }}}} {{{{ ticket.tags | groupby }}}}']\n"
                );
                assert!(RuleSet::of_valid_text(&document).is_err(), "{document}");
                let rule = compile_stored(&document);
                assert!(rule.is_ok(), "{place} {when}: {rule:?}");
            }
        }
    }

    #[test]
    fn a_stored_rule_with_a_contradiction_in_a_named_flow_compiles() {
        let document = "name: r\nevent_source: support\nevent_type: ticket.PriorityChanged\nflow: [{ flow: page }]\n";
        let part = "flows:\n  page:\n    flow:\n      - when: { current: { is: urgent, not: urgent } }\n      - exec: [page]\n";
        assert!(RuleSet::of_valid_text(&format!("{document}---\n{part}")).is_err());
        let kept = StoredRuleVersion {
            file: "r.yaml".into(),
            document: document.into(),
            line: 0,
            picked: None,
            parts: vec![IncludedDocument {
                file: "r.yaml".into(),
                line: 4,
                text: part.into(),
            }],
        };
        let config = Config::default();
        let kept = RuleVersion::kept(kept, Arc::clone(&config.source));
        assert_eq!(program(&compile_version(&kept, &config).unwrap()), "page");
    }

    #[test]
    fn a_stored_bundle_compiles_although_a_later_version_rejects_it() {
        // A token within a longer parameter is an error when the bundle is loaded.
        let document = r#"
zis_template_version: "2019-10-14"
name: tokens
resources:
  job:
    type: ZIS::JobSpec
    properties: { name: job, event_source: support, event_type: ticket.PriorityChanged, flow_name: zis:tokens:flow:send }
  send:
    type: ZIS::Flow
    properties:
      name: send
      definition:
        StartAt: Send
        States:
          Send:
            Type: Action
            ActionName: zis:tokens:action:post
            Parameters: { token.$: "Bearer {{$.connections.zendesk.access_token}}" }
            End: true
  post:
    type: ZIS::Action::Http
    properties:
      name: post
      definition: { method: POST, url: "https://chat.example/hook", headers: [{ key: x-token, value.$: $.token }] }
"#;
        assert!(RuleSet::of_valid_text(document).is_err());
        let rule = compile_stored(document);
        assert!(rule.is_ok(), "{rule:?}");
    }
}
