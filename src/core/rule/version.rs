//! A rule as it was written when it was loaded, with the configuration of that time: what a run is kept
//! with, and what compiles to the same rule again. It refuses to read anything from disk.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::core::config::{self, Config};
use crate::core::diagnostic::{Diagnostics, Files};
use crate::core::matching::ruleset::RuleSet;
use crate::core::rule::document::Chunk;
use crate::core::rule::jobspec::Rule;

/// The first bytes of a SHA-256.
pub type Fingerprint = [u8; 16];

/// One version of one rule. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Version {
    /// Of the file's name, the document and the configuration: the same text elsewhere in the same
    /// file is the same version.
    pub fingerprint: Fingerprint,
    /// How many lines stand before the document.
    pub line: u32,
    origin: Arc<Origin>,
    range: Range<usize>,
    /// The rule's name, where its document makes several.
    picked: Option<Arc<str>>,
    parts: Arc<[Part]>,
}

/// A document elsewhere that the rule is made of too: a named flow that it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub file: Arc<str>,
    /// How many lines stand before it.
    pub line: u32,
    pub text: Arc<str>,
}

/// A version as a store keeps it.
#[derive(Debug, Clone)]
pub struct Kept {
    pub file: String,
    pub document: String,
    pub line: u32,
    pub picked: Option<String>,
    pub parts: Vec<Part>,
}

/// A file with the configuration beside it: what all rules in it have in common.
#[derive(Debug)]
pub struct Origin {
    pub file: Arc<str>,
    pub text: Arc<str>,
    pub config: Arc<config::Source>,
}

impl Version {
    pub fn new(origin: Arc<Origin>, range: Range<usize>, line: u32) -> Self {
        let document = origin.text.get(range.clone()).unwrap_or_default();
        let document = document.trim_start_matches("---").trim();
        let config = &origin.config.fingerprint;
        Self {
            fingerprint: fingerprint(&[origin.file.as_bytes(), document.as_bytes(), config]),
            line,
            origin,
            range,
            picked: None,
            parts: Arc::new([]),
        }
    }

    /// One of several rules that the document makes.
    pub fn of_rule(self, name: &str) -> Self {
        Self {
            fingerprint: fingerprint(&[&self.fingerprint, name.as_bytes()]),
            picked: Some(name.into()),
            ..self
        }
    }

    /// With documents elsewhere that the rule is made of too.
    pub fn with(self, parts: Vec<Part>) -> Self {
        if parts.is_empty() {
            return self;
        }
        let mut texts: Vec<&[u8]> = vec![&self.fingerprint];
        for part in &parts {
            texts.extend([part.file.as_bytes(), part.text.trim().as_bytes()]);
        }
        Self {
            fingerprint: fingerprint(&texts),
            parts: parts.into(),
            ..self
        }
    }

    /// From its parts, as a store kept them.
    pub fn kept(kept: Kept, config: Arc<config::Source>) -> Self {
        let range = 0..kept.document.len();
        let origin = Origin {
            file: kept.file.into(),
            text: kept.document.into(),
            config,
        };
        let version = Self::new(Arc::new(origin), range, kept.line);
        let version = match &kept.picked {
            Some(name) => version.of_rule(name),
            None => version,
        };
        version.with(kept.parts)
    }

    /// The rule's name, where its document makes several.
    pub fn picked(&self) -> Option<&str> {
        self.picked.as_deref()
    }

    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    pub fn file(&self) -> &Arc<str> {
        &self.origin.file
    }

    pub fn config(&self) -> &Arc<config::Source> {
        &self.origin.config
    }

    pub fn document(&self) -> &str {
        self.origin.text.get(self.range.clone()).unwrap_or_default()
    }

