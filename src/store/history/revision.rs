//! Rules and configuration of an earlier time, compiled again to evaluate an event as it was then. Of a large
//! revision only the documents are compiled that can listen to the event.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::store::RevisionId;
use flowtrigger_core::compile::rule_files::may_define_flows;
use flowtrigger_core::compile::rule_set;
use flowtrigger_core::config;
use flowtrigger_core::config::Config;
use flowtrigger_core::diagnostic::{Diagnostics, Files};
use flowtrigger_core::document::split::only_documents;
use flowtrigger_core::event::Event;
use flowtrigger_core::matching::rule_set::RuleSet;
use flowtrigger_core::rule::shadow_version::written_name;

/// A revision as it was written.
#[derive(Debug, Clone)]
pub struct RevisionTexts {
    /// When it first came into force.
    pub since: Timestamp,
    /// Name and text of each rule file.
    pub files: Vec<(String, String)>,
    pub config: config::ConfigSource,
}

/// A revision, and when it came into force last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevisionInForce {
    pub id: RevisionId,
    pub at: Timestamp,
}

/// What evaluated an event.
#[derive(Debug, Clone)]
pub struct PastRevision {
    /// When it first came into force.
    pub since: Timestamp,
    pub config: Config,
    /// Of a large revision, only the rules that can listen to the event.
    pub rules: RuleSet,
    /// Errors that this program finds, and that the one of that time did not.
    pub diagnostics: Diagnostics,
}

/// Texts up to this size are compiled whole: about a thousand rules, a few tenths of a second.
const SMALL: usize = 1 << 20;

impl PastRevision {
    /// Compiles what can listen to the event.
    pub fn compile(texts: RevisionTexts, event: &Event) -> Self {
        let config = texts.config.compile();
        let names = TypeNames::new(event, &config);
        Self::compile_documents(texts, config, |document| names.may_occur_in(document))
    }

    /// Compiles the documents that can define a rule of this name.
    pub fn compile_rule(texts: RevisionTexts, rule: &str) -> Self {
        let config = texts.config.compile();
        let rule = written_name(rule);
        Self::compile_documents(texts, config, |document| {
            document.contains(rule) || document.contains(['*', '\\'])
        })
    }

    /// Compiles all rules.
    pub fn compile_all(texts: RevisionTexts) -> Self {
        let config = texts.config.compile();
        Self::compile_documents(texts, config, |_| true)
    }

    /// Of a large revision, compiles only the documents that `keep` accepts, and those whose flows they may run.
    fn compile_documents(
        texts: RevisionTexts,
        config: Config,
        keep: impl Fn(&str) -> bool,
    ) -> Self {
        let size: usize = texts.files.iter().map(|(_, text)| text.len()).sum();
        // A shadow version gets its name from the rule that it is compared with.
        let pairs = match size > SMALL {
            true => names_of_pairs(&texts.files),
            false => HashSet::new(),
        };
        let mut files = Files::default();
        let mut rule_files = Vec::with_capacity(texts.files.len());
        for (name, text) in texts.files {
            let text = match size > SMALL {
                true => only_documents(&text, |document| {
                    may_define_flows(document)
                        || keep(document)
                        || written_names(document).any(|name| pairs.contains(name))
                }),
                false => text,
            };
            rule_files.push(files.add(name, text));
        }
        let files = Arc::new(files);
        let mut diagnostics = Diagnostics::default();
        let rules = rule_set::rule_set(&files, &rule_files, &config, &mut diagnostics);
        Self {
            since: texts.since,
            config,
            rules,
            diagnostics,
        }
    }
}

/// The names of rules in a text as they are usually written. None needs to be compiled for that.
pub fn written_names(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("name:"));
    lines.map(|name| name.trim().trim_matches(['"', '\'']))
}

/// Names that two documents have: those of a rule and of its shadow version.
fn names_of_pairs(files: &[(String, String)]) -> HashSet<String> {
    let mut known = HashSet::new();
    let names = files.iter().flat_map(|(_, text)| written_names(text));
    let twice = names.filter(|name| !known.insert(*name));
    twice.map(str::to_owned).collect()
}

