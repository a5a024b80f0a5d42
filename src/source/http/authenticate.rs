//! Checks the sender of a request: its headers before the body is read, then its signature.

use std::net::IpAddr;

use axum::extract::{ConnectInfo, Request};
use axum::http::header;
use ipnet::IpNet;
use jiff::Timestamp;

use super::body;
use super::peer::Peer;
use crate::source::Endpoint;
use crate::source::signature::{Credentials, Rejection, RequestParts};

/// The verification of one request.
pub struct SenderCheck<'e> {
    pub endpoint: &'e Endpoint,
    /// The sender's address, if it is known.
    pub address: Option<IpAddr>,
    /// The credentials in the headers or the query. `None` before they are checked, and for a source that accepts
    /// any sender.
    pub credentials: Option<Credentials>,
}

impl<'e> SenderCheck<'e> {
    pub fn new(endpoint: &'e Endpoint, request: &Request, proxies: &[IpNet]) -> Self {
        let peer = request.extensions().get::<ConnectInfo<Peer>>();
        Self {
            endpoint,
            address: peer.map(|ConnectInfo(peer)| peer.sender(request.headers(), proxies)),
            credentials: None,
        }
    }

    pub fn check_headers(&mut self, request: &RequestParts<'_>) -> Result<(), Rejection> {
        if let Some(verifier) = &self.endpoint.verifier {
            self.credentials = Some(verifier.check_headers(request, Timestamp::now())?);
        }
        Ok(())
    }

    /// Rejects the request if the source has a verifier and the headers were not checked.
    pub fn check_body(&self, body: &[u8]) -> Result<(), Rejection> {
        match (&self.endpoint.verifier, &self.credentials) {
            (None, _) => Ok(()),
            (Some(verifier), Some(credentials)) => verifier.check_body(credentials, body),
            (Some(_), None) => Err(Rejection::NoSecret),
        }
    }
}

/// Bodies up to this size are probably already sent when the response is written, so they are read and
/// discarded: otherwise the sender may see a reset connection instead of the response. The connection
/// is closed if a larger body is announced or sent.
const MAX_IN_TRANSIT_BYTES: usize = 64 * 1024;

/// Discards the body of a rejected request if it is small.
pub async fn drain(request: Request) {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_none_or(|length| length <= MAX_IN_TRANSIT_BYTES) {
        body::discard_body(request, MAX_IN_TRANSIT_BYTES).await;
    }
}
