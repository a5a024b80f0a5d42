//! Whether the last change could be written to disk: for readiness, and for commands that explain why runs wait.

use std::sync::{Mutex, PoisonError};

#[derive(Debug, Default)]
pub struct StoreHealth(Mutex<Option<String>>);

impl StoreHealth {
    /// A write failed.
    pub fn fail(&self, why: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.to_owned());
    }

    /// A write succeeded.
    pub fn recover(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub fn is_failed(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    /// The reason of the last failure, unless a later write succeeded.
    pub fn check(&self) -> Result<(), String> {
        let failure = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*failure {
            None => Ok(()),
            Some(why) => Err(format!(
                "the data folder cannot be written to: {why}; check the free space and the permissions, it is tried again twice a second"
            )),
        }
    }
}
