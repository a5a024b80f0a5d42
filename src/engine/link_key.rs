//! The key that signs the links of answers, read from the store once.

use tokio::sync::OnceCell;

use crate::store::{Store, StoreError};
use flowtrigger_core::run::answer_link::{AnswerKey, AskedStep};

/// Empty until the key has been read.
#[derive(Debug, Default)]
pub(in crate::engine) struct LinkKey(OnceCell<AnswerKey>);

impl LinkKey {
    pub async fn read<S: Store>(&self, store: &S) -> Result<&AnswerKey, StoreError> {
        self.0.get_or_try_init(|| store.answer_key()).await
    }

    /// What a link asks; `None` if this key did not sign it.
    pub fn open(&self, token: &str) -> Option<AskedStep> {
        self.0.get()?.open(token)
    }
}
