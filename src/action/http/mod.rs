//! Sends one HTTP request and says what came of it, with words of its own for each way to fail.
//! It refuses to go where the guard does not let it, at any hop, and to wait past the time limit.

pub mod egress_guard;
mod label;
mod redirect;
pub(super) mod request;
mod response;
mod retry_after;

use std::error::Error;
use std::io;
use std::iter;
use std::sync::Arc;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Request, Response};

use crate::action::secret::Secrets;
use crate::action::{Options, excerpt};
use crate::core::egress::{Outgoing, Proxy};
use crate::core::flow::call::HttpCall;
use crate::core::run::{CallFailure, Reply};
use egress_guard::{Guard, Lookup};
use label::Target;
use request::Prepared;
use response::Answer;

/// How much of an address stands in a message.
const SHOWN: usize = 200;

/// The one client, with its connection pool, and the guard that its connections go through.
#[derive(Clone)]
pub(super) struct Sender {
    client: Client,
    guard: Guard,
}

impl Sender {
    pub(super) fn new(
        outgoing: &Outgoing,
        lookup: Arc<dyn Lookup>,
    ) -> Result<Self, reqwest::Error> {
        // Somebody else's provider is as good as ours: all that matters is that there is one.
        drop(rustls::crypto::ring::default_provider().install_default());
        let guard = Guard::new(outgoing, lookup);
        let build = |builder: ClientBuilder| builder.dns_resolver(Arc::new(guard.clone())).build();
        let client = build(through(outgoing.proxy.as_ref())?);
        let client = client.or_else(|error| {
            // A machine without certificates can still do all that needs none.
            tracing::warn!(
                %error,
                "no https request can succeed: no certificate authorities were found on this \
                 machine; install `ca-certificates` or set `SSL_CERT_FILE`"
            );
            build(through(outgoing.proxy.as_ref())?.tls_certs_only([]))
        })?;
        Ok(Self { client, guard })
    }

    /// This one where it sends as is wanted now, else a new one: connections that are kept open were
    /// checked by what held when they were opened.
    pub(super) fn renewed(
        &self,
        outgoing: &Outgoing,
        lookup: Arc<dyn Lookup>,
    ) -> Result<Self, reqwest::Error> {
        match self.guard.is_of(outgoing) {
            true => Ok(self.clone()),
            false => Self::new(outgoing, lookup),
        }
    }
}

fn through(proxy: Option<&Proxy>) -> Result<ClientBuilder, reqwest::Error> {
    let builder = Client::builder().redirect(Policy::none());
    Ok(match proxy {
        None => builder.no_proxy(),
        Some(Proxy::Environment) => builder,
        Some(Proxy::Address(url)) => builder.proxy(reqwest::Proxy::all(url)?),
    })
}

pub(super) async fn perform(
    sender: &Sender,
    call: &HttpCall,
    idempotency_key: &str,
    secrets: &Secrets,
    options: &Options,
) -> Result<Reply, CallFailure> {
    let target = Target::of(call);
    let Prepared { request, secrets } =
        request::prepare(&sender.client, call, idempotency_key, secrets, &target)?;
    let journey = Journey {
        sender,
        call,
        secrets: &secrets,
        cap: options.response_cap,
    };
    // One limit for all hops.
    match tokio::time::timeout(call.timeout, journey.travel(request, &target)).await {
        Ok(reply) => reply,
        Err(_) => Err(target.passing(format_args!(
            "`{}` gave no complete answer within {:?}; see why it is slow, or raise the step's \
             `timeout`",
            target.peer, call.timeout
        ))),
    }
}

/// One request and the redirects that its step lets it follow.
struct Journey<'j> {
    sender: &'j Sender,
    call: &'j HttpCall,
    secrets: &'j Secrets,
    cap: usize,
}

impl Journey<'_> {
    async fn travel(&self, request: Request, first: &Target) -> Result<Reply, CallFailure> {
        let mut request = request;
        let mut hop: Option<Target> = None;
        let mut left = self.call.redirects;
        loop {
            let target = hop.as_ref().unwrap_or(first);
            let repeat = (self.call.redirects > 0).then(|| request.try_clone());
            let response = self.send(request, target).await?;
            let onward = match repeat.flatten() {
                Some(sent) => self.onward(sent, &response, left, target)?,
                None => None,
            };
            let Some((next, place)) = onward else {
                let answer = Answer::read(response, self.cap).await;
                let answer = answer.map_err(|error| self.trouble(&error.without_url(), target))?;
                return answer.judge(self.call, target, self.secrets);
            };
            (request, hop) = (next, Some(place));
            left = left.saturating_sub(1);
        }
    }

    async fn send(&self, request: Request, target: &Target) -> Result<Response, CallFailure> {
        let guard = &self.sender.guard;
        guard
            .check(request.url())
            .map_err(|refused| egress_guard::refusal(&refused, target, self.secrets))?;
        let sent = self.sender.client.execute(request).await;
        sent.map_err(|error| self.trouble(&error.without_url(), target))
    }

    /// The next request, and how it is named; None where the answer is to be judged.
    fn onward(
        &self,
        sent: Request,
        response: &Response,
        left: u8,
        target: &Target,
    ) -> Result<Option<(Request, Target)>, CallFailure> {
        let status = response.status();
        if self.call.expect.accepts(status.as_u16()) {
            return Ok(None);
        }
        let Some(place) = redirect::place(sent.url(), response) else {
            return Ok(None);
        };
        let shown = excerpt::first(&self.secrets.redact(place.as_str()), SHOWN);
        if left == 0 {
            return Err(target.lasting(format_args!(
                "answered {} and leads on to {shown}, one more than `redirects: {}` follows; put \
                 the final address in `url`, or raise it",
                status.as_u16(),
                self.call.redirects
            )));
        }
        match redirect::onward(sent, status, place, self.call) {
            Ok(request) => {
                let target = Target::at(request.method().as_str(), &shown);
                Ok(Some((request, target)))
            }
            Err(refusal) => Err(target.lasting(format_args!(
                "answered {} and leads on to {shown}, which {} and is not followed; put the final \
                 address in `url`",
                status.as_u16(),
                refusal.words()
            ))),
        }
    }

    fn trouble(&self, error: &reqwest::Error, target: &Target) -> CallFailure {
        if let Some(refused) = egress_guard::found(causes(error)) {
            return egress_guard::refusal(refused, target, self.secrets);
        }
        let failure = trouble(error, target, self.secrets);
        match self.sender.guard.has_proxy() {
            true => CallFailure {
                message: format!(
                    "{}; it went by the proxy of `outgoing.proxy`",
                    failure.message
                ),
                ..failure
            },
            false => failure,
        }
    }
}

/// Why no answer came, in words. All of it may pass.
fn trouble(error: &reqwest::Error, target: &Target, secrets: &Secrets) -> CallFailure {
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
