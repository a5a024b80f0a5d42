//! Tests of control flow: lists, choices, waits, catches, named flows, and the limits of each.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::compile::flow::tests::{event, run_input};
use crate::event::Event;
use crate::flow::decide::{Decision, RunInput, claimed_entry, decide};
use crate::flow::step::Flow;
use crate::matching::rule_set::RuleSet;
use crate::run::call_result::{CallEffect, CallFailure, CallResult, Reply};
use crate::run::{Attempt, LogEntry};

/// A run with its clock.
struct Run {
    flow: Flow,
    vars: Value,
    event: Event,
    log: Vec<LogEntry>,
    now: Timestamp,
}

impl Run {
    fn new(steps: &str) -> Self {
        let text = format!("name: r\nevent_source: support\nevent_type: ticket.*\n{steps}");
        let set = RuleSet::of_text(&text);
        Self {
            flow: set.rules[0].flow.clone(),
            vars: (*set.rules[0].vars).clone(),
            event: event(),
            log: Vec::new(),
            now: Timestamp::UNIX_EPOCH,
        }
    }

    fn subject(&self) -> RunInput<'_> {
        run_input(&self.event, &self.vars)
    }

    /// The next decision, after recording all entries that need no call.
    fn ask(&mut self) -> Decision {
        loop {
            match decide(&self.flow, &self.subject(), &self.log, self.now) {
                Decision::Record(line) => self.log.push(line),
                other => return other,
            }
        }
    }

    /// The paths of the tasks that can start now.
    fn tasks(&mut self) -> Vec<String> {
        match self.ask() {
            Decision::Perform { tasks, .. } => tasks.into_iter().map(|task| task.step).collect(),
            other => panic!("nothing to do: {other:?}"),
        }
    }

    fn gives(&mut self, step: &str, result: Value) {
        self.ends(step, Ok(Reply { value: result }));
    }

    fn fails(&mut self, step: &str) {
        self.ends(
            step,
            Err(CallFailure {
                message: "answered 404".into(),
                retryable: false,
                retry_after: None,
                status: Some(404),
                effect: CallEffect::Possible,
                during_outage: false,
            }),
        );
    }

    fn ends(&mut self, step: &str, outcome: CallResult) {
        self.log.push(LogEntry::Attempt(Attempt {
            step: step.into(),
            number: 1,
            started: self.now,
            took: Duration::from_millis(5),
            outcome,
        }));
    }

    fn died(&mut self) -> String {
        match self.ask() {
            Decision::Dead { why } => why,
            other => panic!("not dead: {other:?}"),
        }
    }

    fn done(&mut self) {
        let end = self.ask();
        assert!(matches!(end, Decision::Done { .. }), "{end:?}");
    }

    /// The result at a path.
    fn set(&self, place: &str) -> Option<&Value> {
        let mut attempts = self.log.iter().filter_map(LogEntry::attempt);
        match &attempts.find(|attempt| attempt.step == place)?.outcome {
            Ok(Reply { value: result }) => Some(result),
            Err(_) => None,
        }
    }

    fn take_up(&mut self) {
        let line = claimed_entry(&self.flow, &self.subject(), &self.log);
        self.log.push(line);
    }
}

const LIST: &str = "flow:
- { name: start, set: [a, b, c, d, e] }
- name: each
  for_each: steps.start
  as: letter
  concurrency: 2
  on_failure: POLICY
  flow:
    - { name: send, http: { url: 'https://a.example/{{ letter }}' } }
    - { name: mark, set: 'sent {{ letter }} {{ steps.send.status }}' }
- { name: all, set: '{{ steps.each }}' }
";

#[test]
fn items_run_concurrently_and_results_keep_their_order() {
    let mut run = Run::new(&LIST.replace("POLICY", "stop"));
    assert_eq!(run.tasks(), ["each[0].send", "each[1].send"]);
    run.gives("each[1].send", json!({"status": 201}));
    assert_eq!(run.tasks(), ["each[0].send", "each[2].send"]);
    run.gives("each[2].send", json!({"status": 202}));
    run.gives("each[0].send", json!({"status": 200}));
    assert_eq!(run.tasks(), ["each[3].send", "each[4].send"]);
    run.gives("each[3].send", json!({"status": 203}));
    run.gives("each[4].send", json!({"status": 204}));
    run.done();
    let all = json!([
        "sent a 200",
        "sent b 201",
        "sent c 202",
        "sent d 203",
        "sent e 204"
    ]);
    assert_eq!(run.set("all"), Some(&all));
}

