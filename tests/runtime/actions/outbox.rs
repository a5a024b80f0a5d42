//! Outboxes: requests written to a file as lines of JSON, without secrets, whole, and inside the folder.

use flowtrigger::action::Performer;
use flowtrigger_core::flow::call::{Auth, Call, ExpectedStatus, KeepOutput, RequestBody};
use flowtrigger_core::language::rendered_text::{RenderedJson, RenderedText};
use serde_json::{Value, json};

use super::{KEY, failed, http, perform_http, secret, succeeded, with};

fn performer(folder: &std::path::Path) -> Performer {
    with(|options| options.outbox = folder.join("data/outbox"))
}

fn lines(folder: &std::path::Path, name: &str) -> Vec<Value> {
    let path = folder.join("data/outbox").join(format!("{name}.ndjson"));
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.ends_with('\n'));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn a_request_becomes_a_line_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let mut call = http("POST", "outbox:chat/hooks/1?x=y");
    call.headers = vec![("X-Key".into(), secret("TOKEN"))];
    call.auth = Some(Auth::Basic {
        username: RenderedText::plain("bot"),
        password: secret("TOKEN"),
    });
    call.body = Some(RequestBody::Json(RenderedJson::Map(vec![
        (
            "text".into(),
            RenderedJson::Text(RenderedText::plain("a\n\"b\"")),
        ),
        ("token".into(), RenderedJson::Text(secret("TOKEN"))),
    ])));
    call.expect = ExpectedStatus(vec![200..=200]);
    let value = succeeded(perform_http(&performer(folder.path()), call).await);
    assert_eq!(value["status"], 202);
    let path = folder.path().join("data/outbox/chat.ndjson");
    assert_eq!(value["body"], json!({"outbox": path.display().to_string()}));
    let mut line = lines(folder.path(), "chat").remove(0);
    let at = line.as_object_mut().unwrap().remove("at").unwrap();
    assert!(at.as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    assert_eq!(
        line,
        json!({
            "method": "POST",
            "url": "outbox:chat/hooks/1?x=y",
            "headers": {
                "x-key": "[secret TOKEN]",
                "authorization": "Basic [credentials of bot]",
                "content-type": "application/json",
            },
            "body": {"text": "a\n\"b\"", "token": "[secret TOKEN]"},
            "idempotency_key": "key-1",
        })
    );
}

#[tokio::test]
async fn a_form_shows_its_fields_and_no_body_is_null() {
    let folder = tempfile::tempdir().unwrap();
    let performer = performer(folder.path());
    let mut call = http("POST", "outbox:a");
    let field = |name: &str, text: &str| (name.to_owned(), RenderedText::plain(text));
    call.body = Some(RequestBody::Form(vec![
        field("a", "1"),
        field("b", "x"),
        field("a", "2"),
    ]));
    succeeded(perform_http(&performer, call).await);
    let mut call = http("GET", "outbox:a");
    call.keep = KeepOutput::Status;
    assert_eq!(
        succeeded(perform_http(&performer, call).await),
        json!({"status": 202})
    );
    let lines = lines(folder.path(), "a");
    assert_eq!(lines[0]["body"], json!({"a": ["1", "2"], "b": "x"}));
    assert_eq!(lines[1]["body"], Value::Null);
}

#[tokio::test]
async fn a_name_cannot_lead_out_of_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    for url in [
        "outbox:",
        "outbox:../x",
        "outbox:/etc/x",
        "outbox:A",
        "outbox:a.b",
        "outbox:a b",
        "outbox:ä",
    ] {
        let failure = failed(perform_http(&performer(folder.path()), http("POST", url)).await);
        assert!(
            failure.message.contains("is not a valid outbox name; use"),
            "{}",
            failure.message
        );
        assert!(!failure.retryable);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("data"), "a file").unwrap();
    let failure = failed(perform_http(&performer(folder.path()), http("POST", "outbox:a")).await);
    assert!(
        failure
            .message
            .contains("data/outbox/a.ndjson` cannot be written"),
        "{}",
        failure.message
    );
    assert!(failure.retryable);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn lines_of_many_writers_never_mix() {
    let folder = tempfile::tempdir().unwrap();
    let mut writers = tokio::task::JoinSet::new();
    let performer = performer(folder.path());
    for number in 0..40 {
        let performer = performer.clone();
        let mut call = http("POST", "outbox:busy");
        call.body = Some(RequestBody::Raw(RenderedText::plain(
            number.to_string().repeat(20_000),
        )));
        writers.spawn(async move { performer.perform(&Call::Http(call), KEY).await });
    }
    for performed in writers.join_all().await {
        succeeded(performed);
    }
    let mut bodies: Vec<_> = lines(folder.path(), "busy")
        .into_iter()
        .map(|line| line["body"].clone())
        .collect();
    bodies.sort_by_key(|body| body.as_str().unwrap().to_owned());
    bodies.dedup();
    assert_eq!(bodies.len(), 40);
}
