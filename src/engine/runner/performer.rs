//! The trait behind which calls are performed, and a performer whose secrets and policy are replaced on reload.

use std::future::Future;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::action::exchange::ExchangeRecorder;
use crate::action::secret::SecretStore;
use crate::action::{self, Performer};
use flowtrigger_core::config::Config;
use flowtrigger_core::flow::call::Call;
use flowtrigger_core::run::call_result::CallResult;

use crate::engine::rulebook::policy;

/// Performs calls. A failed call is data, not an error.
pub trait Perform: Send + Sync + 'static {
    /// `key` is the same for every attempt of one step of one run. Dropping the future stops the call; the recorder
    /// has what was sent until then.
    fn perform(
        &self,
        call: &Call,
        key: &str,
        recorder: &ExchangeRecorder,
    ) -> impl Future<Output = CallResult> + Send;
}

impl Perform for Performer {
    fn perform(
        &self,
        call: &Call,
        key: &str,
        recorder: &ExchangeRecorder,
    ) -> impl Future<Output = CallResult> + Send {
        self.perform_recorded(call, key, recorder)
    }
}

/// A performer whose secrets and policy can be replaced while calls are running.
pub struct ReloadablePerformer(ArcSwap<Performer>);

impl ReloadablePerformer {
    pub fn new(performer: Performer) -> Self {
        Self(ArcSwap::from_pointee(performer))
    }

    /// A performer with these secrets and the policy of this configuration.
    pub fn renewed(
        &self,
        secrets: &SecretStore,
        config: &Config,
    ) -> Result<Performer, action::Error> {
        let programs = policy::programs(config);
        self.0.load().renewed(secrets, &config.outgoing, programs)
    }

    /// Performs calls that start from now on with this one.
    pub fn replace(&self, performer: Performer) {
        self.0.store(Arc::new(performer));
    }
}

impl Perform for ReloadablePerformer {
    async fn perform(&self, call: &Call, key: &str, recorder: &ExchangeRecorder) -> CallResult {
        let performer = self.0.load_full();
        performer.perform_recorded(call, key, recorder).await
    }
}
