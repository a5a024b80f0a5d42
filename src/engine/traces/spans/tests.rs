//! Spans of runs with retries, waits, lists, interruptions and earlier ends.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::store::history::{TracedFailure, TracedRequest};
use flowtrigger_core::event::trace_context::TraceParent;
use flowtrigger_core::run::RunId;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn attempt(step: &str, number: u32, started: i64, failure: Option<&str>) -> TracedEntry {
    TracedEntry::Attempt(TracedAttempt {
        step: step.into(),
        number,
        started: at(started),
        took: Duration::from_millis(500),
        failure: failure.map(|message| TracedFailure {
            message: message.into(),
            status: None,
        }),
    })
}

fn run(state: &str, log: Vec<TracedEntry>) -> TracedRun {
    TracedRun {
        id: RunId(7),
        rule: "page".into(),
        state: state.into(),
        planned: at(0),
        changed: at(100),
        generation: 0,
        tells_of: None,
        source: "support".into(),
        endpoint: "support".into(),
        event_type: "ticket.TicketCreated".into(),
        event: "e".into(),
        received: at(0),
        trace: None,
        log,
        requests: Vec::new(),
    }
}

/// Name, name of the parent, start and end in milliseconds, and whether it failed.
fn tree(spans: &[TraceSpan]) -> Vec<(String, String, i64, i64, bool)> {
    let name = |id: &SpanId| spans.iter().find(|span| span.span_id == *id);
    let millis = |time: Timestamp| time.as_millisecond() - at(0).as_millisecond();
    let rows = spans.iter().map(|span| {
        let parent = span.parent_span_id.as_ref().and_then(name);
        let parent = parent.map(|parent| parent.name.clone());
        (
            span.name.clone(),
            parent.unwrap_or_default(),
            millis(span.start),
            millis(span.end),
            span.status.is_some(),
        )
    });
    rows.collect()
}

#[track_caller]
fn assert_tree(spans: &[TraceSpan], expected: &[(&str, &str, i64, i64, bool)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(name, parent, start, end, failed)| {
            (
                (*name).to_owned(),
                (*parent).to_owned(),
                *start,
                *end,
                *failed,
            )
        })
        .collect();
    assert_eq!(tree(spans), expected);
    let ids: BTreeSet<SpanId> = spans.iter().map(|span| span.span_id).collect();
    assert_eq!(ids.len(), spans.len(), "ids differ");
}

fn attributes(span: &TraceSpan) -> Value {
    let listed = serde_json::to_value(&span.attributes).unwrap();
    let pairs = listed.as_array().unwrap().iter().map(|attribute| {
        let value = attribute["value"].as_object().unwrap().values().next();
        let key = attribute["key"].as_str().unwrap().to_owned();
        (key, value.unwrap().clone())
    });
    Value::Object(pairs.collect())
}

#[test]
fn attempts_are_below_their_step() {
    let log = vec![
        attempt("page", 1, 2, Some("no answer")),
        attempt("page", 2, 4, None),
    ];
    let spans = spans_of(&run("done", log));
    assert_tree(
        &spans,
        &[
            ("run page", "", 0, 100_000, false),
            ("queued", "run page", 0, 2_000, false),
            ("page", "run page", 2_000, 4_500, false),
            ("attempt", "page", 2_000, 2_500, true),
            ("attempt", "page", 4_000, 4_500, false),
        ],
    );
    assert_eq!(spans[0].kind, SpanKind::Consumer);
    assert_eq!(
        attributes(&spans[0]),
        json!({
            "flowtrigger.run.id": "7",
            "flowtrigger.run.state": "done",
            "flowtrigger.rule": "page",
            "flowtrigger.event.id": "e",
            "flowtrigger.event.type": "ticket.TicketCreated",
            "flowtrigger.event.source": "support",
        })
    );
}

#[test]
fn a_request_follows_the_conventions_for_http() {
    let mut run = run("dead", vec![attempt("page", 2, 1, Some("answered 503"))]);
    let TracedEntry::Attempt(only) = &mut run.log[0] else {
        unreachable!()
    };
    only.failure.as_mut().unwrap().status = Some(503);
    let request = |method: &str, url: &str| TracedRequest {
        step: "page".into(),
        attempt: 2,
        started: at(1),
        method: Some(method.into()),
        url: Some(url.into()),
        status: Some(503),
    };
    run.requests = vec![request("POST", "https://pager.example/[secret HOOK]?a=1")];
    let spans = spans_of(&run);
    let span = spans.last().unwrap();
    assert_eq!((span.name.as_str(), span.kind), ("POST", SpanKind::Client));
    assert_eq!(
        attributes(span),
        json!({
            "http.request.method": "POST",
            "url.full": "https://pager.example/[secret HOOK]?a=1",
            "server.address": "pager.example",
            "server.port": "443",
            "http.request.resend_count": "1",
            "http.response.status_code": "503",
            "error.type": "503",
            "flowtrigger.step": "page",
            "flowtrigger.attempt": "2",
        })
    );
    run.requests = vec![request("PURGE", "http://me:mine@[::1]:81/x")];
    let spans = spans_of(&run);
    let found = attributes(spans.last().unwrap());
    assert_eq!(found["http.request.method"], "_OTHER");
    assert_eq!(found["http.request.method_original"], "PURGE");
    assert_eq!(found["url.full"], "http://REDACTED:REDACTED@[::1]:81/x");
    assert_eq!(found["server.address"], "[::1]");
    assert_eq!(found["server.port"], "81");
    run.requests = vec![request("POST", "https://[secret HOST]/x")];
    let spans = spans_of(&run);
    let found = attributes(spans.last().unwrap());
    assert_eq!(found["url.full"], "https://[secret HOST]/x");
    assert!(found.get("server.address").is_none(), "{found}");
    run.requests = vec![request("POST", "outbox:chat/x")];
    let spans = spans_of(&run);
    assert_eq!(spans.last().unwrap().kind, SpanKind::Internal);
}

