//! Where an answer sends a request on to, and what of the request may go there.
//! It refuses to leave https, and to show another origin what was meant for the first.

use reqwest::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE, COOKIE,
    HeaderMap, HeaderName, LOCATION, PROXY_AUTHORIZATION,
};
use reqwest::{Method, Request, Response, StatusCode, Url};

use super::request::IDEMPOTENCY_KEY;
use crate::core::flow::call::{Body, HttpCall};
use crate::core::rule::rendered_text::Tree;

/// Why a redirect is not followed although the step allows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    NotHttp,
    Downgrade,
    SecretBody,
}

impl Refusal {
    pub(super) fn words(self) -> &'static str {
        match self {
            Refusal::NotHttp => "is no http address",
            Refusal::Downgrade => "leaves https for http",
            Refusal::SecretBody => "would show another host the secrets in the body",
        }
    }
}

/// The place that an answer leads to; None where it leads nowhere that could be followed.
pub(super) fn place(from: &Url, response: &Response) -> Option<Url> {
    if !matches!(response.status().as_u16(), 301..=303 | 307 | 308) {
        return None;
    }
    let place = response.headers().get(LOCATION)?;
    let mut place = from
        .join(std::str::from_utf8(place.as_bytes()).ok()?)
        .ok()?;
    // Nobody else says who we are.
    let _ = place.set_username("");
    let _ = place.set_password(None);
    place.set_fragment(None);
    Some(place)
}

/// The request as it goes on to a place.
pub(super) fn onward(
    mut sent: Request,
    status: StatusCode,
    place: Url,
    call: &HttpCall,
) -> Result<Request, Refusal> {
    let from = sent.url();
    if !matches!(place.scheme(), "http" | "https") || !place.has_host() {
        return Err(Refusal::NotHttp);
    }
    if from.scheme() == "https" && place.scheme() == "http" {
        return Err(Refusal::Downgrade);
    }
    let leaves = from.origin() != place.origin();
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
        if sent.body().is_some() && call.body.as_ref().is_some_and(holds_secret) {
            return Err(Refusal::SecretBody);
        }
        drop_what_is_ours(sent.headers_mut());
    }
    *sent.url_mut() = place;
    Ok(sent)
}

/// As browsers do: 303 for all but a look, 301 and 302 for POST alone.
fn becomes_get(status: StatusCode, method: &Method) -> bool {
    match status.as_u16() {
        303 => !matches!(*method, Method::GET | Method::HEAD),
        301 | 302 => *method == Method::POST,
        _ => false,
    }
}

/// Credentials, whatever a secret stands in, and the key that tells one receiver of a repeat.
fn drop_what_is_ours(headers: &mut HeaderMap) {
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

fn holds_secret(body: &Body) -> bool {
    match body {
        Body::Json(tree) => tree_holds_secret(tree),
        Body::Form(fields) => fields
            .iter()
            .any(|(_, text)| text.secrets().next().is_some()),
        Body::Raw(text) => text.secrets().next().is_some(),
    }
}

fn tree_holds_secret(tree: &Tree) -> bool {
    match tree {
        Tree::Value(_) => false,
        Tree::Text(text) => text.secrets().next().is_some(),
        Tree::List(items) => items.iter().any(tree_holds_secret),
        Tree::Map(entries) => entries.iter().any(|(_, value)| tree_holds_secret(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::flow::call::{Expect, Keep};
    use crate::core::rule::rendered_text::Text;
    use reqwest::header::HeaderValue;
    use std::time::Duration;

    fn call(body: Option<Body>) -> HttpCall {
        HttpCall {
            method: "POST".into(),
            url: Text::default(),
            connection: None,
            headers: vec![],
            body,
            auth: None,
            timeout: Duration::ZERO,
            redirects: 1,
            expect: Expect::default(),
            keep: Keep::Body,
        }
    }

    fn sent(url: &str) -> Request {
        let mut request = Request::new(Method::POST, url.parse().unwrap());
        let secret = HeaderValue::from_static("secret");
        request.headers_mut().insert(AUTHORIZATION, secret);
        *request.body_mut() = Some("text".into());
        request
    }

    fn leads(from: &str, to: &str) -> Result<Request, Refusal> {
        let body = Some(Body::Raw(Text::plain("text")));
        let status = StatusCode::TEMPORARY_REDIRECT;
        onward(sent(from), status, to.parse().unwrap(), &call(body))
    }

    #[test]
    fn https_is_never_left_for_http() {
        for to in [
            "http://a.example/",
            "http://b.example/",
            "http://a.example:443/",
        ] {
            assert_eq!(
                leads("https://a.example/", to).err(),
                Some(Refusal::Downgrade),
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
