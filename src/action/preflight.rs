//! Why something that a rule asks for would not be performed here, and what to do.
//! It refuses to be one text: who reports it in a rule's place shows both parts apart.

use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    pub what: String,
    pub help: String,
}

impl Doubt {
    pub(super) fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            help: help.into(),
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.help)
    }
}
