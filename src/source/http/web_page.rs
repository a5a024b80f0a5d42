//! Rejects requests that a web page in somebody's browser may have sent. A source without verification accepts
//! any sender, and its listener is on this machine: a page must not become a sender by knowing the address.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};

/// Why a request may come from a web page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebPageSign {
    /// The browser says that a page of another site sent it.
    CrossSite,
    /// The name in `Host` is none of this machine: the page's own name may lead here.
    UnknownHost,
    /// One of the headers that decide occurs more than once, so that it says nothing.
    RepeatedHeader,
}

impl WebPageSign {
    /// The value of the metric label `reason`.
    pub fn code(self) -> &'static str {
        match self {
            WebPageSign::CrossSite => "cross_site",
            WebPageSign::UnknownHost => "unknown_host",
            WebPageSign::RepeatedHeader => "repeated_header",
        }
    }

    /// `known` are the configured names of the listener.
    pub fn find(request: &Request, known: &[String]) -> Option<Self> {
        let headers = request.headers();
        if DECISIVE.iter().any(|name| is_repeated(headers, name)) {
            return Some(Self::RepeatedHeader);
        }
        let authority = request.uri().authority().map(Authority::as_str);
        let named = text(headers, header::HOST.as_str());
        // An absolute address in the request line takes precedence, and the header must be our own name all the same.
        if authority
            .into_iter()
            .chain(named)
            .any(|host| !is_own(host, known))
        {
            return Some(Self::UnknownHost);
        }
        is_cross_site(headers, authority.or(named)).then_some(Self::CrossSite)
    }
}

const FETCH_SITE: &str = "sec-fetch-site";
/// The headers that show where a request is from.
const DECISIVE: [&str; 3] = ["host", "origin", FETCH_SITE];

/// Whether a header occurs more than once. HTTP forbids that for all of these.
pub fn is_repeated(headers: &HeaderMap, name: &str) -> bool {
    headers.get_all(name).iter().nth(1).is_some()
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    // Bytes that are no text are no known value either.
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

/// Browsers send one of the two headers with each request of a page. Other programs send neither.
fn is_cross_site(headers: &HeaderMap, host: Option<&str>) -> bool {
    let fetch = text(headers, FETCH_SITE);
    let origin = text(headers, header::ORIGIN.as_str());
    fetch.is_some_and(|site| !matches!(site, "none" | "same-origin"))
        || origin.is_some_and(|origin| {
            let of = origin.split_once("://").map(|(_, authority)| authority);
            of.is_none() || of != host
        })
}

/// Whether a name cannot belong to somebody else: an address, a name without a dot, `localhost`, or a known one.
fn is_own(host: &str, known: &[String]) -> bool {
    let name = without_port(host).to_ascii_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name);
    let is_address = || {
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        bare.parse::<IpAddr>().is_ok()
    };
    !name.contains('.') && !name.contains(':')
        || name.ends_with(".localhost")
        || is_address()
        || known.iter().any(|known| known == name)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) && !name.ends_with(':') => {
            match name.contains(':') && !name.ends_with(']') {
                true => host,
                false => name,
            }
        }
        Some(_) | None => host,
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn sign(headers: &[(&str, &str)]) -> Option<WebPageSign> {
        let mut request = Request::builder().uri("/events/support");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        WebPageSign::find(&request, &["hooks.example.com".to_owned()])
    }

    #[test]
    fn both_names_of_a_request_must_be_our_own() {
        for (address, host) in [
            ("http://evil.example/events/support", "127.0.0.1:8080"),
            ("http://127.0.0.1:8080/events/support", "evil.example"),
        ] {
            let request = Request::builder().uri(address).header("host", host);
            let request = request.body(Body::empty()).unwrap();
            let sign = WebPageSign::find(&request, &[]);
            assert_eq!(sign, Some(WebPageSign::UnknownHost), "{address}");
        }
    }

    #[test]
    fn requests_of_pages_of_other_sites_are_recognised() {
        let (host, own) = ("host", ("host", "127.0.0.1:8080"));
        for (headers, expected) in [
            (&[][..], None),
            (&[own], None),
            (&[own, ("origin", "http://127.0.0.1:8080")], None),
            (&[own, ("sec-fetch-site", "none")], None),
            (
                &[own, ("origin", "https://evil.example")],
                Some(WebPageSign::CrossSite),
            ),
            (&[own, ("origin", "null")], Some(WebPageSign::CrossSite)),
            (
                &[own, ("origin", "http://127.0.0.1:9")],
                Some(WebPageSign::CrossSite),
            ),
            (
                &[own, ("sec-fetch-site", "cross-site")],
                Some(WebPageSign::CrossSite),
            ),
            (
                &[own, ("sec-fetch-site", "same-site")],
                Some(WebPageSign::CrossSite),
            ),
            (
                &[(host, "evil.example:8080")],
                Some(WebPageSign::UnknownHost),
            ),
            (&[(host, "evil.example.")], Some(WebPageSign::UnknownHost)),
            (
                &[(host, "127.0.0.1.evil.example")],
                Some(WebPageSign::UnknownHost),
            ),
            (&[(host, "localhost:8080")], None),
            (&[(host, "a.localhost")], None),
            (&[(host, "backend")], None),
            (&[(host, "[::1]:8080")], None),
            (&[(host, "::1")], None),
            (&[(host, "Hooks.Example.com:443")], None),
            (&[own, own], Some(WebPageSign::RepeatedHeader)),
            (
                &[own, (host, "evil.example")],
                Some(WebPageSign::RepeatedHeader),
            ),
            (
                &[
                    own,
                    ("origin", "http://127.0.0.1:8080"),
                    ("origin", "https://evil.example"),
                ],
                Some(WebPageSign::RepeatedHeader),
            ),
            (
                &[
                    own,
                    ("sec-fetch-site", "none"),
                    ("sec-fetch-site", "cross-site"),
                ],
                Some(WebPageSign::RepeatedHeader),
            ),
            (
                &[
                    own,
                    ("origin", "http://127.0.0.1:8080, https://evil.example"),
                ],
                Some(WebPageSign::CrossSite),
            ),
        ] {
            assert_eq!(sign(headers), expected, "{headers:?}");
        }
    }
}