/// The names that a rule can use for an event's type.
struct TypeNames {
    name: String,
    /// In lower case; several types of other sources may share it.
    display: Option<String>,
}

impl TypeNames {
    fn new(event: &Event, config: &Config) -> Self {
        let known = config.catalogue.by_name(&event.source, &event.event_type);
        Self {
            name: event.event_type.clone(),
            display: known.and_then(|known| known.display.as_deref()).map(plain),
        }
    }

    /// Whether a document may listen to the type. It certainly does not only if its text contains neither
    /// name, no star (a family, or YAML's alias) and no escape: YAML can break a name over lines, but
    /// spells it in no other way. A rule that is compiled in vain only costs time.
    fn may_occur_in(&self, document: &str) -> bool {
        let shown = |display: &str| display.contains('\'') || plain(document).contains(display);
        document.contains(&self.name)
            || document.contains(['*', '\\'])
            || self.display.as_deref().is_some_and(shown)
    }
}

/// In lower case, with single blanks.
fn plain(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_left_out_only_when_it_cannot_listen() {
        let names = TypeNames {
            name: "ticket.TagsChanged".into(),
            display: Some(plain("Tags Changed")),
        };
        for listens in [
            "event_type: ticket.TagsChanged",
            "event_type: [ticket.TicketCreated,\n  ticket.TagsChanged]",
            "event_type: tags  changed",
            "event_type: 'Tags\n  Changed'",
            "event_type: ticket.*",
            "event_type: \"ticket\\u002eTagsChanged\"",
            "<<: *shared",
        ] {
            assert!(names.may_occur_in(listens), "{listens}");
        }
        assert!(!names.may_occur_in("event_type: ticket.TicketCreated\nwhen: { current: a }"));
    }

    /// A large revision in which a rule runs a flow that another document defines.
    fn large() -> RevisionTexts {
        let flow = "flows: { page: { flow: [{ succeed: done }] } }\n";
        let rule = "name: wanted\nevent_source: support\nevent_type: ticket.TagsChanged\nflow_name: page\n";
        let other = |number: usize| {
            format!(
                "name: other-{number}\nevent_source: support\nevent_type: ticket.TicketCreated\nflow: [{{ succeed: {} }}]\n",
                "x".repeat(200)
            )
        };
        let mut documents = vec![flow.to_owned(), rule.to_owned()];
        documents.extend((0..5_000).map(other));
        let text = documents.join("---\n");
        assert!(text.len() > SMALL);
        RevisionTexts {
            since: Timestamp::UNIX_EPOCH,
            files: vec![("rules.yaml".into(), text)],
            config: config::ConfigSource::default(),
        }
    }

    #[test]
    fn a_rule_of_a_large_revision_keeps_the_flow_of_another_document() {
        let names = |past: &PastRevision| {
            let rules = past.rules.rules.iter().map(|rule| rule.name.clone());
            rules.collect::<Vec<_>>()
        };
        let sample =
            flowtrigger_core::event::catalogue::sample::sample("support", "ticket.TagsChanged");
        let text = sample.expect("a sample").text;
        let value = flowtrigger_core::event::json::parse::parse(text.as_bytes())
            .expect("JSON")
            .value;
        let catalogue = flowtrigger_core::event::catalogue::Catalogue::built_in();
        let event = flowtrigger_core::event::format::decode(value, catalogue).expect("an event");
        for past in [
            PastRevision::compile(large(), &event),
            PastRevision::compile_rule(large(), "wanted"),
        ] {
            assert!(!past.diagnostics.has_errors(), "{:?}", past.diagnostics);
            assert_eq!(names(&past), ["wanted"]);
        }
        let shadow = "---\nname: other-1\nmode: shadow\nevent_source: support\nevent_type: ticket.TagsChanged\nflow: [{ succeed: b }]\n";
        let mut paired = large();
        paired.files.push(("shadow.yaml".into(), shadow.into()));
        let past = PastRevision::compile(paired, &event);
        assert_eq!(names(&past), ["wanted", "other-1", "other-1@shadow"]);
        let other = PastRevision::compile_rule(large(), "other-4999");
        assert_eq!(names(&other), ["other-4999"]);
    }
}
