//! Sends one HTTP request and says what came of it, with words of its own for each way to fail.
//! It refuses to follow redirects, to use a proxy from the environment and to wait past the time limit.

use std::error::Error;
use std::io;
use std::iter;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};

use super::Options;
use super::request::{self, Prepared};
use super::response::Answer;
use super::secret::Secrets;
use super::target::Target;
use crate::core::flow::call::{Failure, HttpCall, Reply};

/// The one client, with its connection pool.
pub(super) fn client() -> Result<Client, reqwest::Error> {
    // Somebody else's provider is as good as ours: all that matters is that there is one.
    drop(rustls::crypto::ring::default_provider().install_default());
    builder().build().or_else(|error| {
        // A machine without certificates can still do all that needs none.
        tracing::warn!(
            %error,
            "no https request can succeed: no certificate authorities were found on this machine; \
             install `ca-certificates` or set `SSL_CERT_FILE`"
        );
        builder().tls_certs_only([]).build()
    })
}

fn builder() -> ClientBuilder {
    Client::builder().redirect(Policy::none()).no_proxy()
}

pub(super) async fn perform(
    client: &Client,
    call: &HttpCall,
    idempotency_key: &str,
    secrets: &Secrets,
    options: &Options,
) -> Result<Reply, Failure> {
    let target = Target::of(call);
    let Prepared { request, secrets } =
        request::prepare(client, call, idempotency_key, secrets, &target)?;
    let answer = async {
        let response = client.execute(request).await?;
        Answer::read(response, options.response_cap).await
    };
    match tokio::time::timeout(call.timeout, answer).await {
        Ok(Ok(answer)) => answer.judge(call, &target, &secrets),
        Ok(Err(error)) => Err(trouble(&error.without_url(), &target, &secrets)),
        Err(_) => Err(target.passing(format_args!(
            "`{}` gave no complete answer within {:?}; see why it is slow, or raise the step's \
             `timeout`",
            target.peer, call.timeout
        ))),
    }
}

/// Why no answer came, in words. All of it may pass.
fn trouble(error: &reqwest::Error, target: &Target, secrets: &Secrets) -> Failure {
    let peer = &target.peer;
    if let Some(tls) = causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
        return target.passing(format_args!(
            "no secure connection to `{peer}` ({}); check its certificate and that this port \
             speaks https, or add its authority to this machine's (`SSL_CERT_FILE`)",
            secrets.redact(&tls.to_string())
        ));
    }
    if error.is_dns() {
        return target.passing(format_args!(
            "the host of `{peer}` was not found; check its spelling and this machine's DNS"
        ));
    }
    let io = causes(error).find_map(|cause| cause.downcast_ref::<io::Error>());
    match io.map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => target.passing(format_args!(
            "nothing listens at `{peer}` (connection refused); start the receiver or correct the \
             `url`"
        )),
        Some(io::ErrorKind::TimedOut) => target.passing(format_args!(
            "`{peer}` does not answer (connection timed out); check that it is up and that no \
             firewall is between"
        )),
        Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
            target.passing(format_args!(
                "there is no way to `{peer}` from this machine (unreachable); check the address \
                 and this machine's network"
            ))
        }
        _ => target.passing(format_args!(
            "the connection to `{peer}` broke before a complete answer came ({}); see what the \
             receiver logged",
            secrets.redact(&root(error))
        )),
    }
}

/// The innermost cause says most.
fn root(error: &reqwest::Error) -> String {
    causes(error)
        .last()
        .map_or_else(String::new, |cause| cause.to_string())
}

/// The error and what is behind it. An `io::Error` hides what it wraps from `source`.
fn causes<'e>(error: &'e reqwest::Error) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    let first: &'e (dyn Error + 'static) = error;
    iter::successors(Some(first), |cause| behind(*cause))
}

fn behind<'e>(cause: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    match cause
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(inner) => Some(inner),
        None => cause.source(),
    }
}
