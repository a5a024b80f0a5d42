//! Matches event types by name or by family.

/// The event types that a rule listens to: one by name, or a family.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
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
}
