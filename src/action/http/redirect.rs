//! Follows a redirect: its target, and the parts of the request that may be sent there.
//! A redirect from https to http is not followed; another origin gets no credentials.

use reqwest::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE, COOKIE,
    HeaderMap, HeaderName, LOCATION, PROXY_AUTHORIZATION,
};
use reqwest::{Method, Request, Response, StatusCode, Url};

use super::request::IDEMPOTENCY_KEY;
use flowtrigger_core::flow::call::{HttpCall, RequestBody};
use flowtrigger_core::language::rendered_text::RenderedJson;

/// Why a redirect is not followed although `redirects` allows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RedirectError {
    NotHttp,
    Downgrade,
    SecretBody,
}

impl RedirectError {
    pub(super) fn reason(self) -> &'static str {
        match self {
            RedirectError::NotHttp => "is not an http address",
            RedirectError::Downgrade => "leaves https for http",
            RedirectError::SecretBody => "would send the secrets in the body to another host",
        }
    }
}

/// The target of a redirect; `None` if the response is no redirect or has no valid target.
pub(super) fn target(from: &Url, response: &Response) -> Option<Url> {
    if !matches!(response.status().as_u16(), 301..=303 | 307 | 308) {
        return None;
    }
    let target = response.headers().get(LOCATION)?;
    let mut target = from
        .join(std::str::from_utf8(target.as_bytes()).ok()?)
        .ok()?;
    // A receiver must not choose our credentials.
    let _ = target.set_username("");
    let _ = target.set_password(None);
    target.set_fragment(None);
    Some(target)
}

/// The request to the target.
pub(super) fn follow(
    mut sent: Request,
    status: StatusCode,
    target: Url,
    call: &HttpCall,
) -> Result<Request, RedirectError> {
    let from = sent.url();
    if !matches!(target.scheme(), "http" | "https") || !target.has_host() {
        return Err(RedirectError::NotHttp);
    }
    if from.scheme() == "https" && target.scheme() == "http" {
        return Err(RedirectError::Downgrade);
    }
    let leaves = from.origin() != target.origin();
    if becomes_get(status, sent.method()) {
        *sent.method_mut() = Method::GET;
        *sent.body_mut() = None;
        for name in [
            CONTENT_TYPE,
            CONTENT_LENGTH,
            CONTENT_ENCODING,
            CONTENT_LANGUAGE,
        ] {
            sent.headers_mut().remove(name);
        }
    }
    if leaves {
        if sent.body().is_some() && call.body.as_ref().is_some_and(contains_secret) {
            return Err(RedirectError::SecretBody);
        }
        remove_private_headers(sent.headers_mut());
    }
    *sent.url_mut() = target;
    Ok(sent)
}

/// Whether the method becomes GET, as in browsers: 303 except for GET and HEAD, 301 and 302 only for POST.
fn becomes_get(status: StatusCode, method: &Method) -> bool {
    match status.as_u16() {
        303 => !matches!(*method, Method::GET | Method::HEAD),
        301 | 302 => *method == Method::POST,
        _ => false,
    }
}

/// Removes credentials, headers with secrets, and the idempotency key, which are for the first receiver.
fn remove_private_headers(headers: &mut HeaderMap) {
    let ours = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, IDEMPOTENCY_KEY];
    let secret = |name: &HeaderName| {
        let mut values = headers.get_all(name).iter();
        values.any(|value| value.is_sensitive())
    };
    let dropped: Vec<HeaderName> = headers
        .keys()
        .filter(|name| ours.contains(name) || secret(name))
        .cloned()
        .collect();
    for name in dropped {
        headers.remove(name);
    }
}

fn contains_secret(body: &RequestBody) -> bool {
    match body {
        RequestBody::Json(tree) => tree_contains_secret(tree),
        RequestBody::Form(fields) => fields
            .iter()
            .any(|(_, text)| text.secrets().next().is_some()),
        RequestBody::Raw(text) => text.secrets().next().is_some(),
    }
}

fn tree_contains_secret(tree: &RenderedJson) -> bool {
    match tree {
        RenderedJson::Value(_) => false,
        RenderedJson::Text(text) => text.secrets().next().is_some(),
        RenderedJson::List(items) => items.iter().any(tree_contains_secret),
        RenderedJson::Map(entries) => entries.iter().any(|(_, value)| tree_contains_secret(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowtrigger_core::flow::call::{ExpectedStatus, KeepOutput};
    use flowtrigger_core::language::rendered_text::RenderedText;
    use reqwest::header::HeaderValue;
    use std::time::Duration;

    fn call(body: Option<RequestBody>) -> HttpCall {
        HttpCall {
            method: "POST".into(),
            url: RenderedText::default(),
            connection: None,
            tls: None,
            headers: vec![],
            body,
            auth: None,
            timeout: Duration::ZERO,
            redirects: 1,
            expect: ExpectedStatus::default(),
            keep: KeepOutput::Body,
        }
    }

    fn sent(url: &str) -> Request {
        let mut request = Request::new(Method::POST, url.parse().unwrap());
        let secret = HeaderValue::from_static("secret");
        request.headers_mut().insert(AUTHORIZATION, secret);
        *request.body_mut() = Some("text".into());
        request
    }

    fn leads(from: &str, to: &str) -> Result<Request, RedirectError> {
        let body = Some(RequestBody::Raw(RenderedText::plain("text")));
        let status = StatusCode::TEMPORARY_REDIRECT;
        follow(sent(from), status, to.parse().unwrap(), &call(body))
    }

    #[test]
    fn a_redirect_from_https_to_http_is_not_followed() {
        for to in [
            "http://a.example/",
            "http://b.example/",
            "http://a.example:443/",
        ] {
            assert_eq!(
                leads("https://a.example/", to).err(),
                Some(RedirectError::Downgrade),
                "{to}"
            );
        }
        assert!(leads("http://a.example/", "https://a.example/").is_ok());
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (from, to, same) in [
            ("https://a.example/", "https://a.example:443/x", true),
            ("https://a.example/", "https://A.EXAMPLE/x", true),
            ("https://a.example/", "https://a.example:8443/", false),
            ("https://a.example/", "https://b.example/", false),
            ("https://a.example/", "https://x.a.example/", false),
            ("http://a.example/", "https://a.example/", false),
        ] {
            let request = leads(from, to).unwrap();
            let kept = request.headers().contains_key(AUTHORIZATION);
            assert_eq!(kept, same, "{from} {to}");
        }
    }
}
