//! Sends one HTTP request, follows redirects, and describes each kind of failure.
//! The egress guard checks every hop; one time limit covers all of them.

mod connection;
pub mod egress_guard;
mod label;
mod redirect;
pub(super) mod request;
mod response;

use std::error::Error;
use std::io;
use std::iter;
use std::sync::Arc;

use reqwest::redirect::Policy;
use reqwest::{Body, Client, ClientBuilder, Request, Response};

use crate::action::exchange::{ExchangeRecorder, RequestKind};
use crate::action::outbox::Outbox;
use crate::action::secret::SecretStore;
use crate::action::{PerformCall, Performer, excerpt};
use connection::{MeasureConnections, measured};
use egress_guard::{EgressGuard, Resolver};
use flowtrigger_core::egress::policy::{EgressPolicy, EgressProxy};
use flowtrigger_core::flow::call::HttpCall;
use flowtrigger_core::run::call_result::{CallEffect, CallFailure, CallResult, Reply};
use label::RequestLabel;
use request::PreparedRequest;
use response::ReceivedResponse;

/// Characters of an address in a message.
const MAX_SHOWN_CHARS: usize = 200;

/// The HTTP client with its connection pool, and the guard of its connections.
#[derive(Clone)]
pub(super) struct HttpClient {
    client: Client,
    guard: EgressGuard,
}

impl HttpClient {
    pub(super) fn new(
        outgoing: &EgressPolicy,
        resolver: Arc<dyn Resolver>,
    ) -> Result<Self, reqwest::Error> {
        // An error means that a provider is installed already, which is enough.
        drop(rustls::crypto::ring::default_provider().install_default());
        let guard = EgressGuard::new(outgoing, resolver);
        let build = |builder: ClientBuilder| builder.dns_resolver(Arc::new(guard.clone())).build();
        let client = build(client_builder(outgoing.proxy.as_ref())?);
        let client = client.or_else(|error| {
            // Without certificate authorities, plain http still works.
            tracing::warn!(
                %error,
                "no https request can succeed: no certificate authorities were found on this \
                 machine; install `ca-certificates` or set `SSL_CERT_FILE`"
            );
            build(client_builder(outgoing.proxy.as_ref())?.tls_certs_only([]))
        })?;
        Ok(Self { client, guard })
    }

    /// This client if the policy is the same, else a new one: open connections were checked by the policy of the
    /// time when they were opened.
    pub(super) fn renewed(
        &self,
        outgoing: &EgressPolicy,
        resolver: Arc<dyn Resolver>,
    ) -> Result<Self, reqwest::Error> {
        match self.guard.has_policy(outgoing) {
            true => Ok(self.clone()),
            false => Self::new(outgoing, resolver),
        }
    }
}

fn client_builder(proxy: Option<&EgressProxy>) -> Result<ClientBuilder, reqwest::Error> {
    let builder = Client::builder()
        .redirect(Policy::none())
        .connector_layer(MeasureConnections);
    Ok(match proxy {
        None => builder.no_proxy(),
        Some(EgressProxy::Environment) => builder,
        Some(EgressProxy::Address(url)) => builder.proxy(reqwest::Proxy::all(url)?),
    })
}

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
    let size = request.body().and_then(Body::as_bytes).map(<[u8]>::len);
    let size = size.map(|size| size as u64);
    let kind = RequestKind::Server;
    recorder.request(call, kind, idempotency_key, (&secrets, size));
    let hops = RedirectedRequest {
        client,
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
        loop {
            let label = hop.as_ref().unwrap_or(first);
            let repeat = (self.call.redirects > 0).then(|| request.try_clone());
            let response = self.send(request, label).await;
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

    async fn send(&self, request: Request, label: &RequestLabel) -> Result<Response, CallFailure> {
        let guard = &self.client.guard;
        guard
            .check(request.url())
            .map_err(|denied| egress_guard::failure(&denied, label, self.secrets))?;
        let executed = self.client.client.execute(request);
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
        return label.transient(format_args!(
            "no secure connection to `{peer}` ({}); check its certificate and that this port \
             is an https port, or add its authority to this machine's (`SSL_CERT_FILE`)",
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
