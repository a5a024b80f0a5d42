//! The names of all rules. Reports duplicates, and pairs a rule with its shadow version: the one rule of the same name that
//! has `mode: shadow`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::config::mode::Mode;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Files, Span};
use crate::document::Node;
use crate::rule::Rule;

/// The mode that the document of a rule has, whatever the configuration makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrittenMode {
    Shadow,
    Other,
}

impl WrittenMode {
    /// The mode of a rule's document. A mode in capital letters is reported elsewhere, and is no second mistake.
    pub fn of(document: &Node) -> Self {
        let mode = document.get("mode").and_then(Node::as_text);
        match mode.map(str::to_lowercase).as_deref().and_then(Mode::parse) {
            Some(Mode::Shadow) => WrittenMode::Shadow,
            Some(Mode::Live | Mode::Disabled) | None => WrittenMode::Other,
        }
    }
}

/// Where each name is written first.
#[derive(Debug, Default)]
pub struct RuleNames(HashMap<String, NamedRules>);

/// The rules of one name.
#[derive(Debug, Default)]
struct NamedRules {
    /// The rule, and its shadow version. A rule in shadow mode that is alone is a rule like any other.
    acting: Option<Span>,
    shadow: Option<Span>,
    /// Whether one of them ticks.
    ticks: bool,
}

impl RuleNames {
    /// Adds the rule of a document. Its mistakes are reported elsewhere.
    pub fn add_document(&mut self, node: &Node, files: &Files, diagnostics: &mut Diagnostics) {
        let name = node.get("name");
        let Some((name, at)) = name.and_then(|name| Some((name.scalar_text()?, name.at))) else {
            return;
        };
        let mode = WrittenMode::of(node);
        let found = self.0.entry(name.clone()).or_default();
        let other = found.first_but(mode);
        found.ticks |= node.get("every").is_some();
        if let (true, Some(other)) = (found.ticks, other) {
            let message = format!(
                "a rule with `every` cannot be compared with a rule of the same name: `{name}`"
            );
            let help = format!(
                "the other one is at {}; the two would have different events, their own ticks: give the changed rule another name",
                files.location(other)
            );
            diagnostics.push(Diagnostic::error(Code::DuplicateName, at, message).help(help));
            return;
        }
        self.add(&name, mode, at, files, diagnostics);
    }

    pub fn add(
        &mut self,
        name: &str,
        mode: WrittenMode,
        at: Span,
        files: &Files,
        diagnostics: &mut Diagnostics,
    ) {
        let found = self.0.entry(name.to_owned()).or_default();
        let first = match mode {
            WrittenMode::Shadow => &mut found.shadow,
            WrittenMode::Other => &mut found.acting,
        };
        let Some(first) = *first else {
            *first = Some(at);
            return;
        };
        let first = files.location(first);
        let (message, help) = match mode {
            WrittenMode::Shadow => (
                format!("duplicate rule name `{name}` in shadow mode"),
                format!(
                    "the other one is at {first}; a rule has one shadow version at most: remove one of them"
                ),
            ),
            WrittenMode::Other => (
                format!("duplicate rule name `{name}`"),
                format!(
                    "the other one is at {first}; names are unique across all files. If one of them is a change that you want to compare with the rule in force, add `mode: shadow` to the changed one"
                ),
            ),
        };
        diagnostics.push(Diagnostic::error(Code::DuplicateName, at, message).help(help));
    }

    /// Gives the shadow versions their names, and tells each rule of a pair which other one it is compared with.
    pub fn pair(&self, rules: &mut [Arc<Rule>]) {
        let mut pairs = self.0.values();
        if !pairs.any(|named| named.acting.is_some() && named.shadow.is_some()) {
            return;
        }
        // A disabled rule matches nothing: there is nothing to compare with.
        let disabled = rules.iter().filter(|rule| rule.mode == Mode::Disabled);
        let disabled: HashSet<String> = disabled.map(|rule| rule.name.clone()).collect();
        for rule in rules {
            let Some(named) = self.0.get(&rule.name) else {
                continue;
            };
            let (Some(_), Some(shadow)) = (named.acting, named.shadow) else {
                continue;
            };
            let is_disabled = disabled.contains(&rule.name);
            *rule = match (rule.at == shadow, is_disabled) {
                (true, false) => Arc::new(Rule::clone(rule).into_shadow_version()),
                (true, true) => Arc::new(Rule {
                    counterpart: None,
                    ..Rule::clone(rule).into_shadow_version()
                }),
                (false, false) => rule.with_shadow_version(),
                (false, true) => continue,
            };
        }
    }
}

