//! Unmatched events are stored as received, without being decoded. The response, the stored event and `why` are
//! the same as for a decoded event.

use flowtrigger::engine::read_event;
use flowtrigger::store::history::EventRowId;
use flowtrigger::store::{History, SqliteHistory};
use flowtrigger_core::config::{Config, ConfigSource};
use flowtrigger_core::event::Event;
use flowtrigger_core::event::format::request::body_hash;
use flowtrigger_core::event::json::parse::parse;
use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::http_wire::Message;
use flowtrigger_testing::repository;
use flowtrigger_testing::sandbox::Sandbox;
use serde_json::{Value, json};

use super::desk;

const CONFIG: &str = "sources:
  support: {}
  upmind: {}
  watch: { event_type: { path: kind }, id: delivery, key: incident.number, time: sent_at }
  plain: { event_source: desk, event_type: { path: event } }
";

/// Rules that read present, missing and raw fields and match no sample.
const RULES: &str = "name: all
event_source: support
event_type: '*'
when: { type: { present: true }, account_id: { gt: 5 }, event.key: none, $.raw.type: { exists: false } }
flow: [{ succeed: fine }]
---
name: ticket
event_source: support
event_type: ticket.*
when:
  ticket.tags: { has: nothing, not: { has: vip } }
  ticket.id: { gt: 5 }
  ticket.created_at: { after: -400d }
  any: [{ ticket.priority: low }, { none: [{ $..id: 7 }] }]
flow: [{ succeed: fine }]
---
name: message
event_source: upmind
event_type: '*'
when: { event.id: none, $.raw.hook_code: { contains: ticket } }
flow: [{ succeed: fine }]
---
name: incident
event_source: watch
event_type: '*'
when: { incident.severity: critical, incident.regions: { has: mars } }
flow: [{ succeed: fine }]
---
name: escalation
event_source: desk
event_type: '*'
when: { ticket.requester.name: { starts_with: M }, latest_comment: { contains: '\u{2603}' } }
flow: [{ succeed: fine }]
";

/// An additional event type, which changes the catalogue.
const MORE: &str = "event_types:
- { source: support, tag: ticket.MoonRose, display: Moon Rose, fields: { phase: text }, open: true }
";

/// A sent event, with the source in its URL.
struct Sent {
    source: &'static str,
    text: String,
    answer: Value,
}

fn post(daemon: &DaemonProcess, source: &str, text: &str) -> Message {
    daemon.post(&format!("/events/{source}"), text)
}

#[track_caller]
fn sends(daemon: &DaemonProcess, source: &'static str, text: String) -> Sent {
    let answer = post(daemon, source, &text);
    assert_eq!(answer.status(), 200, "{answer:?} {text}");
    let answer = answer.json();
    Sent {
        source,
        text,
        answer,
    }
}

fn samples() -> Vec<(&'static str, String)> {
    let mut samples = Vec::new();
    for (folder, source) in [
        ("zis", "support"),
        ("webhook", "support"),
        ("eventbridge", "support"),
        ("upmind", "upmind"),
    ] {
        let files = repository::entries(repository::path("examples/events").join(folder));
        samples.extend(files.iter().map(|file| (source, repository::read(file))));
    }
    let own = |name: &str| repository::read(repository::path("examples/events/json").join(name));
    samples.push(("watch", own("monitoring.json")));
    samples.push(("plain", own("zendesk-trigger.json")));
    samples
}

