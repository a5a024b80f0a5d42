//! HTTP calls against receivers on this machine: what is sent, what is kept, and each way to fail.
//! It refuses to let a secret's value into any message or result.

use std::time::Duration;

use flowtrigger::core::flow::call::{
    Auth, Body, Call, Encoding, Expect, HttpCall, Keep, Piece, Text, Tree,
};
use serde_json::{Value, json};

use crate::receiver::{Receiver, Then};
use crate::{KEY, failed, http, perform_http, performer, secret, succeeded, with};

async fn answered(
    status: &str,
    headers: &str,
    body: &str,
) -> flowtrigger::core::flow::call::Failure {
    let receiver = Receiver::answering(status, headers, body).await;
    failed(perform_http(&performer(), http("POST", receiver.url("/x?q=1"))).await)
}

#[tokio::test]
async fn a_request_carries_what_the_step_says_and_our_defaults() {
    let receiver = Receiver::answering(
        "200 OK",
        "content-type: application/json\r\nX-Two: a\r\nx-two: b\r\n",
        "{\"id\":7}",
    )
    .await;
    let mut call = http("PUT", receiver.url("/a%20b?q=%26"));
    call.headers = vec![("X-Note".into(), Text::plain("grüße 🎉"))];
    call.body = Some(Body::Raw(Text::plain("hello")));
    let value = succeeded(perform_http(&performer(), call).await);
    assert_eq!(
        (&value["status"], &value["body"]),
        (&json!(200), &json!({"id": 7}))
    );
    assert_eq!(value["headers"]["x-two"], "a, b");
    assert_eq!(value.get("truncated"), None);
    let request = receiver.request();
    assert!(
        request.starts_with("PUT /a%20b?q=%26 HTTP/1.1\r\n"),
        "{request}"
    );
    for line in [
        "x-note: grüße 🎉",
        "idempotency-key: key-1",
        concat!("user-agent: flowtrigger/", env!("CARGO_PKG_VERSION")),
        "content-type: text/plain; charset=utf-8",
    ] {
        assert!(
            request.contains(&format!("{line}\r\n")),
            "{line} in {request}"
        );
    }
    assert!(request.ends_with("\r\n\r\nhello"), "{request}");
}

#[tokio::test]
async fn a_json_body_is_valid_json_whatever_stands_in_a_text() {
    let hostile = "\"quoted\"\\ \n\r\t\u{0} {{ ticket.id }} 🎉 \u{2028} </script>";
    let receiver = Receiver::answering("200 OK", "", "").await;
    let mut call = http("POST", receiver.url("/"));
    let mut tail = secret("TOKEN");
    tail.0.push(Piece::Text(hostile.into()));
    call.body = Some(Body::Json(Tree::Map(vec![
        ("text".into(), Tree::Text(tail)),
        (
            "list".into(),
            Tree::List(vec![Tree::Value(json!(1.0)), Tree::Value(Value::Null)]),
        ),
    ])));
    succeeded(perform_http(&performer(), call).await);
    let request = receiver.request();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("content-type: application/json"), "{head}");
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        body,
        json!({"text": format!("s3cr\"t/1{hostile}"), "list": [1.0, null]})
    );
}

#[tokio::test]
async fn a_form_is_encoded() {
    let receiver = Receiver::answering("200 OK", "", "").await;
    let mut call = http("POST", receiver.url("/"));
    let field = |name: &str, text| (name.to_owned(), text);
    call.body = Some(Body::Form(vec![
        field("a b", Text::plain("1&2=ü")),
        field("t", secret("TOKEN")),
    ]));
    succeeded(perform_http(&performer(), call).await);
    let request = receiver.request();
    assert!(
        request.contains("content-type: application/x-www-form-urlencoded\r\n"),
        "{request}"
    );
    assert!(
        request.ends_with("\r\n\r\na+b=1%262%3D%C3%BC&t=s3cr%22t%2F1"),
        "{request}"
    );
}

#[tokio::test]
async fn the_authors_own_headers_win() {
    let receiver = Receiver::answering("200 OK", "", "").await;
    let mut call = http("POST", receiver.url("/"));
    call.body = Some(Body::Json(Tree::Value(json!({}))));
    call.auth = Some(Auth::Bearer(Text::plain("ours")));
    for name in [
        "Idempotency-KEY",
        "user-agent",
        "Content-Type",
        "AUTHORIZATION",
    ] {
        call.headers.push((name.into(), Text::plain("mine")));
    }
    succeeded(perform_http(&performer(), call).await);
    let request = receiver.request();
    for name in [
        "idempotency-key",
        "user-agent",
        "content-type",
        "authorization",
    ] {
        let lines: Vec<_> = request
            .lines()
            .filter(|line| line.starts_with(&format!("{name}:")))
            .collect();
        assert_eq!(lines, [format!("{name}: mine")]);
    }
}

