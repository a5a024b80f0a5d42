//! Rules and configuration that a person has pushed for all daemons of a store.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use jiff::Timestamp;

use flowtrigger_core::fingerprint::fingerprint;

/// The texts of rules and configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushedTexts {
    /// Name and text of each rule file.
    pub files: Vec<(Arc<str>, Arc<str>)>,
    /// The name and the text of the configuration.
    pub config: (Arc<str>, Arc<str>),
    /// The calendars that the configuration names.
    pub calendars: BTreeMap<String, Arc<str>>,
}

/// A pushed revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushedRevision {
    pub head: PushedHead,
    pub texts: PushedTexts,
}

/// A pushed revision without its texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushedHead {
    /// Its number: the highest one is in force.
    pub id: u64,
    /// Of its texts, in hexadecimal digits.
    pub digest: String,
    pub rules: u64,
    pub at: Timestamp,
    /// Who pushed it, if that is known, and why.
    pub by: Option<String>,
    pub note: String,
}

impl PushedTexts {
    /// The digest of all texts, in hexadecimal digits.
    pub fn digest(&self) -> String {
        let (config_name, config) = &self.config;
        let mut parts = vec![config_name.as_bytes(), config.as_bytes()];
        for (name, text) in &self.files {
            parts.push(name.as_bytes());
            parts.push(text.as_bytes());
        }
        for (name, text) in &self.calendars {
            parts.push(name.as_bytes());
            parts.push(text.as_bytes());
        }
        let mut digest = String::with_capacity(32);
        for byte in fingerprint(&parts) {
            // Writing to a text cannot fail.
            let _ = write!(digest, "{byte:02x}");
        }
        digest
    }
}

/// The part of a digest that people read and write.
pub fn short_digest(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