    /// The document with its place.
    pub fn chunk(&self) -> Chunk<'_> {
        Chunk::of(&self.origin.text, self.range.clone(), self.line)
    }

    /// Its texts, each at its place in its file: what the positions in the compiled rule point into.
    pub fn files(&self) -> Files {
        let mut files = Files::default();
        let mut add = |file: &Arc<str>, line: u32, text: &str| {
            let before = "\n".repeat(line as usize);
            files.add(Arc::clone(file), format!("{before}{text}"));
        };
        add(self.file(), self.line, self.document());
        for part in self.parts.iter() {
            add(&part.file, part.line, &part.text);
        }
        files
    }

    /// The rule again. The places in it are those of its file.
    pub fn compile(&self, config: &Config) -> Result<Arc<Rule>, Diagnostics> {
        let files = self.files();
        let mut diagnostics = Diagnostics::default();
        let rules = RuleSet::compile_kept(&files, config, &mut diagnostics);
        let mut rules = rules.iter();
        let rule = match &self.picked {
            Some(name) => rules.find(|rule| *rule.name == **name),
            None => rules.next(),
        };
        match (diagnostics.has_errors(), rule) {
            (false, Some(rule)) => {
                let mut rule = Rule::clone(rule);
                // What was padded is no other version.
                rule.version = self.clone();
                Ok(Arc::new(rule))
            }
            (true | false, _) => Err(diagnostics),
        }
    }
}

/// Each part with its length before it, so that no two lists of parts look alike.
pub fn fingerprint(parts: &[&[u8]]) -> Fingerprint {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part);
    }
    let whole: [u8; 32] = sha.finalize().into();
    let mut half = [0; 16];
    half.copy_from_slice(&whole[..16]);
    half
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "name: first\nevent_source: support\nevent_type: ticket.TicketCreated\nflow:\n  - succeed: one\n---\nname: second\nevent_source: support\nevent_type: ticket.TicketCreated\nflow:\n  - succeed: two\n";

    #[test]
    fn a_version_compiles_to_its_rule_again_at_its_place() {
        let set = RuleSet::of_text(TWO);
        for rule in &set.rules {
            let again = rule.version.compile(&Config::default()).unwrap();
            assert_eq!((&again.name, again.at.line), (&rule.name, rule.at.line));
            assert_eq!(again.version.fingerprint, rule.version.fingerprint);
        }
        assert_eq!(set.rules[1].at.line, 7);
    }

    #[test]
    fn a_version_can_be_kept_by_its_document() {
        for rule in &RuleSet::of_text(TWO).rules {
            let version = &rule.version;
            let kept = Kept {
                file: "r.yaml".into(),
                document: version.document().to_owned(),
                line: version.line,
                picked: None,
                parts: Vec::new(),
            };
            let kept = Version::kept(kept, Arc::clone(version.config()));
            assert_eq!(kept.fingerprint, version.fingerprint);
            let again = kept.compile(&Config::default()).unwrap();
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
        match &last.action {
            crate::core::flow::step::Action::Exec(exec) => exec.argv[0].source().to_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_version_holds_the_flows_that_its_rule_runs_and_no_other() {
        let compiled = |text: &str| {
            let mut files = Files::default();
            let file = files.add("r.yaml", text);
            let said = &mut Diagnostics::default();
            // Another flow of the document has a mistake that is none of the rule's.
            let set = RuleSet::compile(&Arc::new(files), &[file], &Config::default(), said);
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
        let kept = Kept {
            file: "r.yaml".into(),
            document: rule.version.document().to_owned(),
            line: 0,
            picked: None,
            parts: rule.version.parts().to_vec(),
        };
        let kept = Version::kept(kept, Arc::clone(rule.version.config()));
        assert_eq!(kept.fingerprint, rule.version.fingerprint);
        assert_eq!(program(&kept.compile(&Config::default()).unwrap()), "page");
        let changed = compiled(&NAMED.replace("[page]", "[call]"));
        assert_ne!(changed.version.fingerprint, rule.version.fingerprint);
        let apart = NAMED
            .replace("first", "alone")
            .replace("{ flow: told }", "{ set: 1 }");
        assert_eq!(compiled(&apart).version.parts(), []);
    }
}
