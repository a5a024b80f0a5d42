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
use crate::source::signature::{Refused, Shown};

pub struct Sender<'e> {
    pub entrance: &'e Endpoint,
    /// Where it comes from, as far as that is known.
    pub address: Option<IpAddr>,
    /// What its headers showed; a source that takes whoever comes asks for nothing.
    pub shown: Option<Shown>,
}

impl<'e> Sender<'e> {
    pub fn new(entrance: &'e Endpoint, request: &Request, proxies: &[IpNet]) -> Self {
        let peer = request.extensions().get::<ConnectInfo<Peer>>();
        Self {
            entrance,
            address: peer.map(|ConnectInfo(peer)| peer.sender(request.headers(), proxies)),
            shown: None,
        }
    }

    pub fn show(&mut self, headers: &HeaderMap) -> Result<(), Refused> {
        if let Some(verifier) = &self.entrance.verifier {
            self.shown = Some(verifier.judge_head(headers, Timestamp::now())?);
        }
        Ok(())
    }

    /// A source that verifies and was shown nothing lets nobody in.
    pub fn prove(&self, body: &[u8]) -> Result<(), Refused> {
        match (&self.entrance.verifier, &self.shown) {
            (None, _) => Ok(()),
            (Some(verifier), Some(shown)) => verifier.judge_body(shown, body),
            (Some(_), None) => Err(Refused::Locked),
        }
    }
}

/// A request of the usual size is on its way already: its sender hears the answer if that is taken,
/// and thrown away. Whoever announces more, or does not say how much, is hung up on.
const ON_ITS_WAY: u64 = 64 * 1024;

pub async fn hear_out(request: Request) {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length <= ON_ITS_WAY) {
        body::pass_over(request).await;
    }
}