#[tokio::test]
async fn credentials_are_sent_in_each_form() {
    let forms = [
        (
            Auth::Bearer(secret("TOKEN")),
            "authorization: Bearer s3cr\"t/1",
        ),
        (
            Auth::Basic {
                username: Text::plain("bot"),
                password: secret("TOKEN"),
            },
            "authorization: Basic Ym90OnMzY3IidC8x",
        ),
        (
            Auth::Header {
                name: "X-Api-Key".into(),
                value: secret("TOKEN"),
            },
            "x-api-key: s3cr\"t/1",
        ),
    ];
    for (auth, line) in forms {
        let receiver = Receiver::answering("200 OK", "", "").await;
        let mut call = http("GET", receiver.url("/"));
        call.auth = Some(auth);
        succeeded(perform_http(&performer(), call).await);
        let request = receiver.request();
        assert!(
            request.contains(&format!("{line}\r\n")),
            "{line} in {request}"
        );
        assert!(!request.contains("content-"), "{request}");
    }
}

#[tokio::test]
async fn secrets_never_come_back_in_messages_or_results() {
    let echo = "s3cr\"t/1 s3cr\\\"t/1 s3cr%22t%2F1 Ym90OnMzY3IidC8x czNjciJ0LzE=";
    let clean =
        "[secret TOKEN] [secret TOKEN] [secret TOKEN] [secret basic credentials] [secret TOKEN]";
    for (status, header) in [
        ("400 Bad Request", ""),
        ("302 Found", "location: /s3cr%22t%2F1\r\n"),
        ("200 OK", "x-e: s3cr\"t/1\r\n"),
    ] {
        let receiver = Receiver::answering(status, header, echo).await;
        let mut call = http("POST", "");
        call.url = Text(vec![
            Piece::Text(receiver.url("/")),
            Piece::Secret {
                name: "TOKEN".into(),
                encoding: Encoding::Percent,
            },
        ]);
        call.auth = Some(Auth::Basic {
            username: Text::plain("bot"),
            password: secret("TOKEN"),
        });
        let performed = perform_http(&performer(), call).await;
        assert!(receiver.request().starts_with("POST /s3cr%22t%2F1 HTTP"));
        let told = format!("{performed:?}");
        assert!(told.contains(clean), "{told}");
        for form in echo.split(' ') {
            assert!(!told.contains(form), "{form} in {told}");
        }
    }
}

