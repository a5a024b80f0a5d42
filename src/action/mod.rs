//! Performing one rendered call: an HTTP request, a line in an outbox, a command or a jq program, and what
//! came of it.
//! It refuses to decide what follows: a failed action is data, and whether to try again is `core::flow`'s.

pub mod command;
mod excerpt;
pub mod http;
pub mod jq;
mod outbox;
pub mod post;
pub mod preflight;
pub mod secret;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::core::egress::Outgoing;
use crate::core::flow::call::{Call, JqCall};
use crate::core::run::{CallFailure, CallResult, Reply};
use command::allowlist::Programs;
use http::egress_guard::{Lookup, SystemLookup};
use secret::Secrets;

/// Performs calls. Cloning is cheap and shares the connection pool.
#[derive(Clone)]
pub struct Performer {
    sender: http::Sender,
    secrets: Secrets,
    jq: jq::Jq,
    options: Options,
}

/// What bounds every call.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder that `outbox:` requests are written to.
    pub outbox: PathBuf,
    /// The folder in which commands under way are recorded, so that a later start can kill those that
    /// outlived this one. None records nothing.
    pub processes: Option<PathBuf>,
    /// Where requests may go.
    pub outgoing: Outgoing,
    /// The programs that may run; None for any.
    pub programs: Option<Programs>,
    /// The program that binds a command before it becomes it, and runs jq programs: this one.
    pub confiner: PathBuf,
    /// Who knows the addresses of hosts.
    pub lookup: Arc<dyn Lookup>,
    /// How many bytes of an answer are read.
    pub response_cap: usize,
    /// How many bytes are kept of each of a command's two outputs.
    pub output_cap: usize,
    /// How long a command that ran out of time may take to end after SIGTERM.
    pub grace: Duration,
}

impl Options {
    pub fn new(outbox: impl Into<PathBuf>) -> Self {
        Self {
            outbox: outbox.into(),
            processes: None,
            outgoing: Outgoing::default(),
            programs: None,
            confiner: "/proc/self/exe".into(),
            lookup: Arc::new(SystemLookup),
            response_cap: 1024 * 1024,
            output_cap: 64 * 1024,
            grace: Duration::from_secs(5),
        }
    }
}

/// Why nothing can be performed at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "failed to prepare the HTTP client: {0}; check `outgoing.proxy` and the proxy that the environment names"
    )]
    Client(#[source] reqwest::Error),
}

fn sender(options: &Options) -> Result<http::Sender, Error> {
    let lookup = Arc::clone(&options.lookup);
    http::Sender::new(&options.outgoing, lookup).map_err(Error::Client)
}

impl Performer {
    pub fn new(secrets: Secrets, options: Options) -> Result<Self, Error> {
        Ok(Self {
            sender: sender(&options)?,
            secrets,
            jq: jq::Jq::new(&options.confiner),
            options,
        })
    }

    /// The same performer with new secrets and a new policy, for a reload. Secrets that no rule names
    /// any more stay as they were: runs that were planned before still send them. The policy holds for
    /// those runs too.
    pub fn renewed(
        &self,
        secrets: &Secrets,
        outgoing: &Outgoing,
        programs: Option<Programs>,
    ) -> Result<Self, Error> {
        let lookup = Arc::clone(&self.options.lookup);
        let sender = self.sender.renewed(outgoing, lookup);
        Ok(Self {
            sender: sender.map_err(Error::Client)?,
            secrets: secrets.over(&self.secrets),
            jq: self.jq.clone(),
            options: Options {
                outgoing: outgoing.clone(),
                programs,
                ..self.options.clone()
            },
        })
    }

    /// Performs the call. Dropping the future stops it: the connection is closed, the command and
    /// everything it started in its process group is killed.
    ///
    /// `idempotency_key` is the same for every try of one step of one run.
    pub async fn perform(&self, call: &Call, idempotency_key: &str) -> CallResult {
        match call {
            Call::Http(call) => match outbox::Outbox::of(call) {
                Some(outbox) => outbox.append(call, idempotency_key, &self.options).await,
                None => {
                    http::perform(
                        &self.sender,
                        call,
                        idempotency_key,
                        &self.secrets,
                        &self.options,
                    )
                    .await
                }
            },
            Call::Exec(call) => {
                command::perform(call, idempotency_key, &self.secrets, &self.options).await
            }
            Call::Jq(call) => self.calculate(call).await,
            Call::Config(_) => Err(CallFailure::lasting(
                "run what no action carries out; report this, please",
            )),
        }
    }

    async fn calculate(&self, call: &JqCall) -> Result<Reply, CallFailure> {
        let result = self.jq.run(call).await;
        let result = result.map(|value| Reply { value });
        result.map_err(|failure| CallFailure {
            message: self.secrets.redact(&failure.message),
            ..failure
        })
    }
}
