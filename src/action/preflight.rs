//! A reason why this machine cannot perform a step, with help; `check` shows both as a diagnostic.

use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreflightIssue {
    pub what: String,
    pub help: String,
}

impl PreflightIssue {
    pub(super) fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            help: help.into(),
        }
    }
}

impl fmt::Display for PreflightIssue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.help)
    }
}
