//! Guards every request of the page: the name in `Host`, requests of other sites, and the headers that keep a
//! browser from loading anything foreign.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::source::http::WebPageSign;

/// Scripts, styles and images come from this server alone, no other site may frame a page, and forms post here.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The headers of every response. Pages contain texts of customers, so that nothing is cached; the style sheet and
/// the script set their own `cache-control`.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Why a request is rejected before anything is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// The name in `Host` is none of this listener: a foreign name may lead here (DNS rebinding).
    UnknownHost,
    /// A page of another site sent a request that is no plain navigation.
    CrossSite,
    /// Two headers of one name where the guard reads one.
    Ambiguous,
}

impl Denial {
    fn message(self) -> &'static str {
        match self {
            Denial::UnknownHost => {
                "this name is not one of the page; open it by its address, or add the name to `page.hosts`\n"
            }
            Denial::CrossSite => {
                "a page of another site sent this request; open the page and repeat the command there\n"
            }
            Denial::Ambiguous => {
                "`Host`, `Origin` or `Sec-Fetch-Site` occurs more than once; send one of each\n"
            }
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Denial::UnknownHost => StatusCode::MISDIRECTED_REQUEST,
            Denial::CrossSite => StatusCode::FORBIDDEN,
            Denial::Ambiguous => StatusCode::BAD_REQUEST,
        }
    }
}

/// Checks a request. `hosts` are the configured names of the page, in lower case.
pub fn check(request: &Request, hosts: &[String]) -> Result<(), Denial> {
    let headers = request.headers();
    match WebPageSign::find(request, hosts) {
        None => Ok(()),
        Some(WebPageSign::RepeatedHeader) => Err(Denial::Ambiguous),
        Some(WebPageSign::UnknownHost) => Err(Denial::UnknownHost),
        Some(WebPageSign::CrossSite) if is_navigation(request.method(), headers) => Ok(()),
        Some(WebPageSign::CrossSite) => Err(Denial::CrossSite),
    }
}

/// Whether a link of another site was followed. It can only read, and shows nothing to the other site.
fn is_navigation(method: &Method, headers: &HeaderMap) -> bool {
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|found| found == value);
    method == Method::GET && is("sec-fetch-mode", "navigate") && is("sec-fetch-dest", "document")
}

/// Rejects what [`check`] denies, and sets the headers of every response.
pub async fn guard(hosts: std::sync::Arc<[String]>, request: Request, next: Next) -> Response {
    let mut response = match check(&request, &hosts) {
        Ok(()) => next.run(request).await,
        Err(denial) => (denial.status(), denial.message()).into_response(),
    };
    for (name, value) in HEADERS {
        let headers = response.headers_mut();
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn denial(method: &str, headers: &[(&str, &str)]) -> Option<Denial> {
        let mut request = Request::builder().method(method).uri("/runs");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        check(&request, &["desk.example.com".to_owned()]).err()
    }

    #[test]
    fn other_sites_may_link_here_and_nothing_else() {
        let host = ("host", "127.0.0.1:8081");
        let from = ("sec-fetch-site", "cross-site");
        let navigation = [
            host,
            from,
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        assert_eq!(denial("GET", &navigation), None);
        assert_eq!(denial("POST", &navigation), Some(Denial::CrossSite));
        for (headers, expected) in [
            (&[host][..], None),
            (&[host, ("sec-fetch-site", "same-origin")], None),
            (&[host, from], Some(Denial::CrossSite)),
            (
                &[
                    host,
                    from,
                    ("sec-fetch-mode", "navigate"),
                    ("sec-fetch-dest", "iframe"),
                ],
                Some(Denial::CrossSite),
            ),
            (
                &[host, ("origin", "https://evil.example")],
                Some(Denial::CrossSite),
            ),
            (&[("host", "evil.example:8081")], Some(Denial::UnknownHost)),
            (&[("host", "desk.example.com")], None),
            (&[host, host], Some(Denial::Ambiguous)),
        ] {
            assert_eq!(denial("GET", headers), expected, "{headers:?}");
        }
    }
}
