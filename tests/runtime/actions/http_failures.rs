//! HTTP calls that fail: each status, each connection failure and invalid requests. No message contains a
//! secret.

use std::time::Duration;

use flowtrigger::action::exchange::field_mask::FieldMask;
use flowtrigger::action::exchange::{ExchangeRecorder, RecordScope};
use flowtrigger_core::flow::call::{Call, ExpectedStatus, HttpCall, RequestBody};
use flowtrigger_core::language::rendered_text::RenderedText;
use flowtrigger_core::run::call_result::CallFailure;
use flowtrigger_testing::receiver::{Receiver, Response, Then};
use serde_json::json;

use super::{KEY, failed, http, perform_http, performer, secret};

async fn answered(status: &str, headers: &str, body: &str) -> CallFailure {
    let receiver = Receiver::always(Response::new(status, headers, body));
    failed(perform_http(&performer(), http("POST", receiver.url("/x?q=1"))).await)
}

#[tokio::test]
async fn a_secret_that_is_not_set_sends_nothing() {
    let receiver = Receiver::always(Response::new("200 OK", "", ""));
    let mut call = http("POST", receiver.url("/"));
    call.body = Some(RequestBody::Raw(secret("UNSET")));
    let failure = failed(perform_http(&performer(), call).await);
    assert!(
        failure.message.contains("secret `UNSET` is not set"),
        "{}",
        failure.message
    );
    assert!(!failure.retryable);
    assert_eq!(receiver.count(), 0);
}

#[tokio::test]
async fn each_status_is_classified() {
    for (status, retryable, advice) in [
        ("301 Moved Permanently", false, "redirects are not followed"),
        ("400 Bad Request", false, "dry-run --explain"),
        ("401 Unauthorized", false, "check the step's credentials"),
        ("404 Not Found", false, "check the `url`"),
        ("408 Request Timeout", true, "may be temporary"),
        ("409 Conflict", true, "may be temporary"),
        ("422 Unprocessable Entity", false, "dry-run --explain"),
        ("425 Too Early", true, "may be temporary"),
        ("429 Too Many Requests", true, "may be temporary"),
        ("500 Internal Server Error", true, "may be temporary"),
        ("503 Service Unavailable", true, "may be temporary"),
        ("599 ", true, "may be temporary"),
    ] {
        let failure = answered(status, "", "the\n reason\u{1b}").await;
        let message = failure.message;
        assert_eq!(failure.retryable, retryable, "{message}");
        assert!(message.starts_with("POST http://127.0.0.1:"), "{message}");
        assert!(
            message.contains(&format!("/x answered {}: the reason; ", status.trim_end())),
            "{message}"
        );
        assert!(message.contains(advice), "{message}");
    }
}

#[tokio::test]
async fn expect_decides_what_is_success() {
    for (expect, status, accepted) in [
        (vec![404..=404], "404 Not Found", true),
        (vec![200..=204, 409..=409], "409 Conflict", true),
        (vec![201..=201], "200 OK", false),
        (vec![300..=399], "302 Found", true),
    ] {
        let receiver = Receiver::always(Response::new(status, "location: /elsewhere\r\n", ""));
        let mut call = http("GET", receiver.url("/"));
        call.expect = ExpectedStatus(expect);
        let performed = perform_http(&performer(), call).await;
        assert_eq!(performed.is_ok(), accepted, "{performed:?}");
        assert_eq!(receiver.count(), 1, "a redirect is not followed");
    }
}

#[tokio::test]
async fn a_redirect_names_its_target() {
    let failure = answered(
        "307 Temporary Redirect",
        "location: https://new.example/y\r\n",
        "",
    )
    .await;
    assert!(
        failure
            .message
            .ends_with("this one leads to https://new.example/y: put the final address in `url`"),
        "{}",
        failure.message
    );
}

#[tokio::test]
async fn retry_after_is_reported() {
    for (header, wait) in [
        ("retry-after: 7\r\n", Some(7)),
        ("Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n", Some(0)),
        ("retry-after: soon\r\n", None),
        ("", None),
    ] {
        let failure = answered("429 Too Many Requests", header, "").await;
        assert_eq!(
            failure.retry_after,
            wait.map(Duration::from_secs),
            "{header}"
        );
    }
}