#[test]
fn a_failed_item_ends_the_list_or_becomes_a_result() {
    let mut run = Run::new(&LIST.replace("POLICY", "stop"));
    run.tasks();
    run.fails("each[1].send");
    let why = run.died();
    assert_eq!(why, "step `each[1].send` failed: answered 404");
    let mut run = Run::new(&LIST.replace("POLICY", "continue"));
    run.tasks();
    run.fails("each[1].send");
    for step in [
        "each[0].send",
        "each[2].send",
        "each[3].send",
        "each[4].send",
    ] {
        assert!(run.tasks().contains(&step.to_owned()), "{step}");
        run.gives(step, json!({"status": 200}));
    }
    run.done();
    let failed =
        json!({"error": {"message": "step `each[1].send` failed: answered 404", "status": 404}});
    assert_eq!(run.set("all").map(|all| &all[1]), Some(&failed));
}

#[test]
fn the_number_of_items_is_limited() {
    let flow = "flow:\n- { name: each, for_each: ticket.tags, flow: [{ set: x }] }\n";
    let mut run = Run::new(flow);
    run.event.body["ticket"]["tags"] = (0..1_001).map(|n| n.to_string()).collect();
    assert!(run.died().contains("has 1001 items, more than 1000"));
    run.event.body["ticket"]["tags"] = (0..1_000).map(|n| n.to_string()).collect();
    run.done();
}

#[test]
fn an_absent_list_or_another_type_is_reported() {
    let mut run = Run::new("flow:\n- { name: each, for_each: ticket.tags, flow: [{ set: x }] }\n");
    run.event.body["ticket"]["tags"] = json!("vip");
    assert!(
        run.died()
            .ends_with("expected a list for `for_each`, `ticket.tags` is a text")
    );
    let _ = run.event.body["ticket"]
        .as_object_mut()
        .map(|ticket| ticket.remove("tags"));
    assert!(run.died().contains("the list `ticket.tags` is absent"));
}

const CAUGHT: &str = "flow:
- name: page
  http: { url: 'https://a.example' }
  catch:
    - { name: chat, http: { url: 'https://b.example/{{ error.status }}' } }
    - { set: { told: '{{ error.step }}' } }
- { name: after, set: '{{ steps.page.told }}' }
";

#[test]
fn after_a_catch_the_flow_continues_with_its_last_result() {
    let mut run = Run::new(CAUGHT);
    run.tasks();
    run.fails("page");
    assert_eq!(run.tasks(), ["page.catch.chat"]);
    run.gives("page.catch.chat", json!({"status": 200}));
    run.done();
    assert_eq!(run.set("after"), Some(&json!("page")));
}

#[test]
fn a_retry_repeats_the_last_failure_but_not_a_caught_one() {
    let mut run = Run::new(CAUGHT);
    run.tasks();
    run.fails("page");
    run.tasks();
    run.fails("page.catch.chat");
    assert_eq!(run.died(), "step `page.catch.chat` failed: answered 404");
    run.log.push(LogEntry::Revived { at: run.now });
    run.take_up();
    assert_eq!(run.tasks(), ["page.catch.chat"]);
}

#[test]
fn the_catch_of_a_flow_sees_earlier_results() {
    let mut run = Run::new(
        "flow:\n- { name: org, set: { id: 7 } }\n- { name: page, http: { url: 'https://a.example' } }\n- { name: never, set: x }\ncatch:\n- { name: told, set: '{{ error.message }}' }\n",
    );
    run.tasks();
    run.fails("page");
    run.done();
    assert_eq!(run.set("catch.told"), Some(&json!("answered 404")));
    assert_eq!(run.set("never"), None);
}

