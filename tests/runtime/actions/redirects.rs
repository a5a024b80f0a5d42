//! Redirects that a step follows: what is sent to the next host, what is not, and where it ends. Every hop is
//! checked on its own.

use std::sync::Arc;
use std::time::Duration;

use flowtrigger_core::flow::call::{Auth, ExpectedStatus, HttpCall, RequestBody};
use flowtrigger_core::language::rendered_text::{RenderedText, TextPart};
use flowtrigger_testing::receiver::{Received, Receiver, Response, Then};

use super::lookup::Names;
use super::{allowing, failed, http, perform_http, performer, secret, succeeded, with};

async fn leading(status: &str, place: &str) -> Receiver {
    Receiver::always(Response::new(status, &format!("location: {place}\r\n"), ""))
}

async fn last() -> Receiver {
    Receiver::always(Response::new("200 OK", "", "fine"))
}

/// A POST with everything that must not reach another host.
fn telling(url: String) -> HttpCall {
    HttpCall {
        headers: vec![
            ("X-Key".into(), secret("TOKEN")),
            ("X-Open".into(), RenderedText::plain("open")),
            ("Cookie".into(), RenderedText::plain("a=b")),
        ],
        body: Some(RequestBody::Raw(RenderedText::plain("hello"))),
        auth: Some(Auth::Bearer(secret("TOKEN"))),
        redirects: 3,
        ..http("POST", url)
    }
}

fn has(request: &str, header: &str) -> bool {
    let mut lines = request.lines();
    lines.any(|line| line.to_ascii_lowercase().starts_with(&format!("{header}:")))
}

const OURS: [&str; 4] = ["authorization", "x-key", "cookie", "idempotency-key"];

#[tokio::test]
async fn redirects_keep_method_and_body_as_their_status_requires() {
    for (status, method, goes_as, with_body) in [
        ("301 Moved Permanently", "POST", "GET", false),
        ("302 Found", "POST", "GET", false),
        ("302 Found", "PUT", "PUT", true),
        ("303 See Other", "POST", "GET", false),
        ("303 See Other", "PUT", "GET", false),
        ("307 Temporary Redirect", "POST", "POST", true),
        ("308 Permanent Redirect", "PATCH", "PATCH", true),
    ] {
        let to = last().await;
        let from = leading(status, &to.url("/new?x=1")).await;
        let call = HttpCall {
            method: method.into(),
            ..telling(from.url("/old"))
        };
        let value = succeeded(perform_http(&performer(), call).await);
        assert_eq!(value["body"], "fine");
        let request = to.only().text();
        assert!(
            request.starts_with(&format!("{goes_as} /new?x=1 ")),
            "{status}: {request}"
        );
        assert_eq!(request.ends_with("hello"), with_body, "{status}: {request}");
        assert_eq!(
            has(&request, "content-type"),
            with_body,
            "{status}: {request}"
        );
    }
}

#[tokio::test]
async fn another_origin_gets_no_credentials_no_secret_and_no_key() {
    let to = last().await;
    let from = leading("307 Temporary Redirect", &to.url("/new")).await;
    succeeded(perform_http(&performer(), telling(from.url("/old"))).await);
    for header in OURS {
        assert!(has(&from.only().text(), header), "{header}");
        assert!(
            !has(&to.only().text(), header),
            "{header} in {}",
            to.only().text()
        );
    }
    assert!(has(&to.only().text(), "x-open"));
    assert!(!to.only().text().contains("s3cr"), "{}", to.only().text());
}

#[tokio::test]
async fn the_same_origin_gets_the_whole_request() {
    let from = leading("307 Temporary Redirect", "../again").await;
    let failure = failed(perform_http(&performer(), telling(from.url("/a/b"))).await);
    assert_eq!(
        failure.message,
        format!(
            "POST {0}: answered 307 with a redirect to {0}, one more than `redirects: 3` allows; put \
             the final address in `url`, or raise `redirects`",
            from.url("/again")
        )
    );
    assert!(!failure.retryable);
    let requests: Vec<String> = from.received().iter().map(Received::text).collect();
    assert_eq!(requests.len(), 4, "the first and three that were followed");
    for request in &requests[1..] {
        assert!(request.starts_with("POST /again "), "{request}");
        for header in OURS {
            assert!(has(request, header), "{header}");
        }
    }
}

