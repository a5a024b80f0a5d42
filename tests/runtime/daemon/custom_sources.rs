//! Sources that a configuration describes: values of headers and the query, forms, lists of events, other methods.

use flowtrigger::store::Store;
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::test_daemon::{CONFIG_END, answered, daemon};
use serde_json::{Value, json};

const CONFIG: &str = "outgoing: { allow: [127.0.0.1] }
sources:
  hub:
    event_type: [{ header: X-Kind }, { query: kind }, { path: kind }]
    id: [{ header: X-Delivery }, { path: id }]
    key: [{ path: ticket }, { query: ticket }]
    headers: [X-Team]
    methods: [POST, PUT]
  alerts: { event_type: { path: kind }, items: alerts, id: id }
";

/// Each source has a rule that reads what its request or event has.
fn rules(port: u16) -> String {
    let tell = |name: &str, source: &str, event_type: &str, body: &str| {
        format!(
            "name: {name}\nevent_source: {source}\nevent_type: {event_type}\nflow:\n- http: {{ url: \"http://127.0.0.1:{port}/{name}\", json: {body} }}\n"
        )
    };
    let team = "{ team: \"{{ event.headers['x-team'] | default('none') }}\", text: \"{{ text | default('') }}\" }";
    let hub = tell("of_team", "hub", "made", team);
    let hub = hub.replace(
        "flow:",
        "when: { event.headers.x-team: [blue, red] }\nflow:",
    );
    let none = "name: of_none\nevent_source: hub\nevent_type: made\nwhen: { event.headers.x-team: { exists: false } }\nflow:\n- succeed: fine\n";
    let list = tell("of_list", "alerts", "fired", "{ id: \"{{ id }}\" }");
    format!("{CONFIG}{CONFIG_END}{hub}---\n{none}---\n{list}")
}

const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// The status and the body of the answer.
macro_rules! sent {
    ($daemon:expr, $method:expr, $path:expr, $headers:expr, $body:expr) => {{
        let mut request = $daemon.request($method, $path);
        for (name, value) in $headers {
            request = request.header(*name, *value);
        }
        let answered = answered(request.body($body.to_owned())).await;
        (answered.status, answered.body)
    }};
}

fn rule_of(body: &Value) -> &Value {
    &body["runs"][0]["rule"]
}

#[tokio::test]
async fn values_come_from_headers_the_query_and_the_body() {
    let receiver = Receiver::ok();
    let daemon = daemon(&rules(receiver.port)).await;
    let by_header = &[
        JSON,
        ("x-kind", "made"),
        ("x-delivery", "1"),
        ("X-TEAM", "blue"),
    ];
    let (status, body) = sent!(
        daemon,
        "POST",
        "/events/hub",
        by_header,
        r#"{"kind": "other", "text": "a"}"#
    );
    assert_eq!((status, rule_of(&body)), (200, &json!("of_team")), "{body}");
    let (_, again) = sent!(
        daemon,
        "POST",
        "/events/hub",
        by_header,
        r#"{"kind": "other", "text": "a"}"#
    );
    assert_eq!(again["redelivered"], true, "{again}");
    let by_query = &[JSON, ("x-team", "red")];
    let (status, body) = sent!(
        daemon,
        "PUT",
        "/events/hub?kind=made&ticket=7",
        by_query,
        r#"{"id": 2}"#
    );
    assert_eq!((status, rule_of(&body)), (200, &json!("of_team")), "{body}");
    let by_path = r#"{"kind": "made", "id": 3}"#;
    let (status, body) = sent!(
        daemon,
        "POST",
        "/events/hub",
        &[JSON, ("x-team", "green")],
        by_path
    );
    assert_eq!(
        (status, &body["runs"]),
        (200, &json!([])),
        "another team: {body}"
    );
    let got = receiver.wait_for_async(2).await;
    let teams: Vec<Value> = got
        .iter()
        .map(|got| serde_json::from_str(&got.body).unwrap())
        .collect();
    assert!(
        teams.contains(&json!({"team": "blue", "text": "a"})),
        "{teams:?}"
    );
    assert!(
        teams.contains(&json!({"team": "red", "text": ""})),
        "{teams:?}"
    );
    let run = daemon
        .engine
        .store()
        .runs_of("hub", "2")
        .await
        .unwrap()
        .remove(0);
    assert_eq!(run.event.key.as_deref(), Some("7"), "the key of the query");
}

#[tokio::test]
async fn forms_are_events_like_json() {
    let receiver = Receiver::ok();
    let daemon = daemon(&rules(receiver.port)).await;
    let team = ("x-team", "red");
    let payload = "payload=%7B%22kind%22%3A%22made%22%2C%22id%22%3A2%2C%22text%22%3A%22b%22%7D";
    let multipart = "--X\r\nContent-Disposition: form-data; name=\"kind\"\r\n\r\nmade\r\n--X\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\n3\r\n--X\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nc\r\n--X--\r\n";
    for (media, body) in [
        (FORM.1, "kind=made&id=1&text=a"),
        (FORM.1, payload),
        ("multipart/form-data; boundary=X", multipart),
        (
            "text/plain; charset=utf-8",
            r#"{"kind": "made", "id": 4, "text": "d"}"#,
        ),
        (
            "application/cloudevents+json",
            r#"{"kind": "made", "id": 5, "text": "e"}"#,
        ),
    ] {
        let headers = &[("content-type", media), team];
        let (status, answer) = sent!(daemon, "POST", "/events/hub", headers, body);
        assert_eq!(
            (status, rule_of(&answer)),
            (200, &json!("of_team")),
            "{media}: {answer}"
        );
    }
    let mut texts: Vec<Value> = (receiver.wait_for_async(5).await.iter())
        .map(|got| serde_json::from_str::<Value>(&got.body).unwrap()["text"].take())
        .collect();
    texts.sort_by_key(Value::to_string);
    assert_eq!(texts, ["a", "b", "c", "d", "e"]);
}

