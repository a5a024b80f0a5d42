//! Sends one HTTP request, follows redirects, and describes each kind of failure.
//! The egress guard checks every hop; one time limit covers all of them.

mod client;
mod connection;
mod connection_tls;
pub mod egress_guard;
mod label;
mod redirect;
pub(super) mod request;
mod response;

use std::error::Error;
use std::io;
use std::iter;

use reqwest::{Body, Client, Request, Response};
use rustls::AlertDescription;

use crate::action::exchange::{ExchangeRecorder, RequestKind};
use crate::action::outbox::Outbox;
use crate::action::secret::SecretStore;
use crate::action::{PerformCall, Performer, excerpt};
use connection::measured;
use flowtrigger_core::flow::call::HttpCall;
use flowtrigger_core::run::call_result::{CallEffect, CallFailure, CallResult, Reply};
use label::RequestLabel;
use request::PreparedRequest;
use response::ReceivedResponse;

pub(super) use client::HttpClient;
pub use connection_tls::{ConnectionTls, ConnectionTlsError};

/// Characters of an address in a message.
const MAX_SHOWN_CHARS: usize = 200;

impl PerformCall for HttpCall {
    async fn perform(
        &self,
        performer: &Performer,
        idempotency_key: &str,
        recorder: &ExchangeRecorder,
    ) -> CallResult {
        match Outbox::from_call(self) {
            Some(outbox) => {
                outbox
                    .append(self, idempotency_key, performer, recorder)
                    .await
            }
            None => send(self, idempotency_key, performer, recorder).await,
        }
    }
}

async fn send(
    call: &HttpCall,
    idempotency_key: &str,
    performer: &Performer,
    recorder: &ExchangeRecorder,
) -> Result<Reply, CallFailure> {
    let (label, client) = (RequestLabel::new(call), &performer.http);
    let secrets = &performer.secrets;
    let PreparedRequest { request, secrets } =
        request::prepare(&client.client, call, idempotency_key, secrets, &label)
            .map_err(CallFailure::without_effect)?;
    let own_client = client.for_call(call).await;
    let own_client = own_client.map_err(|error| {
        let name = call.connection.as_deref().unwrap_or_default();
        let failure = label.transient(format_args!("`connections.{name}.tls`: {error}"));
        failure.without_effect()
    })?;
    let size = request.body().and_then(Body::as_bytes).map(<[u8]>::len);
    let size = size.map(|size| size as u64);
    let kind = RequestKind::Server;
    recorder.request(call, kind, idempotency_key, (&secrets, size));
    let hops = RedirectedRequest {
        client,
        own_client: &own_client,
        origin: request.url().origin(),
        call,
        secrets: &secrets,
        cap: performer.options.response_cap,
        recorder,
    };
    // One time limit for all hops.
    match tokio::time::timeout(call.timeout, hops.send_and_follow(request, &label)).await {
        Ok(reply) => reply,
        Err(_) => Err(label.transient(format_args!(
            "`{}` sent no complete response within {:?}; find out why it is slow, or raise the step's `timeout`",
            label.peer, call.timeout
        ))),
    }
}

/// One request and the redirects that its step allows.
struct RedirectedRequest<'j> {
    client: &'j HttpClient,
    /// The client of the connection, which may present a certificate.
    own_client: &'j Client,
    /// The origin of the first request.
    origin: url::Origin,
    call: &'j HttpCall,
    secrets: &'j SecretStore,
    cap: usize,
    recorder: &'j ExchangeRecorder,
}