#[tokio::test]
async fn an_unfinished_response_times_out() {
    for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"] {
        let receiver = Receiver::always(Response::raw(answer, Then::Hang));
        let mut call = http("GET", receiver.url("/"));
        call.timeout = Duration::from_millis(100);
        let failure = failed(perform_http(&performer(), call).await);
        let expected = format!(
            "GET http://{0}/: `{0}` sent no complete response within 100ms; find out why it is slow, or \
             raise the step's `timeout`",
            receiver.address
        );
        assert_eq!(failure.message, expected);
        assert!(failure.retryable);
    }
}

#[tokio::test]
async fn each_connection_failure_has_its_message() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = listener.local_addr().unwrap();
    drop(listener);
    let garbage = Receiver::always(Response::raw("no HTTP at all\r\n\r\n", Then::Close));
    let silent = Receiver::always(Response::raw("", Then::Close));
    let half = Receiver::always(Response::raw(
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
        Then::Close,
    ));
    // A label may have at most 63 characters, so that this name never reaches the network.
    let nameless = format!("{}.invalid", "a".repeat(64));
    for (url, peer, words) in [
        (
            format!("http://{dead}/"),
            dead.to_string(),
            "connection refused",
        ),
        (
            format!("http://{nameless}/"),
            format!("{nameless}:80"),
            "was not found; check its spelling",
        ),
        (
            format!("https://{}/", garbage.address),
            garbage.address.to_string(),
            "no secure connection",
        ),
        (
            garbage.url("/"),
            garbage.address.to_string(),
            "closed before the response was complete",
        ),
        (
            silent.url("/"),
            silent.address.to_string(),
            "closed before the response was complete",
        ),
        (
            half.url("/"),
            half.address.to_string(),
            "closed before the response was complete",
        ),
    ] {
        let failure = failed(perform_http(&performer(), http("GET", url)).await);
        assert!(
            failure.message.contains(words),
            "{words} in {}",
            failure.message
        );
        assert!(
            failure.message.contains(&format!("`{peer}`")),
            "{}",
            failure.message
        );
        assert!(failure.retryable, "{}", failure.message);
    }
}

#[tokio::test]
async fn an_invalid_request_fails_permanently() {
    let receiver = Receiver::always(Response::new("200 OK", "", ""));
    let url = receiver.url("/");
    let with_header = |name: &str, value: RenderedText| HttpCall {
        headers: vec![(name.to_owned(), value)],
        ..http("GET", url.clone())
    };
    for (call, words) in [
        (
            with_header("X-Note", RenderedText::plain("a\r\nX-Evil: 1")),
            "the header `x-note` contains a line break",
        ),
        (
            with_header("X-Note", RenderedText::plain("a\u{0}")),
            "the header `x-note` contains",
        ),
        (
            with_header("X-Key", secret("BROKEN")),
            "the header `x-key` contains",
        ),
        (
            with_header("X Note", RenderedText::plain("a")),
            "`X Note` is not a header name",
        ),
        (
            with_header("Content-Length", RenderedText::plain("0")),
            "the header `content-length` is set from the body",
        ),
        (
            http("GET", "http://a.example:99999/"),
            "the address is not valid",
        ),
        (http("GET", "/api/v2"), "the address is not valid"),
        (http("GET", "ftp://a.example/"), "the scheme `ftp`"),
        (
            http("NO METHOD", url.clone()),
            "the method is not an HTTP method",
        ),
    ] {
        let failure = failed(perform_http(&performer(), call).await);
        assert!(
            failure.message.contains(words),
            "{words} in {}",
            failure.message
        );
        assert!(!failure.message.contains("hidden"), "{}", failure.message);
        assert!(!failure.retryable, "{}", failure.message);
    }
    assert_eq!(receiver.count(), 0);
}

#[tokio::test]
async fn values_of_redacted_fields_are_not_in_the_message_of_a_failure() {
    let receiver = Receiver::always(Response::new("400 Bad Request", "", "bad 5500\\u002fZQX"));
    let call = Call::Http(http("POST", receiver.url("/a/5500%2FZQX")));
    let mask = FieldMask::new(&[&json!("5500/ZQX")]);
    let recorder = ExchangeRecorder::new(RecordScope::Nothing, mask);
    let failure = performer()
        .perform_recorded(&call, KEY, &recorder)
        .await
        .unwrap_err();
    assert!(failure.message.contains("/a/[redacted]"), "{failure:?}");
    assert!(!failure.message.contains("ZQX"), "{failure:?}");
}
