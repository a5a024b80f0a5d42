//! Rules with `count` and `sequence` as their authors test and see them: in rule tests, in `dry-run` and in `check`.

use super::setup::sandbox;
use flowtrigger_testing::sandbox::Sandbox;

const COUNT: &str = r#"
name: third-ticket
event_source: support
event_type: ticket.TicketCreated
count: { per: ticket.requester_id, at_least: 3, distinct: ticket.id, in: 1h }
flow:
  - name: page
    http: { url: "https://chat.example/page", method: POST, json: { text: "{% for one in events %}{{ one.ticket.id }} {% endfor %}" } }
tests:
  - name: three tickets in an hour, the first of them last
    event: { input: { ticket_event: { type: Ticket Created, meta: { occurred_at: "2026-11-30T10:00:00Z" }, ticket: { id: 1, requester_id: 7 } } } }
    runs: 1
    events:
      - { at: 10m, set: { ticket.id: 2 }, expect: suppressed, gate: count }
      - { at: 20m, set: { ticket.id: 3 }, expect: suppressed, gate: count }
      - { at: 30m, set: { ticket.id: 3 }, expect: suppressed, gate: count }
      - { at: 40m, set: { ticket.id: 4, ticket.requester_id: 8 }, expect: suppressed, gate: count }
      - { at: 50m, set: { event.time: "2026-11-30T10:05:00Z" }, expect: match, steps: { page: { json: { text: "1 2 3 3 " } } } }
      - { at: 60m, set: { ticket.id: 5 }, expect: suppressed, gate: count }
  - name: three tickets in more than an hour
    event: { input: { ticket_event: { type: Ticket Created, meta: { occurred_at: "2026-11-30T10:00:00Z" }, ticket: { id: 1, requester_id: 7 } } } }
    runs: 0
    events:
      - { at: 0s, expect: suppressed, gate: count }
      - { at: 40m, set: { ticket.id: 2 }, expect: suppressed, gate: count }
      - { at: 70m, set: { ticket.id: 3 }, expect: suppressed, gate: count }
"#;

const SEQUENCE: &str = r#"
name: reopened
event_source: support
sequence:
  per: ticket.id
  in: 1d
  steps:
    - { event_type: ticket.StatusChanged, when: { current: solved } }
    - { event_type: ticket.StatusChanged, when: { current: open } }
flow: [{ succeed: fine }]
tests:
  - name: solved, then open
    event: { input: { ticket_event: { type: Status Changed, current: solved, meta: { occurred_at: "2026-11-30T10:00:00Z" }, ticket: { id: 1 } } } }
    runs: 1
    events:
      - { at: 0s, expect: suppressed, gate: sequence }
      - { at: 1h, set: { current: pending }, expect: no match }
      - { at: 2h, set: { current: open, ticket.id: 2 }, expect: suppressed, gate: sequence }
      - { at: 3h, set: { current: open }, expect: match }
      - { at: 4h, set: { current: open }, expect: suppressed, gate: sequence }
"#;

const UNANSWERED: &str = r#"
name: unanswered
event_source: support
sequence:
  per: ticket.id
  in: 1h
  steps:
    - { event_type: ticket.TicketCreated }
    - { event_type: ticket.PriorityChanged, when: { current: urgent } }
    - { absent: { event_type: ticket.CommentAdded }, for: 4h }
flow: [{ succeed: fine }]
"#;

fn with(rule: &str) -> Sandbox {
    let sandbox = sandbox();
    sandbox.write("rules/rule.yaml", rule);
    sandbox
}

#[test]
fn a_count_and_a_sequence_pass_their_tests_in_virtual_time() {
    let counted = with(COUNT).run(&["test"]);
    counted.expect_stdout(0, &["2 passed, 0 failed"]);
    let sequence = with(SEQUENCE).run(&["test"]);
    sequence.expect_stdout(0, &["1 passed, 0 failed"]);
}

#[test]
fn a_wrong_expectation_says_how_far_the_count_is() {
    let wrong = COUNT.replace(
        "at: 20m, set: { ticket.id: 3 }, expect: suppressed, gate: count",
        "at: 20m, set: { ticket.id: 3 }, expect: match",
    );
    with(&wrong).run(&["test"]).expect_stdout(
        1,
        &["+ expect: suppressed by count: 2 of 3 for ticket.requester_id 7 within 1h; the oldest leaves at 2026-11-30T11:10:00Z"],
    );
}

#[test]
fn a_sequence_with_an_absence_waits_in_its_first_step() {
    let sandbox = with(UNANSWERED);
    sandbox.run(&["check"]).expect_stdout(0, &["1 rule"]);
    sandbox.write(
        "event.json",
        r#"{ "input": { "ticket_event": { "type": "Priority Changed", "current": "urgent", "ticket": { "id": 7 } } } }"#,
    );
    sandbox.run(&["dry-run", "event.json"]).expect_stdout(
        0,
        &[
            "sequence.steps[1]",
            "1 run after ticket.TicketCreated, ticket.PriorityChanged for ticket.id 7 within 1h",
            "absent",
        ],
    );
}
