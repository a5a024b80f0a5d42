//! The pages of rules and of Try: the same data as the commands, for everybody who may read, and without an effect.

use flowtrigger_testing::daemon::DaemonProcess;
use rustix::process::Signal;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::PageClient;
use crate::crash::desk;

const RULES: &str = "name: urgent
event_source: desk
event_type: order
when: { priority: urgent }
flow: [{ succeed: fine }]
tests:
- name: high is not urgent
  event: { kind: order, id: t1, ticket: 1, priority: high }
  expect: no match
";

#[test]
fn the_pages_of_rules_have_the_data_of_the_commands() {
    let sandbox = desk::sandbox(RULES);
    let daemon = DaemonProcess::start_with_page(&sandbox);
    for (id, priority) in [("e1", "urgent"), ("e2", "high")] {
        let event = json!({"kind": "order", "id": id, "ticket": 1, "priority": priority});
        daemon.accept("desk", &event);
    }
    daemon.wait_until_idle();
    let reader = PageClient::signed_in(&daemon, &sandbox, &["--read"]);
    let json = |path: &str| -> Value { reader.get(path, &[]).json() };
    let page = json("/rules/urgent.json");
    let printed = sandbox.run(&["why", "urgent", "--format", "json"]);
    for (key, value) in printed.json_lines()[0].as_object().expect("an object") {
        match key.as_str() {
            // The time of the question.
            "events" => assert_eq!(page[key]["judged"], value["judged"]),
            _ => assert_eq!(page[key], *value, "{key}"),
        }
    }
    let list = json("/rules.json");
    assert_eq!(list["rules"][0]["runs"], 1, "{list}");
    assert_eq!(reader.get("/rules/gone", &[]).status(), 404);
    assert_eq!(reader.get("/rules/urgent?revision=9", &[]).status(), 404);
    sandbox.write_rules(&RULES.replace("flow:", "flwo:"));
    daemon.signal(Signal::HUP);
    daemon.expect_message("not reloaded");
    let html = reader.get("/rules", &[]).body;
    for part in ["The files have", "<mark><bdi>flwo</bdi></mark>"] {
        assert!(html.contains(part), "{part}: {html}");
    }
    daemon.stop();
}

#[test]
fn trying_a_rule_has_no_effect_and_needs_no_role() {
    let sandbox = desk::sandbox(RULES);
    let daemon = DaemonProcess::start_with_page(&sandbox);
    let reader = PageClient::signed_in(&daemon, &sandbox, &["--read"]);
    let event = r#"{"kind": "order", "id": "e1", "ticket": 1, "priority": "high"}"#;
    let form = |event: &str, rule: &str| {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("event", event).append_pair("rule", rule);
        form.finish()
    };
    let same_site = [("sec-fetch-site", "same-origin")];
    let edited = RULES.replace("urgent }", "high }");
    let tried = reader.post("/try.json", &same_site, &form(event, &edited));
    assert_eq!(tried.status(), 200, "{tried:?}");
    assert_eq!(tried.json()["matched"], json!(["urgent"]));
    assert_eq!(tried.json()["before"], "no match");
    let same = reader
        .post("/try.json", &same_site, &form(event, RULES))
        .json();
    sandbox.write("event.json", event);
    let arguments = ["dry-run", "event.json", "--explain", "--format", "json"];
    let printed = sandbox.run(&arguments).json_lines()[0].clone();
    for (key, value) in printed.as_object().expect("an object") {
        assert_eq!(same[key], *value, "{key}");
    }
    let broken = reader.post("/try.json", &same_site, &form("{\n \"a\": ]", RULES));
    assert_eq!(broken.status(), 422);
    let error = broken.json()["error"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(error.contains("line 2, column"), "{error}");
    let foreign = [("sec-fetch-site", "cross-site")];
    let rejected = reader.post("/try", &foreign, &form(event, RULES));
    assert_eq!(rejected.status(), 403);
    let large = "x".repeat(1024 * 1024);
    let large = reader.post("/try", &same_site, &form(&large, RULES));
    assert_eq!(large.status(), 413);
    daemon.wait_until_idle();
    assert_eq!(daemon.count("done"), 0);
    daemon.stop();
}

#[test]
fn the_texts_of_try_say_whether_they_were_edited_and_gates_whether_they_are_closed() {
    let rules = RULES.replace("flow:", "dedupe: { per: event.key, for: 1h }\nflow:");
    let sandbox = desk::sandbox(&rules);
    let daemon = DaemonProcess::start_with_page(&sandbox);
    let event = json!({"kind": "order", "id": "e1", "ticket": 1, "priority": "urgent"});
    daemon.accept("desk", &event);
    daemon.wait_until_idle();
    let reader = PageClient::signed_in(&daemon, &sandbox, &["--read"]);
    let events = reader.get("/events.json", &[]).json();
    let row = events["events"][0]["row"].to_string();
    let html = reader
        .get(&format!("/try?event={row}&rule=urgent"), &[])
        .body;
    for part in [
        "before: match, now: match, but would be suppressed by dedupe",
        "(run 1 is of this same event)",
        "; opens again at <time",
        "what it would do if the gate were open",
        ", as received",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    let text = |name: &str| {
        let start = format!("name=\"{name}\" spellcheck=\"false\">\n");
        let (_, rest) = html.split_once(&start).expect("the text");
        let (text, _) = rest.split_once("</textarea>").expect("its end");
        text.replace("&quot;", "\"").replace('\n', "\r\n")
    };
    let post = |event: &str, rule: &str, change: &str| {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("row", &row).append_pair("from", "urgent");
        form.append_pair("event", event).append_pair("rule", rule);
        form.append_pair("set", change);
        let same_site = [("sec-fetch-site", "same-origin")];
        reader.post("/try", &same_site, &form.finish()).body
    };
    let (event, rule) = (text("event"), text("rule"));
    let same = post(&event, &rule, "");
    assert!(same.contains(", as received"), "{same}");
    assert!(!same.contains(", edited"), "{same}");
    let changed = post(&event, &rule, "priority=high");
    let verdict = "before: match, now: no match";
    assert!(changed.contains(verdict), "{changed}");
    let event = post(&event.replace("urgent", "high"), &rule, "");
    assert!(event.contains(", edited") && !event.contains("as received"));
    let rule = post(&text("event"), &rule.replace("urgent }", "high }"), "");
    assert!(rule.contains("<bdi>urgent</bdi>, edited"), "{rule}");
    daemon.stop();
}
