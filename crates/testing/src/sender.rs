//! Signed requests as senders write them. The signatures are computed from the vendors' descriptions and not
//! with the program's code, so that a test proves more than that the program agrees with itself.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use crate::http_wire;

pub const ZENDESK_SIGNATURE: &str = "x-zendesk-webhook-signature";
pub const ZENDESK_TIMESTAMP: &str = "x-zendesk-webhook-signature-timestamp";

/// HMAC-SHA256 of the concatenated parts.
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Seconds since 1970.
pub fn now() -> i64 {
    Timestamp::now().as_second()
}

/// A time as Zendesk writes it; the argument is in seconds since 1970.
pub fn timestamp(seconds: i64) -> String {
    let time = Timestamp::from_second(seconds).expect("a time");
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Zendesk's signature of a body.
pub fn zendesk_signature(key: &str, timestamp: &str, body: &[u8]) -> String {
    STANDARD.encode(hmac_sha256(key.as_bytes(), &[timestamp.as_bytes(), body]))
}

/// Zendesk's header lines for a body sent at a time, in seconds since 1970.
pub fn zendesk_headers(key: &str, body: &[u8], seconds: i64) -> String {
    let timestamp = timestamp(seconds);
    let signature = zendesk_signature(key, &timestamp, body);
    format!("{ZENDESK_SIGNATURE}: {signature}\r\n{ZENDESK_TIMESTAMP}: {timestamp}\r\n")
}

/// The bytes of a request with a JSON body and these headers.
pub fn post(path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let headers = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"));
    let headers = format!(
        "content-type: application/json\r\n{}",
        headers.collect::<String>()
    );
    http_wire::request("POST", path, &headers, body.as_bytes())
}

/// The bytes of a request that Zendesk signs now.
pub fn signed_post(path: &str, key: &str, body: &str) -> Vec<u8> {
    let headers = zendesk_headers(key, body.as_bytes(), now());
    let headers = format!("content-type: application/json\r\n{headers}");
    http_wire::request("POST", path, &headers, body.as_bytes())
}
