//! HTTP calls with receivers on this machine: what is sent, what is kept, and that no secret is in a message or
//! result.

use flowtrigger_core::flow::call::{Auth, Call, KeepOutput, RequestBody};
use flowtrigger_core::language::rendered_text::{
    RenderedJson, RenderedText, SecretEncoding, TextPart,
};
use flowtrigger_testing::receiver::{Receiver, Response, Then};
use serde_json::{Value, json};

use super::{KEY, http, perform_http, performer, secret, succeeded, with};

#[tokio::test]
async fn a_request_has_the_headers_of_the_step_and_the_defaults() {
    let receiver = Receiver::always(Response::new(
        "200 OK",
        "content-type: application/json\r\nX-Two: a\r\nx-two: b\r\n",
        "{\"id\":7}",
    ));
    let mut call = http("PUT", receiver.url("/a%20b?q=%26"));
    call.headers = vec![("X-Note".into(), RenderedText::plain("grüße 🎉"))];
    call.body = Some(RequestBody::Raw(RenderedText::plain("hello")));
    let value = succeeded(perform_http(&performer(), call).await);
    assert_eq!(
        (&value["status"], &value["body"]),
        (&json!(200), &json!({"id": 7}))
    );
    assert_eq!(value["headers"]["x-two"], "a, b");
    assert_eq!(value.get("truncated"), None);
    let request = receiver.only().text();
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
async fn a_json_body_is_valid_for_any_text() {
    let hostile = "\"quoted\"\\ \n\r\t\u{0} {{ ticket.id }} 🎉 \u{2028} </script>";
    let receiver = Receiver::always(Response::new("200 OK", "", ""));
    let mut call = http("POST", receiver.url("/"));
    let mut tail = secret("TOKEN");
    tail.0.push(TextPart::Text(hostile.into()));
    call.body = Some(RequestBody::Json(RenderedJson::Map(vec![
        ("text".into(), RenderedJson::Text(tail)),
        (
            "list".into(),
            RenderedJson::List(vec![
                RenderedJson::Value(json!(1.0)),
                RenderedJson::Value(Value::Null),
            ]),
        ),
    ])));
    succeeded(perform_http(&performer(), call).await);
    let request = receiver.only().text();
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
    let receiver = Receiver::always(Response::new("200 OK", "", ""));
    let mut call = http("POST", receiver.url("/"));
    let field = |name: &str, text| (name.to_owned(), text);
    call.body = Some(RequestBody::Form(vec![
        field("a b", RenderedText::plain("1&2=ü")),
        field("t", secret("TOKEN")),
    ]));
    succeeded(perform_http(&performer(), call).await);
    let request = receiver.only().text();
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
async fn headers_of_the_step_override_the_defaults() {
    let receiver = Receiver::always(Response::new("200 OK", "", ""));
    let mut call = http("POST", receiver.url("/"));
    call.body = Some(RequestBody::Json(RenderedJson::Value(json!({}))));
    call.auth = Some(Auth::Bearer(RenderedText::plain("ours")));
    for name in [
        "Idempotency-KEY",
        "user-agent",
        "Content-Type",
        "AUTHORIZATION",
    ] {
        call.headers
            .push((name.into(), RenderedText::plain("mine")));
    }
    succeeded(perform_http(&performer(), call).await);
    let request = receiver.only().text();
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
                username: RenderedText::plain("bot"),
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
        let receiver = Receiver::always(Response::new("200 OK", "", ""));
        let mut call = http("GET", receiver.url("/"));
        call.auth = Some(auth);
        succeeded(perform_http(&performer(), call).await);
        let request = receiver.only().text();
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
        let receiver = Receiver::always(Response::new(status, header, echo));
        let mut call = http("POST", "");
        call.url = RenderedText(vec![
            TextPart::Text(receiver.url("/")),
            TextPart::Secret {
                name: "TOKEN".into(),
                encoding: SecretEncoding::Percent,
            },
        ]);
        call.auth = Some(Auth::Basic {
            username: RenderedText::plain("bot"),
            password: secret("TOKEN"),
        });
        let performed = perform_http(&performer(), call).await;
        assert!(
            receiver
                .only()
                .text()
                .starts_with("POST /s3cr%22t%2F1 HTTP")
        );
        let told = format!("{performed:?}");
        assert!(told.contains(clean), "{told}");
        for form in echo.split(' ') {
            assert!(!told.contains(form), "{form} in {told}");
        }
    }
}

#[tokio::test]
async fn keep_selects_the_result() {
    for (keep, kept) in [
        (KeepOutput::Status, json!({"status": 200})),
        (KeepOutput::None, json!({})),
    ] {
        let receiver = Receiver::always(Response::new("200 OK", "", "body"));
        let mut call = http("GET", receiver.url("/"));
        call.keep = keep;
        assert_eq!(succeeded(perform_http(&performer(), call).await), kept);
    }
}

#[tokio::test]
async fn a_body_is_json_only_with_a_json_content_type() {
    for (media, text, body) in [
        ("application/json; charset=utf-8", "[1]", json!([1])),
        ("application/problem+JSON", "{}", json!({})),
        ("application/json", "", Value::Null),
        ("application/json", "{broken", json!("{broken")),
        ("text/plain", "[1]", json!("[1]")),
    ] {
        let receiver = Receiver::always(Response::new(
            "200 OK",
            &format!("content-type: {media}\r\n"),
            text,
        ));
        let value = succeeded(perform_http(&performer(), http("GET", receiver.url("/"))).await);
        assert_eq!(value["body"], body, "{media} {text}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_truncated_without_waiting() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\ncontent-type: application/json\r\n\r\n\"0123456789\"";
    let receiver = Receiver::always(Response::raw(answer, Then::Hang));
    let performer = with(|options| options.response_cap = 8);
    let value = succeeded(perform_http(&performer, http("GET", receiver.url("/"))).await);
    assert_eq!(value["body"], "\"0123456");
    assert_eq!(value["truncated"], true);

    let receiver = Receiver::always(Response::new("200 OK", "", "12345678"));
    let value = succeeded(perform_http(&performer, http("GET", receiver.url("/"))).await);
    assert_eq!(
        (&value["body"], value.get("truncated")),
        (&json!("12345678"), None)
    );
}

#[tokio::test]
async fn the_pool_serves_many_calls_at_once() {
    let receiver = Receiver::always(Response::new("200 OK", "", "ok"));
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
