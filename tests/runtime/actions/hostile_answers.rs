//! Hostile responses: endless, slow and compressed bodies and heads. No more than the limit is kept, and none
//! is waited for beyond its timeout.

use std::time::Duration;

use flowtrigger_core::flow::call::KeepOutput;
use flowtrigger_testing::receiver::{Receiver, Response, Then};

use super::{failed, http, perform_http, performer, succeeded, with};

#[tokio::test]
async fn an_endless_slow_body_ends_with_the_timeout() {
    let endless = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for (head, drop) in [
        (endless, "1\r\nx\r\n"),
        ("HTTP/1.1 200 OK\r\n", "x: y\r\n"),
        ("", "H"),
    ] {
        let receiver = Receiver::always(Response::raw(
            head,
            Then::Repeat(drop, Duration::from_millis(20)),
        ));
        let mut call = http("GET", receiver.url("/"));
        call.timeout = Duration::from_millis(200);
        let failure = failed(perform_http(&performer(), call).await);
        // A head is rejected as soon as it is invalid, or times out.
        let known = [
            "sent no complete response within 200ms",
            "closed before the response was complete",
        ];
        assert!(
            known.iter().any(|words| failure.message.contains(words)),
            "{}",
            failure.message
        );
    }
}

#[tokio::test]
async fn an_endless_body_is_truncated_at_the_limit() {
    const MUCH: &str = concat!(
        "40\r\n",
        "0123456789abcdef0123456789abcdef",
        "0123456789abcdef0123456789abcdef\r\n"
    );
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let receiver = Receiver::always(Response::raw(head, Then::Repeat(MUCH, Duration::ZERO)));
    let performer = with(|options| options.response_cap = 10_000);
    let value = succeeded(perform_http(&performer, http("GET", receiver.url("/"))).await);
    assert_eq!(value["body"].as_str().unwrap().len(), 10_000);
    assert_eq!(value["truncated"], true);
}

#[tokio::test]
async fn an_endless_or_too_long_head_is_an_error() {
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(2_000_000));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(5_000));
    for head in [long, many] {
        let receiver = Receiver::always(Response::raw(head, Then::Close));
        let failure = failed(perform_http(&performer(), http("GET", receiver.url("/"))).await);
        assert!(
            failure
                .message
                .contains("closed before the response was complete"),
            "{}",
            failure.message
        );
        assert!(failure.message.len() < 400, "{}", failure.message);
    }
}

#[tokio::test]
async fn compressed_bodies_are_neither_requested_nor_unpacked() {
    // 20 bytes of gzip that would expand.
    let packed = "\u{1f}\u{8b}packed";
    let receiver = Receiver::always(Response::new(
        "200 OK",
        "content-encoding: gzip\r\n",
        packed,
    ));
    let call = http("GET", receiver.url("/"));
    let value = succeeded(perform_http(&performer(), call).await);
    assert!(
        value["body"].as_str().unwrap().ends_with("packed"),
        "{value}"
    );
    assert!(
        !receiver
            .only()
            .text()
            .to_lowercase()
            .contains("accept-encoding")
    );
}

#[tokio::test]
async fn an_unneeded_body_is_not_read_to_its_end() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let receiver = Receiver::always(Response::raw(
        head,
        Then::Repeat("3\r\nabc\r\n", Duration::ZERO),
    ));
    let performer = with(|options| options.response_cap = 100);
    let mut call = http("GET", receiver.url("/"));
    call.keep = KeepOutput::Status;
    let value = succeeded(perform_http(&performer, call).await);
    assert_eq!(value, serde_json::json!({"status": 200}));
}