#[test]
fn items_of_a_list_have_spans_of_their_own() {
    let mut end = attempt("each[1]", 1, 5, Some("what a customer wrote"));
    if let TracedEntry::Attempt(end) = &mut end {
        end.took = Duration::ZERO;
    }
    let log = vec![
        attempt("choice.1.each[0].tell", 1, 1, None),
        attempt("each[1].tell#2", 1, 4, Some("no")),
        end,
    ];
    let spans = spans_of(&run("dead", log));
    assert_tree(
        &spans,
        &[
            ("run page", "", 0, 100_000, true),
            ("queued", "run page", 0, 1_000, false),
            ("choice", "run page", 1_000, 1_500, false),
            ("1", "choice", 1_000, 1_500, false),
            ("each", "1", 1_000, 1_500, false),
            ("each[]", "each", 1_000, 1_500, false),
            ("tell", "each[]", 1_000, 1_500, false),
            ("each", "run page", 4_000, 5_000, false),
            ("each[]", "each", 4_000, 5_000, true),
            ("tell", "each[]", 4_000, 4_500, true),
            ("attempt", "tell", 1_000, 1_500, false),
            ("attempt", "tell", 4_000, 4_500, true),
        ],
    );
    let text = String::from_utf8(super::super::otlp::ExportRequest::new(&[], &spans).to_json());
    assert!(!text.unwrap().contains("customer"));
}

#[test]
fn a_wait_is_a_step_until_its_end() {
    let waiting = |until: i64| TracedEntry::Waiting {
        step: "pause".into(),
        at: at(1),
        until: at(until),
    };
    let spans = spans_of(&run(
        "done",
        vec![waiting(60), attempt("page", 1, 61, None)],
    ));
    assert_eq!(
        tree(&spans)[2],
        ("pause".into(), "run page".into(), 1_000, 60_000, false)
    );
    assert_eq!(attributes(&spans[2])["flowtrigger.step.action"], "wait");
    let cancelled = spans_of(&run("cancelled", vec![waiting(9_999)]));
    assert_eq!(tree(&cancelled)[2].3, 100_000, "it ends with its run");
}

#[test]
fn a_run_that_was_retried_has_a_tree_for_each_time() {
    let log = vec![
        attempt("page", 1, 1, Some("no")),
        TracedEntry::Retried { at: at(50) },
        attempt("page", 1, 51, None),
    ];
    let spans = spans_of(&run("done", log.clone()));
    assert_tree(
        &spans,
        &[
            ("run page", "", 0, 1_500, true),
            ("queued", "run page", 0, 1_000, false),
            ("page", "run page", 1_000, 1_500, true),
            ("attempt", "page", 1_000, 1_500, true),
            ("run page", "", 50_000, 100_000, false),
            ("queued", "run page", 50_000, 51_000, false),
            ("page", "run page", 51_000, 51_500, false),
            ("attempt", "page", 51_000, 51_500, false),
        ],
    );
    assert_eq!(spans[4].links[0].span_id, spans[0].span_id);
    assert_eq!(attributes(&spans[0])["flowtrigger.run.state"], "retried");
    assert_eq!(attributes(&spans[4])["flowtrigger.run.retries"], "1");
    let under_way = spans_of(&run("queued", log.clone()));
    let ids =
        |spans: &[TraceSpan]| -> Vec<SpanId> { spans.iter().map(|span| span.span_id).collect() };
    assert_eq!(ids(&under_way), ids(&spans[..4]));
    let before = spans_of(&run("dead", log[..1].to_vec()));
    assert_eq!(ids(&before), ids(&spans[..4]), "exported before the retry");
}

#[test]
fn a_command_without_a_result_has_failed() {
    let started = TracedEntry::Started {
        step: "script".into(),
        number: 1,
        at: at(3),
    };
    let spans = spans_of(&run("held", vec![started]));
    assert_tree(
        &spans,
        &[
            ("run page", "", 0, 100_000, true),
            ("queued", "run page", 0, 3_000, false),
            ("script", "run page", 3_000, 100_000, true),
            ("command", "script", 3_000, 100_000, true),
        ],
    );
}

#[test]
fn the_delivery_is_the_parent_of_the_run() {
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let delivered = TracedRun {
        trace: TraceParent::parse(parent),
        ..run("done", vec![attempt("page", 1, 1, None)])
    };
    let spans = spans_of(&delivered);
    for span in &spans {
        assert_eq!(span.trace_id.to_string(), parent[3..35]);
    }
    let root = spans[0].parent_span_id.unwrap();
    assert_eq!(root.to_string(), parent[36..52]);
    assert_eq!(spans[0].flags, FLAGS_REMOTE_PARENT);
    let own = spans_of(&run("done", Vec::new()));
    assert_eq!((own.len(), own[0].parent_span_id), (1, None));
}

#[test]
fn a_very_long_log_is_cut() {
    let log = (0..4_000).map(|number| attempt(&format!("each[{number}].page"), 1, 1, None));
    let spans = spans_of(&run("done", log.collect()));
    assert_eq!(spans.len(), MAX_SPANS + 1);
    // The list, its items, their steps and attempts, and the time in the queue.
    let all = 1 + 1 + 3 * 4_000;
    let omitted = (all - MAX_SPANS).to_string();
    assert_eq!(attributes(&spans[0])["flowtrigger.spans_omitted"], omitted);
}
