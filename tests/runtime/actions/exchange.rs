//! What is recorded of an attempt: the request as it was sent with secrets by name, what came back, and the request
//! alone where nothing came back.

use std::time::Duration;

use flowtrigger::action::exchange::field_mask::FieldMask;
use flowtrigger::action::exchange::{ExchangeRecorder, RecordScope};
use flowtrigger_core::flow::call::{Auth, Call, HttpCall, RequestBody};
use flowtrigger_core::language::rendered_text::{RenderedJson, RenderedText, TextPart};
use flowtrigger_core::run::exchange::{
    BodyContent, CapturedBody, CommandEnd, CommandExchange, ConnectionUse, Exchange, HttpExchange,
};
use flowtrigger_testing::receiver::{Receiver, Response, Then, dead_port};
use serde_json::json;

use super::{KEY, exec, http, performer, secret, with};

fn recorder() -> ExchangeRecorder {
    limited(16 * 1_024)
}

fn limited(limit: usize) -> ExchangeRecorder {
    ExchangeRecorder::new(RecordScope::Content { limit }, FieldMask::default())
}

fn text(body: &Option<CapturedBody>) -> String {
    match body.as_ref().map(|body| &body.content) {
        Some(BodyContent::Text(text)) => text.to_string(),
        Some(BodyContent::Base64(text)) => format!("base64 {text}"),
        None => "none".to_owned(),
    }
}

fn taken(recorder: &ExchangeRecorder) -> HttpExchange {
    match recorder.take() {
        Some(Exchange::Http(http)) => *http,
        other => panic!("{other:?}"),
    }
}

fn header(exchange: &HttpExchange, name: &str) -> Option<String> {
    let mut headers = exchange.headers.iter();
    let found = headers.find(|header| header.name.eq_ignore_ascii_case(name))?;
    Some(found.value.to_string())
}

fn posted(url: String) -> HttpCall {
    let mut call = http("POST", url);
    let mut said = secret("TOKEN");
    said.0.push(TextPart::Text(" \"hi\"".into()));
    call.body = Some(RequestBody::Json(RenderedJson::Map(vec![(
        "said".into(),
        RenderedJson::Text(said),
    )])));
    call.headers = vec![("X-Note".into(), RenderedText::plain("grüße"))];
    call.auth = Some(Auth::Basic {
        username: RenderedText::plain("bot"),
        password: secret("TOKEN"),
    });
    call
}