impl NamedRules {
    /// The rule that one of this mode is compared with.
    fn first_but(&self, mode: WrittenMode) -> Option<Span> {
        match mode {
            WrittenMode::Shadow => self.acting,
            WrittenMode::Other => self.shadow,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::matching::rule_set::RuleSet;

    /// Rules of the same name, each with its mode and further keys.
    fn rules(written: &[&str]) -> String {
        let rule = |extra: &&str| {
            let pattern = match extra.contains("every") {
                true => "",
                false => "event_source: support\nevent_type: ticket.TicketCreated\n",
            };
            format!("name: notify\n{pattern}flow: [{{ succeed: done }}]\n{extra}\n")
        };
        written.iter().map(rule).collect::<Vec<_>>().join("---\n")
    }

    fn names(set: &RuleSet) -> Vec<(&str, Option<&str>, &'static str)> {
        let rules = set.rules.iter();
        let rules = rules.map(|rule| {
            let counterpart = rule.counterpart.as_deref();
            (rule.name.as_str(), counterpart, rule.mode.as_str())
        });
        rules.collect()
    }

    #[test]
    fn a_rule_in_shadow_mode_is_the_shadow_version_of_the_rule_with_its_name() {
        let live = ("notify", Some("notify@shadow"), "live");
        let shadow = ("notify@shadow", Some("notify"), "shadow");
        let set = RuleSet::of_text(&rules(&["", "mode: shadow"]));
        assert_eq!(names(&set), [live, shadow]);
        let set = RuleSet::of_text(&rules(&["mode: shadow", "mode: live"]));
        assert_eq!(names(&set), [shadow, live]);
        let disabled = RuleSet::of_text(&rules(&["mode: disabled", "mode: shadow"]));
        let expected = [
            ("notify", None, "disabled"),
            ("notify@shadow", None, "shadow"),
        ];
        assert_eq!(names(&disabled), expected);
        let alone = RuleSet::of_text(&rules(&["mode: shadow"]));
        assert_eq!(names(&alone), [("notify", None, "shadow")]);
    }

    #[test]
    fn more_rules_of_a_name_are_duplicates() {
        for written in [
            &["", ""][..],
            &["mode: shadow", "mode: shadow"],
            &["", "mode: shadow", "mode: shadow"],
            &["", "mode: disabled"],
            &["", "mode: shadow\nevery: 0 9 * * *"],
            &["every: 0 9 * * *", "mode: shadow"],
            &["", "mode: Shadow"],
        ] {
            let found = RuleSet::of_valid_text(&rules(written));
            let found = found.expect_err(&format!("{written:?}"));
            assert_eq!(found.errors(), 1, "{written:?} {found:?}");
        }
    }

    #[test]
    fn a_shadow_version_compiles_from_what_a_store_keeps() {
        let named = "---\nflows: { end: { flow: [{ succeed: done }] } }\n";
        let text = rules(&["", "mode: shadow"]).replace("[{ succeed: done }]", "[{ flow: end }]");
        let set = RuleSet::of_text(&format!("{text}{named}"));
        let version = &set.rules[1].version;
        assert_ne!(version.fingerprint, set.rules[0].version.fingerprint);
        let kept = crate::rule::version::StoredRuleVersion {
            file: version.file().to_string(),
            document: version.document().to_owned(),
            line: version.line,
            picked: version.picked().map(str::to_owned),
            parts: version.parts().to_vec(),
        };
        let kept = crate::rule::version::RuleVersion::kept(kept, Arc::clone(version.config()));
        assert_eq!(kept.fingerprint, version.fingerprint);
        let rule = crate::compile::rule_version::compile_version(&kept, &Config::default());
        assert_eq!(rule.expect("it compiles").name, "notify@shadow");
    }
}
