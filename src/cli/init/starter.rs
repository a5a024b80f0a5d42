//! The files that `init` writes, for each source.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

const CONFIG: &str = include_str!("files/flowtrigger.yaml");

/// The system whose events the first rule reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StarterSource {
    /// Zendesk
    Support,
    /// Upmind
    Upmind,
}

/// One file to write.
pub struct StarterFile {
    name: &'static str,
    pub text: Cow<'static, str>,
    pub purpose: &'static str,
}

impl StarterFile {
    fn new(name: &'static str, text: impl Into<Cow<'static, str>>, purpose: &'static str) -> Self {
        let text = text.into();
        Self {
            name,
            text,
            purpose,
        }
    }

    pub fn under(&self, folder: &Path) -> PathBuf {
        match folder == Path::new(".") {
            true => self.name.into(),
            false => folder.join(self.name),
        }
    }
}

impl StarterSource {
    /// The event, relative to the folder.
    pub fn event_path(self) -> &'static str {
        match self {
            StarterSource::Support => "events/priority-changed.json",
            StarterSource::Upmind => "events/client-posted.json",
        }
    }

    pub fn files(self) -> [StarterFile; 4] {
        let (rule_name, rule, test_name, test, event) = match self {
            StarterSource::Support => (
                "rules/urgent-ticket.yaml",
                include_str!("files/urgent-ticket.yaml"),
                "rules/urgent-ticket.test.yaml",
                include_str!("files/urgent-ticket.test.yaml"),
                include_str!("../../../examples/events/webhook/priority-changed.json"),
            ),
            StarterSource::Upmind => (
                "rules/customer-message.yaml",
                include_str!("files/customer-message.yaml"),
                "rules/customer-message.test.yaml",
                include_str!("files/customer-message.test.yaml"),
                include_str!("../../../examples/events/upmind/client-posted.json"),
            ),
        };
        [
            StarterFile::new(
                "flowtrigger.yaml",
                self.config(),
                "sources, connections, retention",
            ),
            StarterFile::new(rule_name, rule, "a rule"),
            StarterFile::new(test_name, test, "its tests"),
            StarterFile::new(self.event_path(), event, "an event"),
        ]
    }

    fn config(self) -> String {
        let (source, key) = match self {
            StarterSource::Support => (include_str!("files/support.yaml"), "ZENDESK_SIGNING_KEY"),
            StarterSource::Upmind => (include_str!("files/upmind.yaml"), "UPMIND_SIGNING_KEY"),
        };
        CONFIG.replace("@SOURCE@\n", source).replace("@KEY@", key)
    }
}