#[tokio::test]
async fn a_request_is_recorded_with_its_response_and_its_connection() {
    let receiver = Receiver::responding(|request, _| {
        let (body, length) = (&request.body, request.body.len());
        let head = format!("HTTP/1.1 200 OK\r\nx-echo: s3cr\"t/1\r\ncontent-length: {length}\r\n");
        Response::raw(format!("{head}\r\n{body}"), Then::KeepOpen)
    });
    let performer = performer();
    let call = Call::Http(posted(receiver.url("/a?b=c")));
    let recorder = recorder();
    recorder.waited(Duration::from_millis(7));
    let reply = performer.perform_recorded(&call, KEY, &recorder).await;
    assert!(reply.is_ok(), "{reply:?}");
    let exchange = taken(&recorder);
    assert_eq!(exchange.method, "POST");
    assert_eq!(exchange.url.to_string(), receiver.url("/a?b=c"));
    for (name, expected) in [
        ("x-note", "grüße"),
        ("authorization", "Basic [base64 of bot:[secret TOKEN]]"),
        ("idempotency-key", KEY),
        ("content-type", "application/json"),
    ] {
        assert_eq!(header(&exchange, name).as_deref(), Some(expected), "{name}");
    }
    let sent = receiver.only().body.len() as u64;
    assert_eq!(text(&exchange.body), r#"{"said":"[secret TOKEN] \"hi\""}"#);
    assert_eq!(exchange.body.unwrap().size, sent);
    let response = exchange.response.unwrap();
    assert_eq!(response.status, 200);
    assert_eq!(text(&response.body), r#"{"said":"[secret TOKEN] \"hi\""}"#);
    let echo = response
        .headers
        .iter()
        .find(|header| header.name == "x-echo");
    assert_eq!(echo.unwrap().value.to_string(), "[secret TOKEN]");
    assert_eq!(exchange.address, Some(receiver.address.to_string()));
    let timing = exchange.timing;
    assert_eq!(timing.queued, Duration::from_millis(7));
    assert!(timing.connect.unwrap() <= timing.first_byte.unwrap());
    assert!(timing.first_byte.unwrap() <= timing.total);
    // The second request uses the connection of the first.
    let again = limited(1_000);
    let reply = performer.perform_recorded(&call, KEY, &again).await;
    assert!(reply.is_ok(), "{reply:?}");
    let exchange = taken(&again);
    assert_eq!(exchange.timing.connect, None);
    assert_eq!(exchange.address, Some(receiver.address.to_string()));
}

#[tokio::test]
async fn an_attempt_without_a_response_keeps_its_request() {
    let (silent, part) = (
        Receiver::silent(),
        Receiver::always(Response::raw(
            "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\npart",
            Then::Hang,
        )),
    );
    let refused = format!("http://127.0.0.1:{}/", dead_port());
    for (url, address, status) in [
        (silent.url("/"), Some(silent.address.to_string()), None),
        (part.url("/"), Some(part.address.to_string()), Some(200)),
        (refused, None, None),
    ] {
        let mut call = posted(url);
        call.timeout = Duration::from_millis(200);
        let recorder = recorder();
        let call = Call::Http(call);
        let reply = performer().perform_recorded(&call, KEY, &recorder).await;
        assert!(reply.is_err(), "{reply:?}");
        let exchange = taken(&recorder);
        assert!(text(&exchange.body).contains("[secret TOKEN]"));
        assert_eq!(exchange.address, address);
        let response = exchange.response.map(|response| response.status);
        assert_eq!(response, status);
        assert_eq!(recorder.take(), None);
    }
}

#[tokio::test]
async fn a_request_over_an_open_connection_without_a_response_counts_as_sent() {
    let receiver = Receiver::responding(|_, before| match before {
        0 => Response::raw(
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            Then::KeepOpen,
        ),
        _ => Response::raw("", Then::Hang),
    });
    let performer = performer();
    let mut call = posted(receiver.url("/"));
    call.timeout = Duration::from_millis(300);
    let call = Call::Http(call);
    for (expected, succeeds) in [
        (ConnectionUse::Opened, true),
        (ConnectionUse::Reused, false),
    ] {
        let recorder = recorder();
        let reply = performer.perform_recorded(&call, KEY, &recorder).await;
        assert_eq!(reply.is_ok(), succeeds, "{reply:?}");
        assert_eq!(taken(&recorder).connection, expected);
    }
    let refused = Call::Http(posted(format!("http://127.0.0.1:{}/", dead_port())));
    let recorder = recorder();
    let reply = performer.perform_recorded(&refused, KEY, &recorder).await;
    assert!(reply.is_err(), "{reply:?}");
    assert_eq!(taken(&recorder).connection, ConnectionUse::None);
}

#[tokio::test]
async fn an_attempt_that_is_dropped_keeps_its_request() {
    let silent = Receiver::silent();
    let (call, recorder) = (Call::Http(posted(silent.url("/"))), recorder());
    let performer = performer();
    let performed = performer.perform_recorded(&call, KEY, &recorder);
    tokio::select! {
        reply = performed => panic!("{reply:?}"),
        _ = silent.wait_for_async(1) => {}
    }
    let exchange = taken(&recorder);
    assert_eq!(exchange.response, None);
    assert!(text(&exchange.body).contains("[secret TOKEN]"));
}

#[tokio::test]
async fn redirects_are_recorded_with_the_last_response() {
    let target = Receiver::always(Response::new("200 OK", "", "end"));
    let to = format!("location: {}\r\n", target.url("/there?k=s3cr%22t%2F1"));
    let first = Receiver::always(Response::new("307 Temporary Redirect", &to, "moved"));
    let mut call = http("GET", first.url("/"));
    call.redirects = 1;
    let recorder = recorder();
    let reply = performer()
        .perform_recorded(&Call::Http(call), KEY, &recorder)
        .await;
    assert!(reply.is_ok(), "{reply:?}");
    let exchange = taken(&recorder);
    let followed: Vec<_> = exchange
        .redirects
        .iter()
        .map(|redirect| (redirect.status, redirect.url.as_str()))
        .collect();
    assert_eq!(
        followed,
        [(307, target.url("/there?k=[secret TOKEN]").as_str())]
    );
    assert_eq!(exchange.address, Some(target.address.to_string()));
    let response = exchange.response.unwrap();
    assert_eq!(
        (response.status, text(&response.body).as_str()),
        (200, "end")
    );
}

#[tokio::test]
async fn texts_are_cut_at_the_limit_and_say_so() {
    let long = "é".repeat(3_000);
    let receiver = Receiver::always(Response::new("200 OK", "", &long));
    let mut call = http("POST", receiver.url("/"));
    call.body = Some(RequestBody::Raw(RenderedText::plain(long.as_str())));
    let recorder = limited(1_024);
    let reply = performer()
        .perform_recorded(&Call::Http(call), KEY, &recorder)
        .await;
    assert!(reply.is_ok(), "{reply:?}");
    let exchange = taken(&recorder);
    assert!(exchange.changes.cut);
    for body in [&exchange.body, &exchange.response.as_ref().unwrap().body] {
        let kept = text(body);
        assert!((500..=1_024).contains(&kept.len()), "{}", kept.len());
        assert!(kept.chars().all(|letter| letter == 'é'), "{kept}");
        let body = body.as_ref().unwrap();
        assert_eq!((body.size, body.cut), (6_000, true));
    }
}

#[tokio::test]
async fn bytes_that_are_not_text_are_kept_in_base64() {
    let receiver = Receiver::always(Response::raw(
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n\xff\x00\xfe",
        Then::Close,
    ));
    let recorder = recorder();
    let call = Call::Http(http("GET", receiver.url("/")));
    let reply = performer().perform_recorded(&call, KEY, &recorder).await;
    assert!(reply.is_ok(), "{reply:?}");
    assert_eq!(
        text(&taken(&recorder).response.unwrap().body),
        "base64 /wD+"
    );
}

#[tokio::test]
async fn without_content_only_method_and_address_are_recorded() {
    let receiver = Receiver::ok();
    let call = Call::Http(posted(receiver.url("/")));
    let recorder = ExchangeRecorder::new(RecordScope::Target, FieldMask::default());
    let reply = performer().perform_recorded(&call, KEY, &recorder).await;
    assert!(reply.is_ok(), "{reply:?}");
    let exchange = taken(&recorder);
    assert_eq!(exchange.url.to_string(), receiver.url("/"));
    assert!(exchange.headers.is_empty() && exchange.body.is_none());
    assert_eq!(exchange.response, None);
    let nothing = ExchangeRecorder::none();
    drop(performer().perform_recorded(&call, KEY, &nothing).await);
    assert_eq!(nothing.take(), None);
}

#[tokio::test]
async fn values_of_redacted_fields_are_in_no_part_of_an_exchange() {
    const WORDS: &str = "the customer's \"own\" words/é";
    let receiver = Receiver::responding(|request, _| {
        let echo = url::form_urlencoded::byte_serialize(WORDS.as_bytes()).collect::<String>();
        Response::new("500 Oops", &format!("x-echo: {echo}\r\n"), &request.body)
    });
    let percent = url::form_urlencoded::byte_serialize(WORDS.as_bytes());
    let url = receiver.url(&format!("/{}", percent.collect::<String>()));
    let mut call = http("POST", url);
    call.headers = vec![
        ("X-Said".into(), RenderedText::plain(WORDS)),
        ("X-Short".into(), RenderedText::plain("yes")),
    ];
    call.body = Some(RequestBody::Json(RenderedJson::Map(vec![
        (
            "said".into(),
            RenderedJson::Text(RenderedText::plain(WORDS)),
        ),
        ("short".into(), RenderedJson::Value(json!("yes"))),
        ("number".into(), RenderedJson::Value(json!(7))),
        ("other".into(), RenderedJson::Value(json!("yes or no"))),
    ])));
    let values = [json!(WORDS), json!("yes"), json!([7])];
    let mask = FieldMask::new(&values.iter().collect::<Vec<_>>());
    let recorder = ExchangeRecorder::new(RecordScope::Content { limit: 9_999 }, mask);
    let reply = performer()
        .perform_recorded(&Call::Http(call), KEY, &recorder)
        .await;
    assert!(reply.is_err(), "{reply:?}");
    let exchange = taken(&recorder);
    let masked =
        r#"{"said":"[redacted]","short":"[redacted]","number":"[redacted]","other":"yes or no"}"#;
    assert_eq!(text(&exchange.body), masked);
    assert!(exchange.changes.redacted);
    assert_eq!(exchange.url.to_string(), receiver.url("/[redacted]"));
    assert_eq!(header(&exchange, "x-short").as_deref(), Some("[redacted]"));
    let response = exchange.response.as_ref().unwrap();
    assert_eq!(text(&response.body), masked);
    let whole = format!("{exchange:?}");
    for part in ["customer", "words", "\"7\"", "\"yes\""] {
        assert!(!whole.contains(part), "{part}: {whole}");
    }
}

#[tokio::test]
async fn an_outbox_has_an_exchange_without_a_connection() {
    let folder = tempfile::tempdir().unwrap();
    let performer = with(|options| options.outbox = folder.path().into());
    let recorder = recorder();
    let call = Call::Http(posted("outbox:paper/x".into()));
    let reply = performer.perform_recorded(&call, KEY, &recorder).await;
    assert!(reply.is_ok(), "{reply:?}");
    let exchange = taken(&recorder);
    assert_eq!(exchange.url.to_string(), "outbox:paper/x");
    assert_eq!(
        exchange.response.as_ref().map(|answer| answer.status),
        Some(202)
    );
    assert_eq!((exchange.address, exchange.timing.connect), (None, None));
    assert!(text(&exchange.body).contains("[secret TOKEN]"));
}

async fn ran(argv: &[&str], stdin: RenderedText, timeout: Duration) -> CommandExchange {
    let mut call = exec(argv);
    call.argv.push(secret("TOKEN"));
    (call.stdin, call.timeout) = (stdin, timeout);
    call.env = vec![("NOTE".into(), RenderedText::plain("not kept"))];
    let recorder = recorder();
    let call = Call::Exec(call);
    let performer = with(|options| options.grace = Duration::from_millis(50));
    drop(performer.perform_recorded(&call, KEY, &recorder).await);
    match recorder.take() {
        Some(Exchange::Command(command)) => *command,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_command_is_recorded_with_its_outputs_and_its_end() {
    let ample = super::AMPLE;
    let script = "cat; echo \"$1\" >&2; exit 3";
    let input = RenderedText::plain("in");
    let command = ran(&["sh", "-c", script, "sh"], input, ample).await;
    let argv: Vec<String> = command.argv.iter().map(ToString::to_string).collect();
    assert_eq!(argv, ["sh", "-c", script, "sh", "[secret TOKEN]"]);
    assert!(command.environment.contains(&"NOTE".to_owned()));
    assert!(!format!("{command:?}").contains("not kept"));
    assert_eq!(command.stdin.size, 2);
    assert_eq!(
        command.stdin.sha256,
        "582967534d0f909d196b97f9e6921342777aea87b46fa52df165389db1fb8ccf"
    );
    assert_eq!(command.end, Some(CommandEnd::Status(3)));
    assert_eq!(text(&command.stdout), "in");
    assert_eq!(text(&command.stderr), "[secret TOKEN]\n");
    let killed = ran(&["sh", "-c", "kill -9 $$"], RenderedText::default(), ample).await;
    assert_eq!(killed.end, Some(CommandEnd::Signal(9)));
    let short = Duration::from_millis(200);
    let late = ran(&["sh", "-c", "sleep 60"], RenderedText::default(), short).await;
    assert_eq!(late.end, Some(CommandEnd::TimedOut));
    // The digest does not depend on the value of a secret, so that it cannot be guessed.
    let hashed = ran(&["true"], secret("TOKEN"), ample).await.stdin.sha256;
    let named = ran(&["true"], RenderedText::plain("[secret TOKEN]"), ample).await;
    assert_eq!(hashed, named.stdin.sha256);
}

#[tokio::test]
async fn a_command_shares_the_limit_between_its_outputs() {
    let script = "head -c 9000 /dev/zero | tr '\\0' o; head -c 9000 /dev/zero | tr '\\0' e >&2; echo end >&2";
    let recorder = limited(1_024);
    let call = Call::Exec(exec(&["sh", "-c", script]));
    drop(performer().perform_recorded(&call, KEY, &recorder).await);
    let Some(Exchange::Command(command)) = recorder.take() else {
        panic!("no command");
    };
    let (out, err) = (text(&command.stdout), text(&command.stderr));
    assert!(
        out.len() + err.len() <= 1_024,
        "{} {}",
        out.len(),
        err.len()
    );
    assert!(out.starts_with("oo") && err.ends_with("end\n"));
    assert_eq!(command.stdout.unwrap().size, 9_000);
    let stderr = command.stderr.unwrap();
    assert_eq!((stderr.size, stderr.cut), (9_004, true));
}
