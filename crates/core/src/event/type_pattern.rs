//! Matches event types by name or by family.

/// The event types that a rule listens to: one by name, or a family.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TypePattern {
    Name(String),
    /// `ticket.*`, kept with its dot: `ticket.`. Empty for `*`.
    Family(String),
}

impl TypePattern {
    pub fn covers(&self, event_type: &str) -> bool {
        match self {
            TypePattern::Name(tag) => tag == event_type,
            TypePattern::Family(prefix) => event_type.starts_with(prefix.as_str()),
        }
    }

    /// The pattern as rules write it: `ticket.Created`, `ticket.*`.
    pub fn text(&self) -> String {
        match self {
            TypePattern::Name(name) => name.clone(),
            TypePattern::Family(prefix) => format!("{prefix}*"),
        }
    }

    /// Reads [`Self::text`] back.
    pub fn from_text(text: &str) -> Self {
        match text.strip_suffix('*') {
            Some(prefix) => TypePattern::Family(prefix.to_owned()),
            None => TypePattern::Name(text.to_owned()),
        }
    }
}
