//! Receivers that want to hold us up or fill us up: bodies and heads without end, drop by drop, compressed.
//! It refuses to wait for their end, and to keep more than the cap.

use std::time::Duration;

use flowtrigger::core::flow::call::Keep;

use crate::receiver::{Receiver, Then};
use crate::{failed, http, perform_http, performer, succeeded, with};

#[tokio::test]
async fn a_body_that_drips_for_ever_ends_with_the_steps_time() {
    let endless = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for (head, drop) in [
        (endless, "1\r\nx\r\n"),
        ("HTTP/1.1 200 OK\r\n", "x: y\r\n"),
        ("", "H"),
    ] {
        let receiver = Receiver::raw(head, Then::Repeat(drop, Duration::from_millis(20))).await;
        let mut call = http("GET", receiver.url("/"));
        call.timeout = Duration::from_millis(200);
        let failure = failed(perform_http(&performer(), call).await);
        // A head is refused as soon as it is none, or runs out of time.
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
async fn a_body_without_end_is_cut_at_the_cap() {
    const MUCH: &str = concat!(
        "40\r\n",
        "0123456789abcdef0123456789abcdef",
        "0123456789abcdef0123456789abcdef\r\n"
    );
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let receiver = Receiver::raw(head, Then::Repeat(MUCH, Duration::ZERO)).await;
    let performer = with(|options| options.response_cap = 10_000);
    let value = succeeded(perform_http(&performer, http("GET", receiver.url("/"))).await);
    assert_eq!(value["body"].as_str().unwrap().len(), 10_000);
    assert_eq!(value["truncated"], true);
}

#[tokio::test]
async fn a_head_without_end_or_with_too_many_lines_is_no_answer() {
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(2_000_000));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(5_000));
    for head in [long, many] {
        let receiver = Receiver::raw(head, Then::Close).await;
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
async fn a_compressed_body_is_not_unpacked_and_none_is_asked_for() {
    // 20 bytes of gzip that would become more.
    let packed = "\u{1f}\u{8b}packed";
    let receiver = Receiver::answering("200 OK", "content-encoding: gzip\r\n", packed).await;
    let call = http("GET", receiver.url("/"));
    let value = succeeded(perform_http(&performer(), call).await);
    assert!(
        value["body"].as_str().unwrap().ends_with("packed"),
        "{value}"
    );
    assert!(
        !receiver
            .request()
            .to_lowercase()
            .contains("accept-encoding")
    );
}

#[tokio::test]
async fn what_is_not_kept_is_read_no_further_either() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let receiver = Receiver::raw(head, Then::Repeat("3\r\nabc\r\n", Duration::ZERO)).await;
    let performer = with(|options| options.response_cap = 100);
    let mut call = http("GET", receiver.url("/"));
    call.keep = Keep::Status;
    let value = succeeded(perform_http(&performer, call).await);
    assert_eq!(value, serde_json::json!({"status": 200}));
}
