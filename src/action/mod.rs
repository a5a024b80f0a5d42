//! Performing one rendered call: an HTTP request, a line in an outbox, or a command, and what came of it.
//! It refuses to decide what follows: a failed action is data, and whether to try again is `core::flow`'s.

mod excerpt;
mod exec;
mod http;
pub mod orphans;
mod outbox;
pub mod post;
mod process;
mod process_record;
mod program;
mod redaction;
mod request;
mod response;
mod retry_after;
pub mod secret;
mod secret_place;
mod target;

use std::path::PathBuf;
use std::time::Duration;

use crate::core::flow::call::{Call, Performed};
use secret::Secrets;

/// Performs calls. Cloning is cheap and shares the connection pool.
#[derive(Clone)]
pub struct Performer {
    client: reqwest::Client,
    secrets: Secrets,
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
        "failed to prepare the HTTP client: {0}; this is a fault of the program, please report it"
    )]
    Client(#[source] reqwest::Error),
}

impl Performer {
    pub fn new(secrets: Secrets, options: Options) -> Result<Self, Error> {
        Ok(Self {
            client: http::client().map_err(Error::Client)?,
            secrets,
            options,
        })
    }

    /// The same performer with new secrets, for a reload. Those that no rule names any more stay as
    /// they were: runs that were planned before still send them.
    pub fn with_secrets(&self, secrets: &Secrets) -> Self {
        Self {
            secrets: secrets.over(&self.secrets),
            ..self.clone()
        }
    }

    /// Performs the call. Dropping the future stops it: the connection is closed, the command and
    /// everything it started in its process group is killed.
    ///
    /// `idempotency_key` is the same for every try of one step of one run.
    pub async fn perform(&self, call: &Call, idempotency_key: &str) -> Performed {
        let result = match call {
            Call::Http(call) => match outbox::Outbox::of(call) {
                Some(outbox) => outbox.append(call, idempotency_key, &self.options).await,
                None => {
                    http::perform(
                        &self.client,
                        call,
                        idempotency_key,
                        &self.secrets,
                        &self.options,
                    )
                    .await
                }
            },
            Call::Exec(call) => {
                exec::perform(call, idempotency_key, &self.secrets, &self.options).await
            }
        };
        match result {
            Ok(reply) => Performed::Succeeded(reply),
            Err(failure) => Performed::Failed(failure),
        }
    }
}
