//! The value of a secret: text that can be sent or compared against, and nothing else.
//! It refuses to print, compare or serialise itself; whoever exposes it is one of the few that may.

/// No Debug, Display, PartialEq or Serialize, on purpose.
#[derive(Clone)]
pub struct SecretValue(String);

impl SecretValue {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for what is sent and what is verified.
    pub fn expose(&self) -> &str {
        &self.0
    }
}
