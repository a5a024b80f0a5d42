//! What is verified of a request beside its body: method, path, query and headers, and the URL that the sender called.

use axum::http::{HeaderMap, Method, Uri, header};

use super::{Rejection, single_value};

/// The parts of a request. Has no `Debug`: the query can contain a secret.
#[derive(Clone, Copy)]
pub struct RequestParts<'r> {
    /// In upper case.
    pub method: &'r str,
    /// As received, without the query.
    pub path: &'r str,
    pub query: Option<&'r str>,
    pub headers: &'r HeaderMap,
    /// The address under which senders reach this program, without a slash at its end.
    pub public_url: Option<&'r str>,
}

impl<'r> RequestParts<'r> {
    pub fn new(
        method: &'r Method,
        uri: &'r Uri,
        headers: &'r HeaderMap,
        public_url: Option<&'r str>,
    ) -> Self {
        Self {
            method: method.as_str(),
            path: uri.path(),
            query: uri.query(),
            headers,
            public_url,
        }
    }

    /// The URLs that the sender can have called. Without a public URL, the name is that of the `Host` header, and a
    /// proxy can have received it with TLS or without.
    pub(super) fn urls(&self) -> Result<Vec<String>, Rejection> {
        let query = self.query.map(|query| format!("?{query}"));
        let rest = format!("{}{}", self.path, query.unwrap_or_default());
        if let Some(base) = self.public_url {
            return Ok(vec![format!("{base}{rest}")]);
        }
        let host = single_value(self.headers, header::HOST.as_str())?;
        let host = String::from_utf8_lossy(host.as_bytes());
        let schemes = ["https", "http"].into_iter();
        Ok(schemes
            .map(|scheme| format!("{scheme}://{host}{rest}"))
            .collect())
    }
}
