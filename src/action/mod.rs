//! Performs one rendered call: an HTTP request, a line in an outbox, a command or a jq program.
//! A failure is returned as data; `flowtrigger_core::flow` decides whether there is another attempt.

pub mod collector;
pub mod command;
mod excerpt;
pub mod exchange;
pub mod http;
pub mod jq;
mod outbox;
pub mod post;
pub mod preflight;
pub mod secret;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use command::allowlist::ProgramAllowlist;
use exchange::ExchangeRecorder;
use flowtrigger_core::egress::policy::EgressPolicy;
use flowtrigger_core::flow::call::{Call, SettingsCall};
use flowtrigger_core::match_call;
use flowtrigger_core::run::call_result::{CallFailure, CallResult};
use http::egress_guard::{Resolver, SystemResolver};
use http::{ConnectionTls, ConnectionTlsError};
use secret::SecretStore;

/// Performs calls. Clones are cheap and share the connection pool.
#[derive(Clone)]
pub struct Performer {
    http: http::HttpClient,
    secrets: SecretStore,
    jq: jq::JqPool,
    options: PerformerOptions,
}

/// Limits and folders of all calls.
#[derive(Debug, Clone)]
pub struct PerformerOptions {
    /// The folder for `outbox:` requests.
    pub outbox: PathBuf,
    /// The folder for the PID files of running commands, by which the next start kills those that outlived this
    /// process. `None` writes none.
    pub processes: Option<PathBuf>,
    /// Where a command without `cwd` is executed if the folder of its rule does not exist: for rules that were pushed.
    /// `None` rejects the command.
    pub work_folder: Option<PathBuf>,
    /// The TLS files of the connections that rules use.
    pub connections: Vec<ConnectionTls>,
    /// The egress policy of requests.
    pub outgoing: EgressPolicy,
    /// The allowed programs; `None` for any.
    pub programs: Option<ProgramAllowlist>,
    /// The program that starts sandboxed commands and runs jq programs: this one.
    pub launcher: PathBuf,
    /// Resolves host names.
    pub resolver: Arc<dyn Resolver>,
    /// Bytes to read of a response.
    pub response_cap: usize,
    /// Bytes to keep of each output of a command.
    pub output_cap: usize,
    /// The time from SIGTERM to SIGKILL for a command that ran out of time.
    pub grace: Duration,
}

impl PerformerOptions {
    pub fn new(outbox: impl Into<PathBuf>) -> Self {
        Self {
            outbox: outbox.into(),
            processes: None,
            work_folder: None,
            connections: Vec::new(),
            outgoing: EgressPolicy::default(),
            programs: None,
            launcher: "/proc/self/exe".into(),
            resolver: Arc::new(SystemResolver),
            response_cap: 1024 * 1024,
            output_cap: 64 * 1024,
            grace: Duration::from_secs(5),
        }
    }
}

/// Why no call can be performed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "failed to prepare the HTTP client: {0}; check `outgoing.proxy` and the proxy variables of the environment"
    )]
    Client(#[source] reqwest::Error),
    #[error(transparent)]
    ConnectionTls(#[from] ConnectionTlsError),
}

fn http_client(options: &PerformerOptions) -> Result<http::HttpClient, Error> {
    let resolver = Arc::clone(&options.resolver);
    let client = http::HttpClient::new(&options.outgoing, resolver).map_err(Error::Client)?;
    Ok(client.with_connections(&options.connections)?)
}

impl Performer {
    pub fn new(secrets: SecretStore, options: PerformerOptions) -> Result<Self, Error> {
        Ok(Self {
            http: http_client(&options)?,
            secrets,
            jq: jq::JqPool::new(&options.launcher),
            options,
        })
    }

    /// The performer with new secrets, a new policy and TLS files that are read again, for a reload. Secrets that no
    /// rule uses any more stay: earlier runs may still send them. The new policy applies to those runs too.
    pub fn renewed(
        &self,
        secrets: &SecretStore,
        outgoing: &EgressPolicy,
        programs: Option<ProgramAllowlist>,
        connections: Vec<ConnectionTls>,
    ) -> Result<Self, Error> {
        let resolver = Arc::clone(&self.options.resolver);
        let http = self.http.renewed(outgoing, resolver);
        let http = http.map_err(Error::Client)?;
        Ok(Self {
            http: http.with_connections(&connections)?,
            secrets: secrets.over(&self.secrets),
            jq: self.jq.clone(),
            options: PerformerOptions {
                connections,
                outgoing: outgoing.clone(),
                programs,
                ..self.options.clone()
            },
        })
    }

    /// Performs the call. Dropping the future stops it: the connection is closed, and the process group of the
    /// command is killed.
    ///
    /// `idempotency_key` is the same for all attempts of one step of one run.
    pub async fn perform(&self, call: &Call, idempotency_key: &str) -> CallResult {
        let recorder = ExchangeRecorder::none();
        self.perform_recorded(call, idempotency_key, &recorder)
            .await
    }

    /// Like [`Self::perform`]; what is sent and received is recorded while it happens.
    pub async fn perform_recorded(
        &self,
        call: &Call,
        idempotency_key: &str,
        recorder: &ExchangeRecorder,
    ) -> CallResult {
        let performed: CallResult =
            match_call!(call, call => call.perform(self, idempotency_key, recorder).await);
        performed.map_err(|failure| CallFailure {
            message: recorder.without_redacted_fields(&failure.message),
            ..failure
        })
    }
}

/// Implemented by every rendered call.
trait PerformCall {
    async fn perform(
        &self,
        performer: &Performer,
        idempotency_key: &str,
        recorder: &ExchangeRecorder,
    ) -> CallResult;
}

impl PerformCall for SettingsCall {
    async fn perform(&self, _: &Performer, _: &str, _: &ExchangeRecorder) -> CallResult {
        Err(CallFailure::permanent(
            "settings cannot be accessed by an action; this is a bug, please report it",
        ))
    }
}
