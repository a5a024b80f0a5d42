//! The trait behind which calls are performed, and a performer whose secrets and policy are replaced on reload.

use std::future::Future;
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde_json::Value;

use crate::action::collector::Collector;
use crate::action::exchange::ExchangeRecorder;
use crate::action::secret::SecretStore;
use crate::action::{self, Performer};
use flowtrigger_core::config::TraceExport;
use flowtrigger_core::flow::call::Call;
use flowtrigger_core::run::call_result::CallResult;

use crate::engine::rulebook::{Rulebook, connection_tls, policy};

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

    /// A performer with these secrets, and the policy and the TLS files of this rulebook.
    pub fn renewed(
        &self,
        secrets: &SecretStore,
        rulebook: &Rulebook,
    ) -> Result<Performer, action::Error> {
        let programs = policy::programs(&rulebook.config);
        let (outgoing, connections) = (&rulebook.config.outgoing, connection_tls::used(rulebook));
        let performer = self.0.load();
        performer.renewed(secrets, outgoing, programs, connections)
    }

    /// The collector of traces, with the secrets of its headers; `None` if the configuration has no address.
    pub fn collector(
        &self,
        export: &TraceExport,
        vars: &Value,
    ) -> Result<Option<Collector>, String> {
        self.0.load().collector(export, vars)
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
