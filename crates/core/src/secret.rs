//! A secret's value, which can be sent or compared against and nothing else, and where it is stored.
//! `SecretValue` cannot be printed, compared or serialised.

use std::path::PathBuf;

/// Deliberately without `Debug`, `Display`, `PartialEq` and `Serialize`.
#[derive(Clone)]
pub struct SecretValue(String);

impl SecretValue {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// Returns the value, to send it or to verify with it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Where a secret's value is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// An environment variable.
    Env(String),
    /// A file that holds the value, or a folder that holds a file named like the secret.
    File(PathBuf),
    /// A credential that the service manager gives to the daemon: a file of this name in `$CREDENTIALS_DIRECTORY`.
    Credential(String),
}

impl SecretSource {
    /// Returns the source of a secret that the configuration does not define.
    pub fn default_for(name: &str) -> Self {
        Self::Env(format!("FLOWTRIGGER_SECRET_{name}"))
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::{Debug, Display};
    use std::marker::PhantomData;

    use serde::Serialize;

    use super::*;

    /// Whether a type implements a trait: the inherent constant takes precedence over the trait's.
    macro_rules! can {
        ($ability:path) => {{
            struct Probe<T>(PhantomData<T>);
            trait Cannot {
                const CAN: bool = false;
            }
            impl<T> Cannot for Probe<T> {}
            impl<T: $ability> Probe<T> {
                const CAN: bool = true;
            }
            (Probe::<SecretValue>::CAN, Probe::<String>::CAN)
        }};
    }

    #[test]
    fn a_secret_can_neither_be_printed_nor_compared() {
        assert_eq!(can!(Debug), (false, true));
        assert_eq!(can!(Display), (false, true));
        assert_eq!(can!(Serialize), (false, true));
        assert_eq!(can!(PartialEq), (false, true));
    }
}