#[tokio::test]
async fn a_body_that_holds_a_secret_goes_to_no_other_origin() {
    let to = last().await;
    let from = leading("308 Permanent Redirect", &to.url("/")).await;
    let mut call = telling(from.url("/"));
    call.body = Some(RequestBody::Raw(secret("TOKEN")));
    let failure = failed(perform_http(&performer(), call).await);
    assert!(
        failure
            .message
            .contains("would send the secrets in the body to another host"),
        "{}",
        failure.message
    );
    assert_eq!(to.count(), 0);
}

#[tokio::test]
async fn every_hop_is_checked_again() {
    let inside = last().await;
    let port = inside.port;
    let names = Names::new(&[
        ("desk.example", &[&["127.0.0.1"]]),
        ("rebound.example", &[&["127.0.0.1"]]),
        ("mapped.example", &[&["::ffff:127.0.0.1"]]),
    ]);
    for place in [
        format!("http://127.0.0.1:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://rebound.example:{port}/"),
        format!("http://mapped.example:{port}/"),
        format!("//127.0.0.1:{port}/"),
        "http://169.254.169.254/latest/meta-data/".into(),
    ] {
        // The second hop of three.
        let second = leading("302 Found", &place).await;
        let on = format!("http://desk.example:{}/", second.port);
        let first = leading("302 Found", &on).await;
        let performer = with(|options| {
            options.outgoing = allowing(&["desk.example"]);
            options.resolver = Arc::clone(&names) as _;
        });
        let call = telling(format!("http://desk.example:{}/", first.port));
        let failure = failed(perform_http(&performer, call).await);
        assert!(
            failure.message.contains("connection denied"),
            "{place}: {}",
            failure.message
        );
        assert!(!failure.retryable, "{place}");
        assert_eq!((first.count(), second.count()), (1, 1), "{place}");
    }
    assert_eq!(inside.count(), 0);
}

#[tokio::test]
async fn only_http_targets_are_followed() {
    for place in [
        "file:///etc/passwd",
        "gopher://127.0.0.1:70/x",
        "data:text/plain,x",
    ] {
        let from = leading("302 Found", place).await;
        let failure = failed(perform_http(&performer(), telling(from.url("/"))).await);
        assert!(
            failure
                .message
                .contains("which is not an http address and is not followed"),
            "{}",
            failure.message
        );
    }
}

#[tokio::test]
async fn a_redirect_without_a_location_is_the_result() {
    for headers in ["", "location: http://[\r\n"] {
        let from = Receiver::always(Response::new("302 Found", headers, ""));
        let failure = failed(perform_http(&performer(), telling(from.url("/"))).await);
        assert!(
            failure.message.contains("answered 302"),
            "{}",
            failure.message
        );
        assert_eq!(from.count(), 1);
    }
}

#[tokio::test]
async fn a_redirect_that_the_step_expects_is_its_result() {
    let from = leading("302 Found", "/elsewhere").await;
    let mut call = telling(from.url("/"));
    call.expect = ExpectedStatus(vec![302..=302]);
    let value = succeeded(perform_http(&performer(), call).await);
    assert_eq!(value["status"], 302);
    assert_eq!(from.count(), 1);
}

#[tokio::test]
async fn one_timeout_applies_to_all_hops() {
    let to = Receiver::always(Response::raw("", Then::Hang));
    let from = leading("302 Found", &to.url("/")).await;
    let mut call = telling(from.url("/"));
    call.timeout = Duration::from_millis(300);
    let failure = failed(perform_http(&performer(), call).await);
    assert!(
        failure
            .message
            .contains("sent no complete response within 300ms"),
        "{}",
        failure.message
    );
}

#[tokio::test]
async fn credentials_in_a_location_are_neither_sent_nor_shown() {
    let to = last().await;
    let place = format!("http://them:word@127.0.0.1:{}/x", to.port);
    let from = leading("302 Found", &place).await;
    succeeded(perform_http(&performer(), telling(from.url("/"))).await);
    assert!(!has(&to.only().text(), "authorization"));

    let from = leading("302 Found", "ftp://x.example/s3cr%22t%2F1").await;
    let mut call = telling(from.url("/"));
    call.headers = vec![(
        "X-Key".into(),
        RenderedText(vec![TextPart::Text("k".into())]),
    )];
    let message = failed(perform_http(&performer(), call).await).message;
    assert!(
        message.contains("[secret TOKEN]") && !message.contains("s3cr"),
        "{message}"
    );
}
