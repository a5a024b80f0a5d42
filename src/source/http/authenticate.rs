//! Who sends a request: asked before a byte of its body is read, and again over the bytes.
//! It refuses to read on from somebody who may not send, but for what is under way already.

use std::net::IpAddr;

use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, header};
use ipnet::IpNet;
use jiff::Timestamp;

use super::body;
use super::peer::Peer;
use crate::source::Endpoint;
use crate::source::signature::{Credentials, Rejection};

pub struct SenderCheck<'e> {
    pub entrance: &'e Endpoint,
    /// Where it comes from, as far as that is known.
    pub address: Option<IpAddr>,
    /// What its headers showed; a source that takes whoever comes asks for nothing.
    pub shown: Option<Credentials>,
}

impl<'e> SenderCheck<'e> {
    pub fn new(entrance: &'e Endpoint, request: &Request, proxies: &[IpNet]) -> Self {
        let peer = request.extensions().get::<ConnectInfo<Peer>>();
        Self {
            entrance,
            address: peer.map(|ConnectInfo(peer)| peer.sender(request.headers(), proxies)),
            shown: None,
        }
    }

    pub fn show(&mut self, headers: &HeaderMap) -> Result<(), Rejection> {
        if let Some(verifier) = &self.entrance.verifier {
            self.shown = Some(verifier.judge_head(headers, Timestamp::now())?);
        }
        Ok(())
    }

    /// A source that verifies and was shown nothing lets nobody in.
    pub fn prove(&self, body: &[u8]) -> Result<(), Rejection> {
        match (&self.entrance.verifier, &self.shown) {
            (None, _) => Ok(()),
            (Some(verifier), Some(shown)) => verifier.judge_body(shown, body),
            (Some(_), None) => Err(Rejection::Locked),
        }
    }
}

/// A request of the usual size is on its way already: its sender hears the answer if that is taken,
/// and thrown away. Whoever announces more, or does not say how much, is hung up on.
const MAX_IN_TRANSIT_BYTES: u64 = 64 * 1024;

pub async fn drain(request: Request) {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length <= MAX_IN_TRANSIT_BYTES) {
        body::discard_body(request).await;
    }
}
