//! Tests of `wait_for`: what it waits for, what decides it, and the mistakes in it.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::compile::compiler::Compiler;
use crate::compile::flow::lower_flow;
use crate::compile::flow::tests::{config, event, run_input};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId};
use crate::document;
use crate::event::Event;
use crate::flow::call::Call;
use crate::flow::decide::{Decision, claimed_entry, decide};
use crate::flow::plan::{PlanStepKind, plan};
use crate::flow::step::Flow;
use crate::flow::wait_for::{ArrivalTimes, ArrivalVerdict, awaited_values};
use crate::language::event_fields::EventFields;
use crate::path::Path;
use crate::run::LogEntry;
use crate::run::call_result::Reply;

const STORY: &str = "flow:
- name: reply
  wait_for:
    any:
      - { event_type: ticket.CommentAdded, same: ticket.id, when: { comment.is_public: true } }
      - { event_type: ticket.StatusChanged, same: ticket.id, when: { current: { path: vars.solved } } }
    within: 8h
    otherwise:
      - { name: call, exec: [./call, \"{{ ticket.id }}\"] }
- { name: tell, exec: [./tell, \"{{ steps.reply.expired }}\", \"{{ steps.reply.number | default(0) }}\"] }
";

/// Lowers steps of a rule of this source, for events of any type.
fn lower(yaml: &str) -> (Option<Flow>, Diagnostics) {
    let mut diagnostics = Diagnostics::default();
    let nodes = document::read(FileId(0), yaml, &mut diagnostics);
    assert!(diagnostics.is_empty(), "{yaml}: {diagnostics:?}");
    let config = config();
    let mut cx = Compiler {
        source: Some("support".into()),
        ..Compiler::new(&config, EventFields::Open, &mut diagnostics)
    };
    cx.names.in_scope.vars = json!({"solved": "solved"}).into();
    let flow = lower_flow(nodes[0].get("flow").expect("a flow"), &mut cx);
    (flow, diagnostics)
}

/// Whether nothing but the link of a question is missing, which these flows do not send.
fn is_about_links(found: &&Diagnostic) -> bool {
    found.code == Code::UnsentLink
}

fn flow(yaml: &str) -> Flow {
    let (flow, diagnostics) = lower(yaml);
    let others = diagnostics.iter().filter(|found| !is_about_links(found));
    assert_eq!(others.count(), 0, "{yaml}: {diagnostics:?}");
    flow.expect("a flow")
}

fn at(hours: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
}

fn ask(flow: &Flow, log: &[LogEntry], now: Timestamp) -> Decision {
    let (event, vars) = (event(), json!({}));
    decide(flow, &run_input(&event, &vars), log, now)
}

fn waiting() -> LogEntry {
    LogEntry::Waiting {
        step: "reply".into(),
        at: at(1),
        until: at(9),
    }
}

fn arrived(number: u32) -> LogEntry {
    LogEntry::Arrived {
        step: "reply".into(),
        at: at(2),
        number,
        event: json!({"comment": {"body": "hello"}}),
    }
}

/// The arguments of the command that runs next.
fn command(decision: Decision) -> Vec<String> {
    let Decision::Perform { tasks, .. } = decision else {
        panic!("a command: {decision:?}");
    };
    let Call::Exec(call) = &tasks[0].call else {
        panic!("a command");
    };
    call.argv.iter().map(ToString::to_string).collect()
}

#[test]
fn a_wait_begins_with_its_end_in_the_log_and_lasts_through_the_grace() {
    let flow = flow(STORY);
    assert_eq!(ask(&flow, &[], at(1)), Decision::Record(waiting()));
    let awaits = Decision::Await {
        step: "reply".into(),
        until: at(9) + SignedDuration::from_secs(30),
    };
    assert_eq!(ask(&flow, &[waiting()], at(1)), awaits);
    // The clock alone ends nothing: the log does.
    assert_eq!(ask(&flow, &[waiting()], at(100)), awaits);
    let revived = [waiting(), LogEntry::Revived { at: at(50) }];
    assert_eq!(ask(&flow, &revived, at(50)), awaits);
}

#[test]
fn the_log_decides_what_came() {
    let flow = flow(STORY);
    let log = [waiting(), arrived(2)];
    assert_eq!(command(ask(&flow, &log, at(3))), ["./tell", "false", "2"]);
    // An event from before the step decides it when it begins.
    let log = [arrived(1)];
    assert_eq!(command(ask(&flow, &log, at(3))), ["./tell", "false", "1"]);
    let expired = LogEntry::Expired {
        step: "reply".into(),
        at: at(9),
    };
    let log = [waiting(), expired.clone()];
    assert_eq!(command(ask(&flow, &log, at(9))), ["./call", "35436"]);
    // A retry does not wait again.
    let log = [waiting(), expired, LogEntry::Revived { at: at(10) }];
    assert_eq!(command(ask(&flow, &log, at(10))), ["./call", "35436"]);
}

#[test]
fn an_answer_is_the_result() {
    let flow = flow(
        "flow:\n- { name: ok, wait_for: { answer: [approve, reject], within: 2d } }\n- { exec: [./tell, \"{{ steps.ok.answer }}\"] }\n",
    );
    let log = [LogEntry::Answered {
        step: "ok".into(),
        at: at(2),
        answer: "approve".into(),
        by: Value::Null,
    }];
    assert_eq!(command(ask(&flow, &log, at(3))), ["./tell", "approve"]);
    let Decision::Record(LogEntry::Waiting { until, .. }) = ask(&flow, &[], at(0)) else {
        panic!("it waits");
    };
    assert_eq!(until, at(48));
}

fn comment(ticket: u64, public: bool) -> Event {
    Event {
        event_type: "ticket.CommentAdded".into(),
        id: "e2".into(),
        body: json!({"comment": {"is_public": public}, "ticket": {"id": ticket}}),
        ..event()
    }
}

#[test]
fn a_run_plans_a_waiter_for_each_event() {
    let flow = flow(STORY);
    let planned = flow.waiters_of(&event());
    let shown: Vec<_> = planned
        .iter()
        .map(|waiter| {
            (
                waiter.step.as_str(),
                waiter.number,
                waiter.path.as_str(),
                waiter.value.as_str(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("reply", 1, "ticket.id", "35436"),
            ("reply", 2, "ticket.id", "35436")
        ]
    );
    let path = Path::parse("ticket.id").expect("a path");
    assert!(awaited_values(&path, &comment(35436, true)).contains(&planned[0].value));
    assert!(!awaited_values(&path, &comment(7, true)).contains(&planned[0].value));
    let elsewhere = Event {
        endpoint: "support-eu".into(),
        ..comment(35436, true)
    };
    assert!(!awaited_values(&path, &elsewhere).contains(&planned[0].value));
    let without = Event {
        body: json!({"ticket": {"id": null}}),
        ..event()
    };
    assert_eq!(flow.waiters_of(&without), []);
}

#[test]
fn runs_wait_for_events_of_other_sources_at_any_endpoint() {
    let flow = flow(
        "flow:\n- wait_for: { event_source: upmind, event_type: '*', same: { this: object.id, run: ticket.id }, within: 1h }\n",
    );
    let planned = flow.waiters_of(&event());
    let path = Path::parse(&planned[0].path).expect("a path");
    let payment = Event {
        source: "upmind".into(),
        endpoint: "upmind-eu".into(),
        body: json!({"object": {"id": 35436}}),
        ..event()
    };
    assert!(awaited_values(&path, &payment).contains(&planned[0].value));
}

#[test]
fn an_event_is_compared_by_its_time_and_its_condition() {
    let flow = flow(STORY);
    let awaited = flow.awaited_event("reply", 1).expect("an event");
    assert!(awaited.covers(&comment(1, true)) && !awaited.covers(&event()));
    assert!(flow.awaited_event("reply", 3).is_none());
    let compare = |hours, public| {
        let times = ArrivalTimes {
            happened: at(hours),
            since: at(1),
            deadline: Some(at(9)),
        };
        awaited.compare(&comment(1, public), times)
    };
    assert_eq!(compare(0, true), ArrivalVerdict::TooEarly);
    assert_eq!(compare(1, true), ArrivalVerdict::Match);
    assert_eq!(compare(9, true), ArrivalVerdict::Match);
    assert_eq!(compare(10, true), ArrivalVerdict::TooLate);
    let ArrivalVerdict::NoMatch(trace) = compare(2, false) else {
        panic!("it does not match");
    };
    assert_eq!(trace.lines[0].path, "comment.is_public");
    let variable = flow.awaited_event("reply", 2).expect("an event");
    let solved = Event {
        body: json!({"current": "solved", "ticket": {"id": 1}}),
        ..event()
    };
    let times = ArrivalTimes {
        happened: at(2),
        since: at(1),
        deadline: None,
    };
    assert_eq!(variable.compare(&solved, times), ArrivalVerdict::Match);
}

#[test]
fn a_plan_shows_both_outcomes() {
    let flow = flow(STORY);
    let (event, vars) = (event(), json!({}));
    let planned = plan(&flow, &run_input(&event, &vars), at(1), &mut |_| None);
    let paths: Vec<&str> = planned.iter().map(|step| step.step_path.as_str()).collect();
    assert_eq!(
        paths,
        ["reply", "reply.otherwise", "reply.otherwise.call", "tell"]
    );
    let PlanStepKind::WaitFor { until, same } = &planned[0].what else {
        panic!("it waits");
    };
    assert_eq!(*until, at(9));
    assert_eq!(*same, [Some(json!(35436)), Some(json!(35436))]);
    assert!(matches!(planned[3].what, PlanStepKind::Later));
}

#[test]
fn every_mistake_in_a_wait_is_reported_with_help() {
    const EVENT: &str = "event_type: ticket.CommentAdded, same: ticket.id, within: 8h";
    for (step, code, message, help) in [
        (
            "wait_for: 8h".to_owned(),
            Code::WrongType,
            "found text",
            "`wait: 8h`",
        ),
        (
            "wait_for: {}".to_owned(),
            Code::MissingKey,
            "what it waits for",
            "event_type",
        ),
        (
            "wait_for: { event_type: ticket.CommentAdded, same: ticket.id }".to_owned(),
            Code::MissingKey,
            "never end",
            "within: 8h",
        ),
        (
            "wait_for: { event_type: ticket.CommentAdded, within: 8h }".to_owned(),
            Code::MissingKey,
            "no `same`",
            "same: ticket.id",
        ),
        (
            "wait_for: { any: [{ same: ticket.id }], within: 8h }".to_owned(),
            Code::MissingKey,
            "no `event_type`",
            "flowtrigger events",
        ),
        (
            "wait_for: { event_type: ticket.CommentAdded, same: ticket.id, within: 91d }"
                .to_owned(),
            Code::InvalidValue,
            "at most 90d",
            "new run",
        ),
        (
            "wait_for: { event_type: ticket.CommentAdded, same: ticket.idd, within: 8h }"
                .to_owned(),
            Code::UnknownField,
            "ticket.idd",
            "ticket.id",
        ),
        (
            format!("wait_for: {{ {EVENT}, when: {{ comment.boddy: x }} }}"),
            Code::UnknownField,
            "comment.boddy",
            "comment.body",
        ),
        (
            format!("wait_for: {{ {EVENT}, when: {{ steps.before.status: 200 }} }}"),
            Code::UndefinedName,
            "the awaited event alone",
            "steps.NAME.event",
        ),
        (
            "wait_for: { event_type: ticket.CommentAdded, same: steps.before.status, within: 8h }"
                .to_owned(),
            Code::BadPath,
            "a field of the events",
            "ticket.id",
        ),
        (
            format!("wait_for: {{ {EVENT}, answer: [yes] }}"),
            Code::InvalidValue,
            "one of `event_type` and `answer`",
            "two steps",
        ),
        (
            "{ name: ok, wait_for: { answer: [a], within: 8h, grace: 1m } }".to_owned(),
            Code::InvalidValue,
            "`grace` has no effect",
            "within",
        ),
        (
            "wait_for: { answer: [a], within: 8h }".to_owned(),
            Code::MissingKey,
            "no `name`",
            "steps.approval.url",
        ),
        (
            "{ name: ok, wait_for: { answer: [a, a], within: 8h } }".to_owned(),
            Code::DuplicateName,
            "duplicate answer `a`",
            "remove",
        ),
        (
            "{ name: ok, wait_for: { answer: [], within: 8h } }".to_owned(),
            Code::InvalidValue,
            "1 to 10 answers",
            "approve",
        ),
        (
            format!("{{ for_each: ticket.tags, flow: [{{ wait_for: {{ {EVENT} }} }}] }}"),
            Code::InvalidValue,
            "cannot be inside `for_each`",
            "before or after",
        ),
        (
            "exec: [x, \"{{ steps.last.answer }}\"]".to_owned(),
            Code::UndefinedName,
            "before the step `last` has an answer",
            "steps.last.url",
        ),
    ] {
        let yaml = format!(
            "flow:\n- {{ name: before, exec: [a] }}\n- {step}\n- {{ name: last, wait_for: {{ answer: [a], within: 1d }} }}\n"
        );
        let (_, diagnostics) = lower(&yaml);
        let found = diagnostics.iter().filter(|found| !is_about_links(found));
        let found: Vec<_> = found.collect();
        assert_eq!(found.len(), 1, "{step}: {found:?}");
        assert_eq!(found[0].code, code, "{step}: {found:?}");
        assert!(found[0].message.contains(message), "{step}: {found:?}");
        let given = found[0].help.as_deref().unwrap_or_default();
        assert!(given.contains(help), "{step}: {found:?}");
    }
}

#[test]
fn later_steps_read_the_event_and_links_are_known_everywhere() {
    let read = |after: &str| {
        lower(&format!(
            "flow:\n- {{ exec: [ask, \"{{{{ steps.ok.url }}}}\"] }}\n- name: reply\n  wait_for: {{ event_type: ticket.CommentAdded, same: ticket.id, within: 8h }}\n- {{ name: ok, wait_for: {{ answer: [a], within: 1d }} }}\n- exec: [tell, \"{{{{ {after} }}}}\"]\n"
        ))
        .1
    };
    for known in [
        "steps.reply.event.comment.body",
        "steps.reply.event.event.time",
        "steps.reply.expired",
        "steps.ok.url",
        "steps.ok.answered_at",
    ] {
        let diagnostics = read(known);
        assert!(diagnostics.is_empty(), "{known}: {diagnostics:?}");
    }
    for unknown in [
        "steps.reply.event.comment.boddy",
        "steps.reply.answer",
        "steps.ok.event",
    ] {
        assert!(read(unknown).errors() > 0, "{unknown}");
    }
}

/// Continues a run from its stored log. What comes is decided by `came`, as the store decides it when the run is
/// claimed.
fn finish(flow: &Flow, kept: &[LogEntry], came: Option<u32>) -> (Vec<LogEntry>, Decision) {
    let (event, vars) = (event(), json!({}));
    let subject = run_input(&event, &vars);
    let mut log = kept.to_vec();
    let mut now = at(1);
    log.push(claimed_entry(flow, &subject, &log));
    for _ in 0..50 {
        match decide(flow, &subject, &log, now) {
            Decision::Perform { tasks, .. } => {
                log.push(LogEntry::Attempt(crate::run::Attempt {
                    step: tasks[0].step.clone(),
                    number: tasks[0].number,
                    started: now,
                    took: std::time::Duration::ZERO,
                    outcome: Ok(Reply {
                        value: json!({"status": 0}),
                    }),
                }));
            }
            Decision::Record(line) => log.push(line),
            Decision::Await { step, until } => {
                now = until;
                log.push(match came {
                    Some(number) => LogEntry::Arrived {
                        step,
                        at: at(2),
                        number,
                        event: json!({"n": number}),
                    },
                    None => LogEntry::Expired { step, at: until },
                });
                log.push(claimed_entry(flow, &subject, &log));
            }
            end => {
                log.retain(|line| !matches!(line, LogEntry::Claimed { .. }));
                return (log, end);
            }
        }
    }
    panic!("the run never ends");
}

fn attempts(log: &[LogEntry]) -> Vec<&str> {
    let attempts = log.iter().filter_map(LogEntry::attempt);
    attempts.map(|attempt| attempt.step.as_str()).collect()
}

#[test]
fn a_run_cut_anywhere_waits_and_ends_as_one_that_was_not() {
    let flow = flow(STORY);
    for came in [None, Some(1), Some(2)] {
        let (log, end) = finish(&flow, &[], came);
        let expected: &[&str] = match came {
            Some(_) => &["tell"],
            None => &["reply.otherwise.call", "tell"],
        };
        assert_eq!(attempts(&log), expected);
        for cut in 0..=log.len() {
            let (again, same) = finish(&flow, &log[..cut], came);
            assert_eq!(attempts(&again), expected);
            assert_eq!(same, end);
            let decided = |line: &&LogEntry| {
                matches!(line, LogEntry::Arrived { .. } | LogEntry::Expired { .. })
            };
            assert_eq!(again.iter().filter(decided).count(), 1);
        }
    }
}