/// Events with unusual syntax or values.
fn odd() -> Vec<(&'static str, String)> {
    let ticket = |fields: &str| {
        format!("\r\n{{ \"account_id\" :\t7,\n\"input\":{{\"ticket_event\":{{{fields}}}}}}} \n")
    };
    vec![
        ("support", ticket(r#""type":"EventSelector Changed","current":"Zażółć \u2603 ☃ 😀 \ud83d\ude00 \/ \"\\","ticket":{"id":"12","tags":"b a b"}"#)),
        ("support", ticket(r#""type":"Moon Rose","phase":"full","ticket":{"id":15}"#)),
        ("support", ticket(r#""type":"Status Changed","meta":{"occurred_at":"soon"},"current":0.10,"ticket":{"id":13}"#)),
        ("support", r#"{"type":"zen:event-type:ticket.moon_phase_altered","detail":{"id":"14"},"event":{"a":[1.50,null]}}"#.into()),
        ("upmind", r#"{"hook_code":"no_such_hook","webhook_event_id":77,"object_id":"m","object":null}"#.into()),
        ("plain", "{\n  \"event\": \"ü\u{2028}\",\n\n \"ticket\": { \"requester\": {\"name\":\"Møller\"} }\n}".into()),
    ]
}

/// The stored events in order: the version of the encoding, and the event.
fn filed(sandbox: &Sandbox) -> Vec<(i64, Event)> {
    let sql = rusqlite::Connection::open(sandbox.database()).unwrap();
    let mut rows = sql
        .prepare("SELECT id, json_extract(body, '$.v') FROM events ORDER BY id")
        .unwrap();
    let rows = rows
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    let history = SqliteHistory::open(&sandbox.database()).unwrap();
    let filed = rows.map(|row| {
        let (row, version): (i64, i64) = row.unwrap();
        let arrived = history.event(EventRowId(row)).unwrap().expect("kept");
        (version, Event::clone(&arrived.event))
    });
    filed.collect()
}

fn made_by_us(id: &Value) -> bool {
    id.as_str().is_some_and(|id| body_hash(id).is_some())
}

/// The event as it is decoded without a request, with the id that the stored one has from its request.
fn read(sent: &Sent, stored: &Event, config: &Config) -> Event {
    let value = parse(sent.text.as_bytes()).unwrap().value;
    let mut event = read_event(value, config.sources.get(sent.source), config).unwrap();
    if body_hash(&stored.id).is_some() {
        event.id = stored.id.clone();
        event.about["id"] = json!(stored.id);
    }
    event
}

fn configured(config: &str) -> Sandbox {
    let sandbox = desk::sandbox(RULES);
    sandbox.write("flowtrigger.yaml", config);
    sandbox
}

fn compiled(config: &str) -> Config {
    ConfigSource::new("flowtrigger.yaml".into(), config.into(), Default::default()).compile()
}

#[test]
fn scanned_and_decoded_events_are_stored_and_read_alike() {
    let (sandbox, config) = (configured(CONFIG), compiled(CONFIG));
    let daemon = DaemonProcess::start(&sandbox);
    let all: Vec<(&str, String)> = samples().into_iter().chain(odd()).collect();
    let mut sent = Vec::new();
    for (source, text) in all {
        // An event in an array is decoded.
        let built = post(&daemon, source, &format!("[{text}]"));
        let scanned = sends(&daemon, source, text);
        let (mut built, mut answer) = (built.json(), scanned.answer.clone());
        // Two requests without an id of the sender have two ids.
        if made_by_us(&answer["event"]) {
            assert!(made_by_us(&built[0]["event"]), "{built}");
            built[0]["event"] = Value::Null;
            answer["event"] = Value::Null;
        }
        assert_eq!(built, json!([answer]));
        sent.push(scanned);
    }
    daemon.stop();
    let filed = filed(&sandbox);
    assert_eq!(filed.len(), 2 * sent.len());
    for (pair, sent) in filed.chunks(2).zip(&sent) {
        // The first of each pair was sent in an array, the second alone.
        let (built, expected) = (
            read(sent, &pair[0].1, &config),
            read(sent, &pair[1].1, &config),
        );
        let mut answer = json!({ "accepted": true, "event": expected.id, "runs": [] });
        if !expected.warnings.is_empty() {
            answer["warnings"] = json!(expected.warnings);
        }
        assert_eq!(sent.answer, answer, "{}", sent.text);
        assert_eq!((pair[0].0, &pair[0].1), (1, &built), "{}", sent.text);
        assert_eq!((pair[1].0, &pair[1].1), (2, &expected), "{}", sent.text);
        assert_eq!(
            pair[1].1.body.to_string(),
            expected.body.to_string(),
            "{}",
            sent.text
        );
    }
}

#[test]
fn why_and_dry_run_agree_on_unmatched_events() {
    let sandbox = configured(CONFIG);
    let daemon = DaemonProcess::start(&sandbox);
    let mut seen = Vec::new();
    let of_each_shape = samples().into_iter().filter(|(source, text)| {
        let value = parse(text.as_bytes()).unwrap().value;
        let config = compiled(CONFIG);
        let event = read_event(value, config.sources.get(*source), &config).unwrap();
        let shape = (
            event.format,
            event
                .event_type
                .split('.')
                .next()
                .unwrap_or_default()
                .to_owned(),
        );
        let new = !seen.contains(&shape);
        seen.push(shape);
        new
    });
    let sent: Vec<Sent> = of_each_shape
        .chain(odd())
        .map(|(source, text)| sends(&daemon, source, text))
        .collect();
    daemon.stop();
    assert!(filed(&sandbox).iter().all(|(version, _)| *version == 2));
    for sent in &sent {
        let id = sent.answer["event"].as_str().unwrap();
        let why = sandbox.run(&["why", id, "--format", "json"]).json_lines();
        sandbox.write("event.json", &sent.text);
        let dry = [
            "dry-run",
            "--explain",
            "--format",
            "json",
            "--source",
            sent.source,
            "event.json",
        ];
        let dry = sandbox.run(&dry).json_lines();
        assert_eq!((why.len(), dry.len()), (1, 1), "{}", sent.text);
        assert_eq!(why[0]["matched"], json!([]));
        let rules = |answer: &Value| {
            let rules = answer["rules"].as_array().expect("rules").iter();
            let kept = rules.map(|rule| {
                let mut rule = rule.clone();
                // Only a dry run has a plan, and only `why` a recorded result.
                for key in ["gates", "plan", "on_dead", "runs", "recorded"] {
                    rule.as_object_mut().expect("a rule").remove(key);
                }
                rule
            });
            kept.collect::<Vec<_>>()
        };
        assert_eq!(rules(&why[0]), rules(&dry[0]), "{}", sent.text);
        assert!(!rules(&why[0]).is_empty(), "{}", why[0]);
    }
}

#[test]
fn events_are_decoded_if_the_configuration_adds_a_type() {
    let config = format!("{CONFIG}{MORE}");
    let (sandbox, compiled) = (configured(&config), compiled(&config));
    let daemon = DaemonProcess::start(&sandbox);
    let all = odd()
        .into_iter()
        .map(|(source, text)| sends(&daemon, source, text));
    let sent: Vec<Sent> = all.collect();
    daemon.stop();
    let filed = filed(&sandbox);
    assert_eq!(filed.len(), sent.len());
    for ((version, event), sent) in filed.iter().zip(&sent) {
        assert_eq!(
            (*version, event),
            (1, &read(sent, event, &compiled)),
            "{}",
            sent.text
        );
    }
    assert_eq!(filed[1].1.event_type, "ticket.MoonRose");
}

/// Only events with a run are recognised again; the others may match new rules.
#[test]
fn a_repeated_unmatched_event_can_match_new_rules() {
    let sandbox = configured(CONFIG);
    let daemon = DaemonProcess::start(&sandbox);
    let (source, text) = odd().remove(0);
    for _ in 0..2 {
        let answer = sends(&daemon, source, text.clone()).answer;
        assert_eq!(
            (&answer["redelivered"], &answer["runs"]),
            (&Value::Null, &json!([]))
        );
    }
    sandbox.write_rules(&RULES.replace("event.key: none", "event.key: '12'"));
    daemon.signal(rustix::process::Signal::HUP);
    daemon.expect_message("reloaded");
    let first = sends(&daemon, source, text.clone()).answer;
    assert_eq!(
        (&first["redelivered"], &first["runs"][0]["rule"]),
        (&Value::Null, &json!("all"))
    );
    let again = sends(&daemon, source, text).answer;
    assert_eq!(
        (&again["redelivered"], &again["event"]),
        (&json!(true), &first["event"])
    );
    daemon.wait_until_idle();
    daemon.stop();
}
