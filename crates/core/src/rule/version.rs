//! Holds the text of a rule with its included documents and configuration.
//! Runs keep it, and it compiles to the same rule again without reading any file.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config;
use crate::diagnostic::Files;
use crate::document::split::DocumentText;
use crate::fingerprint::{Fingerprint, fingerprint};
use crate::rule::shadow_version::compared_rule;

/// One version of one rule. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct RuleVersion {
    /// Of the file's name, the documents and the configuration. A document that only moves in its file keeps
    /// its version.
    pub fingerprint: Fingerprint,
    /// The number of lines before the document.
    pub line: u32,
    origin: Arc<RuleFile>,
    range: Range<usize>,
    /// The rule's name, if the document alone does not tell it: it defines several rules, or a shadow version.
    picked: Option<Arc<str>>,
    parts: Arc<[IncludedDocument]>,
}

/// Another document that the rule includes: that of a named flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncludedDocument {
    pub file: Arc<str>,
    /// The number of lines before it.
    pub line: u32,
    pub text: Arc<str>,
}

/// A version as a store saves it.
#[derive(Debug, Clone)]
pub struct StoredRuleVersion {
    pub file: String,
    pub document: String,
    pub line: u32,
    pub picked: Option<String>,
    pub parts: Vec<IncludedDocument>,
}

/// A rule file with the configuration; shared by all rules in the file.
#[derive(Debug)]
pub struct RuleFile {
    pub file: Arc<str>,
    pub text: Arc<str>,
    pub config: Arc<config::ConfigSource>,
}

impl RuleVersion {
    pub fn new(origin: Arc<RuleFile>, range: Range<usize>, line: u32) -> Self {
        let document = origin.text[range.clone()].trim_start_matches("---").trim();
        let config = &origin.config.fingerprint;
        Self {
            fingerprint: fingerprint(&[origin.file.as_bytes(), document.as_bytes(), config]),
            line,
            origin,
            range,
            picked: None,
            parts: Arc::default(),
        }
    }

    /// The version of one of several rules of the document, or of the shadow version that it defines.
    pub fn of_rule(self, name: &str) -> Self {
        Self {
            fingerprint: fingerprint(&[&self.fingerprint, name.as_bytes()]),
            picked: Some(name.into()),
            ..self
        }
    }

    /// The version of another rule that the same documents define.
    pub fn renamed(&self, name: &str) -> Self {
        Self::new(Arc::clone(&self.origin), self.range.clone(), self.line)
            .of_rule(name)
            .with(self.parts.to_vec())
    }

    /// Adds the other documents that the rule includes.
    pub fn with(self, parts: Vec<IncludedDocument>) -> Self {
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

    /// Restores a version that a store saved.
    pub fn kept(kept: StoredRuleVersion, config: Arc<config::ConfigSource>) -> Self {
        let range = 0..kept.document.len();
        let origin = RuleFile {
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

    /// Whether the rule is one of a ZIS bundle.
    pub fn is_of_bundle(&self) -> bool {
        let picked = self.picked.as_deref();
        picked.is_some_and(|name| compared_rule(name).is_none())
    }

    /// Returns the rule's name if the document alone does not tell it.
    pub fn picked(&self) -> Option<&str> {
        self.picked.as_deref()
    }

    pub fn parts(&self) -> &[IncludedDocument] {
        &self.parts
    }

    pub fn file(&self) -> &Arc<str> {
        &self.origin.file
    }

    pub fn config(&self) -> &Arc<config::ConfigSource> {
        &self.origin.config
    }

    pub fn document(&self) -> &str {
        &self.origin.text[self.range.clone()]
    }

    /// Returns the document with its position in the file.
    pub fn chunk(&self) -> DocumentText<'_> {
        DocumentText::new(&self.origin.text, self.range.clone(), self.line)
    }

    /// Returns its documents, each at its original line. The positions in the compiled rule refer to them.
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
}
