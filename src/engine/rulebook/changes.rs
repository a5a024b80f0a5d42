//! Compares two rulebooks: which rules a reload added, removed and changed.

use std::collections::HashMap;

use super::Rulebook;
use crate::source::admin::RuleChanges;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::rule::version::IncludedDocument;

/// What differs between the rulebook before a reload and the one after it.
pub fn changes_between(before: &Rulebook, after: &Rulebook) -> RuleChanges {
    let names = |rulebook: &Rulebook| -> HashMap<String, usize> {
        let rules = rulebook.rules.rules.iter().enumerate();
        rules
            .map(|(index, rule)| (rule.name.clone(), index))
            .collect()
    };
    let (old, new) = (names(before), names(after));
    let (mut added, mut changed) = (Vec::new(), Vec::new());
    for rule in &after.rules.rules {
        match old.get(&rule.name) {
            None => added.push(rule.name.clone()),
            Some(index) if !is_same(&before.rules.rules[*index], rule) => {
                changed.push(rule.name.clone());
            }
            Some(_) => {}
        }
    }
    let removed = old.into_keys().filter(|name| !new.contains_key(name));
    let mut changes = RuleChanges {
        added,
        changed,
        removed: removed.collect(),
        configuration: before.config.source.fingerprint != after.config.source.fingerprint,
        at_next_start: Vec::new(),
    };
    changes.added.sort_unstable();
    changes.changed.sort_unstable();
    changes.removed.sort_unstable();
    changes
}

/// The configuration is part of the versions, and is compared separately.
fn is_same(before: &Rule, after: &Rule) -> bool {
    let (before, after) = (&before.version, &after.version);
    let is_same_part = |(a, b): (&IncludedDocument, &IncludedDocument)| {
        a.file == b.file && a.text.trim() == b.text.trim()
    };
    before.fingerprint == after.fingerprint
        || before.file() == after.file()
            && before.document().trim() == after.document().trim()
            && before.parts().len() == after.parts().len()
            && before.parts().iter().zip(after.parts()).all(is_same_part)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::engine::{ConfigFile, RulebookPaths};

    #[test]
    fn added_changed_and_removed_rules_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let load = |rules: &[(&str, &str)], config: &str| {
            let text: Vec<String> = rules
                .iter()
                .map(|(name, message)| {
                    format!(
                        "name: {name}\nevent_source: support\nevent_type: ticket.TicketCreated\nflow:\n  - succeed: {message}\n"
                    )
                })
                .collect();
            fs::write(folder.path().join("rules.yaml"), text.join("---\n")).unwrap();
            fs::write(folder.path().join("flowtrigger.yaml"), config).unwrap();
            let paths = RulebookPaths {
                config: ConfigFile::Named(folder.path().join("flowtrigger.yaml")),
                ..RulebookPaths::new(folder.path().join("rules.yaml"))
            };
            paths.read().accepted().expect("sound rules")
        };
        let before = load(&[("a", "x"), ("b", "x"), ("c", "x")], "mode: live\n");
        let after = load(&[("d", "x"), ("c", "y"), ("a", "x")], "mode: live\n");
        let changes = changes_between(&before, &after);
        let expected = RuleChanges {
            added: vec!["d".into()],
            changed: vec!["c".into()],
            removed: vec!["b".into()],
            configuration: false,
            at_next_start: Vec::new(),
        };
        assert_eq!(changes, expected);
        let configured = load(&[("d", "x"), ("c", "y"), ("a", "x")], "mode: shadow\n");
        let changes = changes_between(&after, &configured);
        let expected = RuleChanges {
            configuration: true,
            ..RuleChanges::default()
        };
        assert_eq!(changes, expected);
    }
}