#[test]
fn a_wait_ends_even_if_the_clock_changes() {
    let mut run = Run::new("flow:\n- { name: rest, wait: 2h }\n- { name: late, set: x }\n");
    let Decision::Wait { until } = run.ask() else {
        panic!("a wait");
    };
    assert_eq!(until, Timestamp::UNIX_EPOCH + SignedDuration::from_hours(2));
    run.now = until - SignedDuration::from_secs(1);
    assert!(matches!(run.ask(), Decision::Wait { .. }));
    run.now = Timestamp::UNIX_EPOCH - SignedDuration::from_hours(9);
    run.take_up();
    run.done();
    assert_eq!(run.set("late"), Some(&json!("x")));
}

#[test]
fn a_retry_continues_a_wait_until_its_time() {
    let mut run = Run::new(
        "flow:\n- { name: rest, wait: 2h }\n- { name: page, http: { url: 'https://a.example' } }\n",
    );
    let Decision::Wait { until } = run.ask() else {
        panic!("a wait");
    };
    for minutes in [5, 10] {
        run.now = Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        run.log.push(LogEntry::Revived { at: run.now });
        run.take_up();
        let Decision::Wait { until: again } = run.ask() else {
            panic!("it waits");
        };
        assert_eq!(again, until);
    }
    // The claim at its end ends it, whatever the clock says.
    run.now = Timestamp::UNIX_EPOCH;
    run.take_up();
    assert_eq!(run.tasks(), ["page"]);
}

#[test]
fn a_retry_after_the_end_of_a_wait_continues_at_once() {
    let mut run = Run::new(
        "flow:\n- { name: rest, wait: 2h }\n- { name: page, http: { url: 'https://a.example' } }\n",
    );
    assert!(matches!(run.ask(), Decision::Wait { .. }));
    let retried = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(3);
    run.log.push(LogEntry::Revived { at: retried });
    run.take_up();
    // Also if the clock was set back since.
    run.now = Timestamp::UNIX_EPOCH;
    assert_eq!(run.tasks(), ["page"]);
}

#[test]
fn the_end_of_one_wait_does_not_end_others() {
    let mut run = Run::new(
        "flow:\n- { name: two, set: ['1970-01-01T01:00:00Z', '1970-01-01T03:00:00Z'] }\n- name: each\n  for_each: steps.two\n  concurrency: 2\n  flow:\n    - wait: { until: item }\n    - { name: late, set: '{{ item }}' }\n",
    );
    assert!(matches!(run.ask(), Decision::Wait { .. }));
    run.now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1);
    run.take_up();
    let Decision::Wait { until } = run.ask() else {
        panic!("the other wait");
    };
    assert_eq!(until, Timestamp::UNIX_EPOCH + SignedDuration::from_hours(3));
    assert!(run.set("each[0].late").is_some() && run.set("each[1].late").is_none());
}

#[test]
fn a_run_that_is_too_old_starts_nothing() {
    let mut run = Run::new("flow:\n- { name: rest, wait: 89d }\n- { name: again, wait: 89d }\n");
    run.ask();
    run.now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 89);
    assert!(matches!(run.ask(), Decision::Wait { .. }));
    run.now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 178);
    run.done();
    let mut run = Run::new("flow:\n- { name: rest, wait: 89d }\n- exec: [page]\n");
    run.ask();
    run.now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 91);
    assert!(run.died().contains("limit of 90 days"));
}

#[test]
fn guards_and_ends_apply_to_the_item_or_in_a_branch_to_the_run() {
    let mut run = Run::new(
        "flow:\n- { name: each, for_each: ticket.tags, flow: [{ when: { item: vip } }, { set: '{{ item }}' }] }\n- choose:\n  - when: { current: { exists: true } }\n    flow: [{ succeed: early }]\n- { name: never, set: x }\n",
    );
    run.event.body["ticket"]["tags"] = json!(["vip", "test"]);
    run.event.body["current"] = json!("urgent");
    let end = run.ask();
    assert_eq!(
        end,
        Decision::Done {
            message: Some("early".into())
        }
    );
    assert_eq!(run.set("each[0]"), Some(&json!("vip")));
    assert_eq!(run.set("each[1]"), Some(&json!(null)));
    assert_eq!(run.set("never"), None);
}