#[tokio::test]
async fn bodies_that_are_no_event_are_rejected_with_what_to_do() {
    let daemon = daemon(&rules(9)).await;
    let nested = "--X\r\nContent-Type: multipart/mixed; boundary=Y\r\n\r\n--Y\r\n--X--\r\n";
    let fields = "a=1&".repeat(10_000);
    for (media, body, status, message) in [
        (FORM.1, fields.as_str(), 400, "more than 1,000 fields"),
        (FORM.1, "payload=%7Bnot+JSON", 400, "invalid JSON"),
        (
            "multipart/form-data; boundary=X",
            nested,
            400,
            "has no name",
        ),
        (
            "multipart/form-data; boundary=X",
            "--X\r\n",
            400,
            "ends within a part",
        ),
        ("multipart/form-data", nested, 415, "Content-Type"),
        ("application/xml", "<a/>", 415, "XML is not read"),
        (
            "text/plain; charset=utf-8",
            "\u{feff}\n<?xml version=\"1.0\"?><a/>",
            415,
            "the body is XML: XML is not read; let the sender use JSON or a form",
        ),
        (JSON.1, "<a/>", 415, "the body is XML"),
        (FORM.1, "<a b=\"1\"/>", 415, "the body is XML"),
        (
            JSON.1,
            r#"{"kind": "made", "id": 1, "$request": {"headers": {"x-team": "red"}}}"#,
            400,
            "$request",
        ),
    ] {
        let (code, answer) = sent!(
            daemon,
            "POST",
            "/events/hub",
            &[("content-type", media)],
            body
        );
        let error = answer["error"].as_str().unwrap_or_default();
        assert!(
            code == status && error.contains(message),
            "{media}: {code} {answer}"
        );
    }
    let (code, _) = sent!(daemon, "PATCH", "/events/hub", &[JSON], "{}");
    assert_eq!(code, 405, "a method that the source does not name");
    let (code, _) = sent!(daemon, "PUT", "/events/alerts", &[JSON], "{}");
    assert_eq!(code, 405, "POST alone by default");
    assert!(daemon.engine.store().counts().await.unwrap().is_empty());
}

#[tokio::test]
async fn floods_of_headers_and_of_the_query_are_bounded() {
    let daemon = daemon(&rules(9)).await;
    let body = r#"{"kind": "made", "id": 1}"#;
    let long = "x".repeat(4_000);
    let twice = &[
        JSON,
        ("x-kind", "a"),
        ("x-kind", "b"),
        ("x-team", long.as_str()),
    ];
    let query = format!("/events/hub?{}kind=other", "a=1&".repeat(1_000));
    let (status, answer) = sent!(daemon, "POST", &query, twice, body);
    assert_eq!(status, 200, "{answer}");
    // The team is too long, and the type is that of the body.
    assert_eq!(rule_of(&answer), "of_none", "{answer}");
    let run = daemon
        .engine
        .store()
        .runs_of("hub", "1")
        .await
        .unwrap()
        .remove(0);
    assert!(
        !format!("{run:?}").contains("xxxx"),
        "the value is not kept"
    );
}

#[tokio::test]
async fn a_list_of_events_is_accepted_whole_or_not_at_all() {
    let receiver = Receiver::ok();
    let daemon = daemon(&rules(receiver.port)).await;
    let alert = |id: Value| json!({"kind": "fired", "id": id});
    let broken = json!({"alerts": [alert(json!(1)), alert(json!([]))]});
    let (status, answer) = sent!(
        daemon,
        "POST",
        "/events/alerts",
        &[JSON],
        broken.to_string()
    );
    assert_eq!((status, &answer["index"]), (400, &json!(1)), "{answer}");
    for absent in [json!({}), json!({"alerts": {}}), json!({"alerts": 1})] {
        let (status, answer) = sent!(
            daemon,
            "POST",
            "/events/alerts",
            &[JSON],
            absent.to_string()
        );
        assert_eq!(status, 400, "{absent}: {answer}");
    }
    assert!(daemon.engine.store().counts().await.unwrap().is_empty());
    let two = json!({"alerts": [alert(json!(1)), alert(json!(2))]});
    let (status, answer) = sent!(daemon, "POST", "/events/alerts", &[JSON], two.to_string());
    assert_eq!(
        (status, answer.as_array().map(Vec::len)),
        (200, Some(2)),
        "{answer}"
    );
    let mut ids: Vec<String> = (receiver.wait_for_async(2).await.iter())
        .map(|got| got.body.clone())
        .collect();
    ids.sort();
    assert_eq!(ids, [r#"{"id":1}"#, r#"{"id":2}"#]);
}