#[tokio::test]
async fn a_secret_that_is_not_set_sends_nothing() {
    let receiver = Receiver::answering("200 OK", "", "").await;
    let mut call = http("POST", receiver.url("/"));
    call.body = Some(Body::Raw(secret("UNSET")));
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
async fn each_status_is_judged() {
    for (status, retryable, advice) in [
        ("301 Moved Permanently", false, "redirects are not followed"),
        ("400 Bad Request", false, "dry-run --explain"),
        ("401 Unauthorized", false, "check the step's credentials"),
        ("404 Not Found", false, "check the `url`"),
        ("408 Request Timeout", true, "may pass"),
        ("409 Conflict", true, "may pass"),
        ("422 Unprocessable Entity", false, "dry-run --explain"),
        ("425 Too Early", true, "may pass"),
        ("429 Too Many Requests", true, "may pass"),
        ("500 Internal Server Error", true, "may pass"),
        ("503 Service Unavailable", true, "may pass"),
        ("599 ", true, "may pass"),
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
        let receiver = Receiver::answering(status, "location: /elsewhere\r\n", "").await;
        let mut call = http("GET", receiver.url("/"));
        call.expect = Expect(expect);
        let performed = perform_http(&performer(), call).await;
        assert_eq!(
            matches!(
                performed,
                flowtrigger::core::flow::call::Performed::Succeeded(_)
            ),
            accepted,
            "{performed:?}"
        );
        assert_eq!(receiver.count(), 1, "a redirect is not followed");
    }
}

#[tokio::test]
async fn a_redirect_names_where_it_leads() {
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
async fn retry_after_is_told() {
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
async fn what_is_kept_is_what_the_step_asks_for() {
    for (keep, kept) in [
        (Keep::Status, json!({"status": 200})),
        (Keep::None, json!({})),
    ] {
        let receiver = Receiver::answering("200 OK", "", "body").await;
        let mut call = http("GET", receiver.url("/"));
        call.keep = keep;
        assert_eq!(succeeded(perform_http(&performer(), call).await), kept);
    }
}

#[tokio::test]
async fn a_body_is_json_only_where_the_answer_says_so() {
    for (media, text, body) in [
        ("application/json; charset=utf-8", "[1]", json!([1])),
        ("application/problem+JSON", "{}", json!({})),
        ("application/json", "", Value::Null),
        ("application/json", "{broken", json!("{broken")),
        ("text/plain", "[1]", json!("[1]")),
    ] {
        let receiver =
            Receiver::answering("200 OK", &format!("content-type: {media}\r\n"), text).await;
        let value = succeeded(perform_http(&performer(), http("GET", receiver.url("/"))).await);
        assert_eq!(value["body"], body, "{media} {text}");
    }
}

#[tokio::test]
async fn a_body_over_the_cap_is_cut_and_not_waited_for() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\ncontent-type: application/json\r\n\r\n\"0123456789\"";
    let receiver = Receiver::raw(answer, Then::Hang).await;
    let performer = with(|options| options.response_cap = 8);
    let value = succeeded(perform_http(&performer, http("GET", receiver.url("/"))).await);
    assert_eq!(value["body"], "\"0123456");
    assert_eq!(value["truncated"], true);

    let receiver = Receiver::answering("200 OK", "", "12345678").await;
    let value = succeeded(perform_http(&performer, http("GET", receiver.url("/"))).await);
    assert_eq!(
        (&value["body"], value.get("truncated")),
        (&json!("12345678"), None)
    );
}

#[tokio::test]
async fn a_receiver_that_never_finishes_runs_out_of_time() {
    for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"] {
        let receiver = Receiver::raw(answer, Then::Hang).await;
        let mut call = http("GET", receiver.url("/"));
        call.timeout = Duration::from_millis(100);
        let failure = failed(perform_http(&performer(), call).await);
        let expected = format!(
            "GET http://{0}/: `{0}` gave no complete answer within 100ms; see why it is slow, or \
             raise the step's `timeout`",
            receiver.address
        );
        assert_eq!(failure.message, expected);
        assert!(failure.retryable);
    }
}

#[tokio::test]
async fn each_way_to_lose_a_connection_has_its_words() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = listener.local_addr().unwrap();
    drop(listener);
    let garbage = Receiver::raw("no HTTP at all\r\n\r\n", Then::Close).await;
    let silent = Receiver::raw("", Then::Close).await;
    let half = Receiver::raw(
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
        Then::Close,
    )
    .await;
    // No label may be longer than 63, so that nobody asks the network.
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
            garbage.address.clone(),
            "no secure connection",
        ),
        (
            garbage.url("/"),
            garbage.address.clone(),
            "broke before a complete answer",
        ),
        (
            silent.url("/"),
            silent.address.clone(),
            "broke before a complete answer",
        ),
        (
            half.url("/"),
            half.address.clone(),
            "broke before a complete answer",
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
async fn what_cannot_be_sent_is_refused_for_good() {
    let receiver = Receiver::answering("200 OK", "", "").await;
    let url = receiver.url("/");
    let with_header = |name: &str, value: Text| HttpCall {
        headers: vec![(name.to_owned(), value)],
        ..http("GET", url.clone())
    };
    for (call, words) in [
        (
            with_header("X-Note", Text::plain("a\r\nX-Evil: 1")),
            "the header `x-note` holds a line break",
        ),
        (
            with_header("X-Note", Text::plain("a\u{0}")),
            "the header `x-note` holds",
        ),
        (
            with_header("X-Key", secret("BROKEN")),
            "the header `x-key` holds",
        ),
        (
            with_header("X Note", Text::plain("a")),
            "`X Note` is not a header name",
        ),
        (
            with_header("Content-Length", Text::plain("0")),
            "the header `content-length` follows from the body",
        ),
        (
            http("GET", "http://a.example:99999/"),
            "the address cannot be read",
        ),
        (http("GET", "/api/v2"), "the address cannot be read"),
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
async fn the_pool_serves_many_calls_at_once() {
    let receiver = Receiver::answering("200 OK", "", "ok").await;
    let performer = performer();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (performer, call) = (
            performer.clone(),
            Call::Http(http("POST", receiver.url("/"))),
        );
        calls.spawn(async move { performer.perform(&call, KEY).await });
    }
    for performed in calls.join_all().await {
        assert_eq!(succeeded(performed)["body"], "ok");
    }
    assert_eq!(receiver.count(), 20);
}