impl RedirectedRequest<'_> {
    async fn send_and_follow(
        &self,
        request: Request,
        first: &RequestLabel,
    ) -> Result<Reply, CallFailure> {
        let mut request = request;
        let mut hop: Option<RequestLabel> = None;
        let mut left = self.call.redirects;
        let mut client = self.own_client;
        loop {
            // The certificate is for the first receiver, as its credentials are: see `redirect::follow`.
            if request.url().origin() != self.origin {
                client = &self.client.client;
            }
            let label = hop.as_ref().unwrap_or(first);
            let repeat = (self.call.redirects > 0).then(|| request.try_clone());
            let response = self.send(client, request, label).await;
            // The request before the redirect arrived.
            let response = match &hop {
                Some(_) => response.map_err(after_a_redirect)?,
                None => response?,
            };
            self.recorder.response(
                response.status().as_u16(),
                response.headers(),
                response.remote_addr(),
                self.secrets,
            );
            let next = match repeat.flatten() {
                Some(sent) => self.follow(sent, &response, left, label)?,
                None => None,
            };
            let Some((next, location)) = next else {
                let response = ReceivedResponse::read(response, self.cap).await;
                let response =
                    response.map_err(|error| self.failure(&error.without_url(), label))?;
                response.record(self.recorder, self.secrets);
                return response.into_result(self.call, label, self.secrets);
            };
            (request, hop) = (next, Some(location));
            left = left.saturating_sub(1);
        }
    }

    async fn send(
        &self,
        client: &Client,
        request: Request,
        label: &RequestLabel,
    ) -> Result<Response, CallFailure> {
        let guard = &self.client.guard;
        guard
            .check(request.url())
            .map_err(|denied| egress_guard::failure(&denied, label, self.secrets))?;
        let executed = client.execute(request);
        let record = self.recorder.connection();
        let sent = measured(record, executed).await;
        sent.map_err(|error| {
            if error.is_connect() {
                self.recorder.connection().not_made();
            }
            self.failure(&error.without_url(), label)
        })
    }

    /// The next request and its label; `None` if the response is the last.
    fn follow(
        &self,
        sent: Request,
        response: &Response,
        left: u8,
        label: &RequestLabel,
    ) -> Result<Option<(Request, RequestLabel)>, CallFailure> {
        let status = response.status();
        if self.call.expect.accepts(status.as_u16()) {
            return Ok(None);
        }
        let Some(location) = redirect::target(sent.url(), response) else {
            return Ok(None);
        };
        let shown = excerpt::first(&self.secrets.redact(location.as_str()), MAX_SHOWN_CHARS);
        if left == 0 {
            return Err(label.permanent(format_args!(
                "answered {} with a redirect to {shown}, one more than `redirects: {}` allows; put the final address in `url`, or raise `redirects`",
                status.as_u16(),
                self.call.redirects
            )));
        }
        match redirect::follow(sent, status, location, self.call) {
            Ok(request) => {
                self.recorder.redirected(status.as_u16(), &shown);
                let label = RequestLabel::at(request.method().as_str(), &shown);
                Ok(Some((request, label)))
            }
            Err(error) => Err(label.permanent(format_args!(
                "answered {} with a redirect to {shown}, which {} and is not followed; put the final address in `url`",
                status.as_u16(),
                error.reason()
            ))),
        }
    }

    fn failure(&self, error: &reqwest::Error, label: &RequestLabel) -> CallFailure {
        if let Some(denied) = egress_guard::denial(causes(error)) {
            return egress_guard::failure(denied, label, self.secrets);
        }
        let failure = describe_error(error, label, self.secrets);
        match self.client.guard.has_proxy() {
            true => CallFailure {
                message: format!(
                    "{}; the request went through the proxy of `outgoing.proxy`",
                    failure.message
                ),
                ..failure
            },
            false => failure,
        }
    }
}

fn after_a_redirect(failure: CallFailure) -> CallFailure {
    CallFailure {
        effect: CallEffect::Possible,
        ..failure
    }
}

/// Describes why no response arrived. All of these may be temporary.
fn describe_error(
    error: &reqwest::Error,
    label: &RequestLabel,
    secrets: &SecretStore,
) -> CallFailure {
    let failure = describe_connection_error(error, label, secrets);
    // Without a connection nothing was sent.
    match error.is_connect() {
        true => failure.without_effect(),
        false => failure,
    }
}

fn describe_connection_error(
    error: &reqwest::Error,
    label: &RequestLabel,
    secrets: &SecretStore,
) -> CallFailure {
    let peer = &label.peer;
    if let Some(tls) = causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
        if is_about_client_certificate(tls) {
            // The server ends the handshake before it reads a request.
            let failure = label.transient(format_args!(
                "`{peer}` does not accept our client certificate ({}); set `tls.certificate` and `tls.key` of the connection, and check that the server knows their authority",
                secrets.redact(&tls.to_string())
            ));
            return failure.without_effect();
        }
        return label.transient(format_args!(
            "no secure connection to `{peer}` ({}); check its certificate and that this port \
             is an https port, or add its authority to this machine's (`SSL_CERT_FILE`) or as \
             `tls.ca` to its connection",
            secrets.redact(&tls.to_string())
        ));
    }
    if error.is_dns() {
        return label.transient(format_args!(
            "the host of `{peer}` was not found; check its spelling and this machine's DNS"
        ));
    }
    let io = causes(error).find_map(|cause| cause.downcast_ref::<io::Error>());
    match io.map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => label.transient(format_args!(
            "nothing listens at `{peer}` (connection refused); start the receiver or correct the \
             `url`"
        )),
        Some(io::ErrorKind::TimedOut) => label.transient(format_args!(
            "`{peer}` does not answer (connection timed out); check that it is running and that no firewall blocks it"
        )),
        Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
            label.transient(format_args!(
                "there is no route to `{peer}` from this machine (unreachable); check the address \
                 and this machine's network"
            ))
        }
        _ => label.transient(format_args!(
            "the connection to `{peer}` closed before the response was complete ({}); check the log of the receiver",
            secrets.redact(&root(error))
        )),
    }
}

/// Whether the server asked for a client certificate and did not accept what it got.
fn is_about_client_certificate(error: &rustls::Error) -> bool {
    matches!(
        error,
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired
                | AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA
        )
    )
}

/// The innermost cause is the most specific.
fn root(error: &reqwest::Error) -> String {
    causes(error)
        .last()
        .map_or_else(String::new, |cause| cause.to_string())
}

/// The error and its causes. An `io::Error` hides the error that it wraps from `source`.
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
