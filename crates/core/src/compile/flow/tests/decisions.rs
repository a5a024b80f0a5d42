//! Tests of a run's decisions from start to end: order of steps, retries, holding after a crash.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::compile::flow::tests::{event, flow, run_input};
use crate::flow::call::{Call, RequestBody};
use crate::flow::decide::{Decision, StepCall, claimed_entry, decide};
use crate::flow::step::Flow;
use crate::run::call_result::{CallEffect, CallFailure, CallResult, Reply};
use crate::run::{Attempt, LogEntry};

const STORY: &str = "flow:
- { name: org, http: { url: \"https://a.example/{{ ticket.id }}\" } }
- when: { steps.org.body.vip: true }
- { name: note, set: { text: \"#{{ ticket.id }} {{ steps.org.body.name }}\" } }
- { name: page, http: { url: \"https://b.example\", json: { note: \"{{ steps.note.text }}\" } }, retry: { attempts: 3 } }
- { name: tell, exec: [./tell, \"{{ steps.page.status }}\"] }
- succeed: \"told {{ steps.note.text }}\"
";

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

fn ask(flow: &Flow, log: &[LogEntry], now: Timestamp) -> Decision {
    let (event, vars) = (event(), json!({}));
    let subject = run_input(&event, &vars);
    decide(flow, &subject, log, now)
}

/// Continues the run.
fn take_up(flow: &Flow, log: &mut Vec<LogEntry>) {
    let (event, vars) = (event(), json!({}));
    let subject = run_input(&event, &vars);
    let line = claimed_entry(flow, &subject, log);
    log.push(line);
}

/// The only task.
fn task(moved: Decision) -> StepCall {
    match moved {
        Decision::Perform { mut tasks, .. } if tasks.len() == 1 => tasks.remove(0),
        other => panic!("one task: {other:?}"),
    }
}

/// The path and the attempt of the only task.
fn performs(moved: Decision) -> (String, u32) {
    let task = task(moved);
    (task.step, task.number)
}

fn attempt(step: &str, number: u32, now: Timestamp, outcome: CallResult) -> LogEntry {
    LogEntry::Attempt(Attempt {
        step: step.into(),
        number,
        started: now,
        took: Duration::from_millis(20),
        outcome,
    })
}

fn ok(result: Value) -> CallResult {
    Ok(Reply { value: result })
}

fn down(retryable: bool) -> CallResult {
    Err(CallFailure {
        message: "reach `b.example`; check that it runs".into(),
        retryable,
        retry_after: None,
        status: None,
        effect: CallEffect::Possible,
        during_outage: false,
    })
}

#[test]
fn a_run_takes_its_steps_in_order_and_ends_done() {
    let flow = flow(STORY);
    let mut log = Vec::new();
    assert_eq!(performs(ask(&flow, &log, at(0))), ("org".into(), 1));
    log.push(attempt(
        "org",
        1,
        at(0),
        ok(json!({"status": 200, "body": {"vip": true, "name": "Acme"}})),
    ));
    let Decision::Record(note) = ask(&flow, &log, at(1)) else {
        panic!("a record");
    };
    let set = note.attempt().map(|note| note.outcome.clone());
    assert_eq!(set, Some(ok(json!({"text": "#35436 Acme"}))));
    log.push(note);
    let page = task(ask(&flow, &log, at(1)));
    assert_eq!((page.step.as_str(), page.number), ("page", 1));
    let Call::Http(call) = page.call else {
        panic!("a request");
    };
    assert!(
        matches!(call.body, Some(RequestBody::Json(tree)) if tree.redacted() == json!({"note": "#35436 Acme"}))
    );
    log.push(attempt("page", 1, at(1), ok(json!({"status": 202}))));
    let tell = task(ask(&flow, &log, at(2)));
    assert!(tell.announce, "a command is written down before it starts");
    log.push(LogEntry::Started {
        step: tell.step,
        number: 1,
        at: at(2),
    });
    let tell = task(ask(&flow, &log, at(2)));
    assert_eq!((tell.step.as_str(), tell.announce), ("tell", false));
    log.push(attempt("tell", 1, at(2), ok(json!({"status": 0}))));
    let done = ask(&flow, &log, at(3));
    assert_eq!(
        done,
        Decision::Done {
            message: Some("told #35436 Acme".into())
        }
    );
}

#[test]
fn a_false_guard_skips_the_rest_with_a_reason() {
    let flow = flow(STORY);
    for body in [json!({"vip": false}), json!({}), json!(null)] {
        let log = [attempt(
            "org",
            1,
            at(0),
            ok(json!({"status": 200, "body": body})),
        )];
        let Decision::Skipped { why, trace, .. } = ask(&flow, &log, at(1)) else {
            panic!("{body}");
        };
        assert!(why.contains("guard"), "{why}");
        assert_eq!(trace.lines[0].path, "steps.org.body.vip");
    }
}

#[test]
fn a_failed_step_is_retried_until_its_attempts_are_used_up() {
    let flow = flow(STORY);
    let mut log = vec![
        attempt(
            "org",
            1,
            at(0),
            ok(json!({"body": {"vip": true, "name": "A"}})),
        ),
        attempt("note", 1, at(0), ok(json!({"text": "t"}))),
        attempt("page", 1, at(0), down(true)),
    ];
    let Decision::Retry { until } = ask(&flow, &log, at(0)) else {
        panic!("a wait");
    };
    assert!(until > at(0) && until <= at(2), "{until}");
    take_up(&flow, &mut log);
    // The clock may be changed meanwhile.
    assert_eq!(performs(ask(&flow, &log, at(-900))), ("page".into(), 2));
    log.push(attempt("page", 2, until, down(true)));
    log.push(attempt("page", 3, at(9), down(true)));
    let Decision::Dead { why } = ask(&flow, &log, at(10)) else {
        panic!("dead");
    };
    assert!(
        why.contains("step `page` failed after 3 attempts: reach `b.example`"),
        "{why}"
    );
    log.truncate(2);
    log.push(attempt("page", 1, at(0), down(false)));
    assert!(matches!(ask(&flow, &log, at(0)), Decision::Dead { .. }));
}

#[test]
fn a_step_that_cannot_be_rendered_ends_the_run() {
    let flow = flow(
        "flow:\n- { name: org, exec: [a] }\n- { name: page, exec: [a, \"{{ steps.org.body.id }}\"] }\n",
    );
    let log = [attempt("org", 1, at(0), ok(json!({"status": 0})))];
    let Decision::Dead { why } = ask(&flow, &log, at(1)) else {
        panic!("dead");
    };
    assert!(
        why.contains("step `page`") && why.contains("`steps.org.body.id` is not in the results"),
        "{why}"
    );
}

#[test]
fn an_interrupted_command_holds_the_run() {
    let flow = flow(
        "flow:\n- { name: tell, exec: [./tell] }\n- { name: page, http: { url: \"https://b.example\" } }\n",
    );
    let started = LogEntry::Started {
        step: "tell".into(),
        number: 1,
        at: at(0),
    };
    let mut log = vec![
        LogEntry::Claimed { over: None },
        started,
        LogEntry::Claimed { over: None },
    ];
    let Decision::Hold { why } = ask(&flow, &log, at(1)) else {
        panic!("held");
    };
    assert!(
        why.contains("step `tell`") && why.contains("runs retry"),
        "{why}"
    );
    log.extend([
        LogEntry::Revived { at: at(2) },
        LogEntry::Claimed { over: None },
    ]);
    assert_eq!(performs(ask(&flow, &log, at(3))), ("tell".into(), 1));
}

#[test]
fn a_retried_run_has_all_attempts_again_and_repeats_no_finished_step() {
    let flow = flow(
        "flow:\n- { name: a, http: { url: \"https://a.example\" } }\n- { name: b, http: { url: \"https://b.example\" }, retry: { attempts: 2 } }\n",
    );
    let mut log = vec![
        attempt("a", 1, at(0), ok(json!({"status": 200}))),
        attempt("b", 1, at(0), down(true)),
        attempt("b", 2, at(0), down(true)),
    ];
    assert!(matches!(ask(&flow, &log, at(9)), Decision::Dead { .. }));
    log.extend([
        LogEntry::Revived { at: at(9) },
        LogEntry::Claimed { over: None },
    ]);
    for number in [3, 4] {
        assert_eq!(performs(ask(&flow, &log, at(9))), ("b".into(), number));
        log.push(attempt("b", number, at(9), down(true)));
        take_up(&flow, &mut log);
    }
    let Decision::Dead { why } = ask(&flow, &log, at(10)) else {
        panic!("dead again");
    };
    assert!(why.contains("after 2 attempts"), "{why}");
}
