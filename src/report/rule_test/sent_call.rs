//! What a step sends, as a test compares it: a request to a connection also has its `path`, as the rule writes it, so that
//! a test does not depend on the address of the connection.

use serde_json::Value;

use flowtrigger_core::config::Config;
use flowtrigger_core::flow::call::{Call, HttpCall};

pub fn sent_json(call: &Call, config: &Config) -> Value {
    let mut sent = call.to_json();
    if let Some(path) = path(call, config) {
        sent["path"] = path.into();
    }
    sent
}

/// The path of a request below the address of its connection, without the query.
pub fn path(call: &Call, config: &Config) -> Option<String> {
    let Call::Http(HttpCall {
        url,
        connection: Some(connection),
        ..
    }) = call
    else {
        return None;
    };
    let base = config
        .connections
        .get(connection)?
        .base_url
        .trim_end_matches('/');
    let url = url.to_string();
    let path = url.strip_prefix(base)?;
    let path = path.split('?').next().unwrap_or(path);
    path.starts_with('/').then(|| path.to_owned())
}
