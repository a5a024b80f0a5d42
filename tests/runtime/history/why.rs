//! `why` on a folder without a daemon: by id and by ticket, with the rules of that time, and without an event.
//! Tests check lines of the text output; one test compares all of it.

use flowtrigger::store::sqlite::codec::event::encode_scanned_event;
use flowtrigger_core::event::summary::EventSummary;
use flowtrigger_core::run::RunState;
use serde_json::{Value, json};

use super::fixture::{Data, RULES, at, failed, priority};
use super::program::flowtrigger;

const MONDAY: &str = "2026-01-05T09:00:00Z";
const TUESDAY: &str = "2026-01-06T09:00:00Z";
const WEDNESDAY: &str = "2026-01-07T09:00:00Z";

/// A ticket that was urgent on Monday, when that paged, high on Tuesday, when nothing happened, and
/// urgent again on Wednesday, under rules that had changed.
fn week() -> Data {
    let data = Data::new();
    let first = data.revision(&[("rules/page.yaml", RULES)], "", "2026-01-01T00:00:00Z");
    let changed = RULES.replace("has: vip", "has: gold");
    let monday = data.event(&priority(90_417, "urgent", MONDAY), MONDAY, &first, 1);
    let dead = RunState::Dead {
        why: "page: answered 404".into(),
    };
    data.run(
        monday,
        &first,
        "page-urgent",
        &dead,
        &[failed("page", 1, at(MONDAY), "answered 404")],
    );
    data.event(&priority(90_417, "high", TUESDAY), TUESDAY, &first, 0);
    let second = data.revision(&[("rules/page.yaml", &changed)], "", "2026-01-07T00:00:00Z");
    data.event(
        &priority(90_417, "urgent", WEDNESDAY),
        WEDNESDAY,
        &second,
        0,
    );
    data
}

#[test]
fn an_event_is_explained_with_the_rules_of_its_time() {
    let data = week();
    let id = priority(90_417, "urgent", MONDAY).id;
    let said = flowtrigger(data.folder(), &["why", &id]);
    assert_eq!(
        said.out,
        format!(
            "event support/ticket.PriorityChanged  id {id}  key 90417  2026-01-05T09:00:00Z  (zis)
  received 2026-01-05T09:00:00Z; redelivered 1 time, last 2026-01-05T09:01:00Z: no repeat started a run
  evaluated by the rules in force since 2026-01-01T00:00:00Z; 2 rules listened to ticket.PriorityChanged

MATCH  page-urgent  rules/page.yaml:1:7
  2 of 2 predicates hold
  ok      current      is   want \"urgent\"  got \"urgent\"  5:12
  ok      ticket.tags  has  want \"vip\"     got [\"vip\"]  6:23
  run  1 dead after 1 attempt, 2026-01-05T09:00:00Z: page: answered 404; `flowtrigger runs show 1`

NO MATCH  note-calm  rules/page.yaml:13:7
  0 of 1 predicates hold, 1 not
  FAIL    current  is  want \"low\"  got \"urgent\"  17:12
  would match with  --set current=low
"
        )
    );
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    // The same change two days later met other rules.
    let id = priority(90_417, "urgent", WEDNESDAY).id;
    let said = flowtrigger(data.folder(), &["why", &id]);
    assert!(
        said.out.contains("want \"gold\"    got [\"vip\"]"),
        "{}",
        said.out
    );
    assert!(
        said.out.contains("in force since 2026-01-07T00:00:00Z"),
        "{}",
        said.out
    );
    assert!(said.out.ends_with("nothing happened: none of the 2 rules that listened to ticket.PriorityChanged matched\n"), "{}", said.out);
}

#[test]
fn a_ticket_lists_its_events_and_explains_the_newest_or_the_nearest() {
    let data = week();
    let said = flowtrigger(data.folder(), &["why", "#90417"]);
    let lines: Vec<&str> = said.out.lines().take(6).collect();
    assert!(lines[0].trim_start().starts_with("RECEIVED"), "{lines:?}");
    assert!(
        lines[1].contains("2026-01-07T09:00:00Z  ticket.PriorityChanged  none"),
        "{lines:?}"
    );
    assert!(lines[3].contains("page-urgent dead"), "{lines:?}");
    assert_eq!(
        lines[5],
        "3 events. Explained: the newest, with `--all` all of them"
    );
    assert!(
        said.out.contains("  received 2026-01-07T09:00:00Z\n"),
        "{}",
        said.out
    );
    let said = flowtrigger(data.folder(), &["why", "90417", "--at", "2026-01-06T10:00"]);
    assert!(
        said.out
            .contains("\nthe nearest stored event was received 1h before 2026-01-06T10:00:00Z\n"),
        "{}",
        said.out
    );
    assert_eq!(said.code, 0);
    assert!(
        said.out.contains("  received 2026-01-06T09:00:00Z\n"),
        "{}",
        said.out
    );
    let said = flowtrigger(
        data.folder(),
        &["why", "90417", "--all", "--format", "json"],
    );
    let answers: Vec<Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let matched: Vec<&Value> = answers.iter().map(|answer| &answer["matched"]).collect();
    assert_eq!(matched, [&json!([]), &json!([]), &json!(["page-urgent"])]);
    assert_eq!(answers[2]["rules"][0]["runs"][0]["state"], "dead");
    assert_eq!(answers[1]["rules"][0]["predicates"][0]["got"], "high");
}

#[test]
fn one_rule_can_be_asked_about() {
    let data = week();
    let ask = |rule: &str| flowtrigger(data.folder(), &["why", "90417", "--rule", rule]);
    let said = ask("note-calm");
    assert!(
        said.out.contains("NO MATCH  note-calm") && !said.out.contains("page-urgent  rules"),
        "{}",
        said.out
    );
    let said = ask("note-clam");
    assert_eq!(said.code, 1);
    let end = "no rule called `note-clam` listened to ticket.PriorityChanged; did you mean `note-calm`?\n";
    assert!(said.out.ends_with(end), "{}", said.out);
}

#[test]
fn a_closed_gate_is_said_beside_the_run_that_it_kept_from_beginning() {
    let data = week();
    let revision = data.revision(&[("rules/page.yaml", RULES)], "", "2026-01-07T00:00:00Z");
    let event = data.event(&priority(5, "urgent", WEDNESDAY), WEDNESDAY, &revision, 0);
    let state = RunState::Suppressed {
        gate: "dedupe".into(),
        why: "earlier run 1 for ticket.id 5; opens again at 2026-01-05T11:00:00Z".into(),
    };
    data.run(event, &revision, "page-urgent", &state, &[]);
    data.sql
        .execute(r#"UPDATE runs SET asks = '[{"gate":"dedupe","window":86400000000,"value":"ticket.id 5"}]' WHERE id = 2"#, [])
        .unwrap();
    let said = flowtrigger(data.folder(), &["why", "5"]);
    assert!(said.out.contains("\n  gate  dedupe  ticket.id 5  closed: earlier run 1 for ticket.id 5; opens again at 2026-01-05T11:00:00Z\n"), "{}", said.out);
    assert!(said.out.contains("  run  2 suppressed"), "{}", said.out);
}

#[test]
fn that_no_such_event_came_is_an_answer_with_the_nearest() {
    let data = week();
    let said = flowtrigger(data.folder(), &["why", "90714"]);
    assert_eq!(
        said.out,
        "no event with the id or the ticket `90714` is stored here, and no rule has this name
  near   ticket 90417
  kept   events with runs, from 2026-01-05T09:00:00Z to 2026-01-05T09:00:00Z
         events without runs, from 2026-01-06T09:00:00Z to 2026-01-07T09:00:00Z; a crash or a flood can lose some of these
  reject no rejected request is stored; they are kept for 7 days, at most 10,000
  else   older events may have been deleted, and whether a sender sent anything is not known here
"
    );
    assert_eq!((said.code, said.err.as_str()), (1, ""));
    let said = flowtrigger(data.folder(), &["why", "90714", "--format", "json"]);
    let answer: Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(
        (&answer["event"], &answer["nearest"]),
        (&Value::Null, &json!(["90417"]))
    );
}

#[test]
fn rules_that_are_gone_are_taken_from_the_runs() {
    let data = week();
    data.sql.execute("DELETE FROM revisions", []).unwrap();
    let id = priority(90_417, "urgent", MONDAY).id;
    let said = flowtrigger(data.folder(), &["why", &id]);
    assert!(
        said.out.contains("the rules of that time were deleted"),
        "{}",
        said.out
    );
    assert!(
        said.out.contains("MATCH  page-urgent") && said.out.contains("run  1 dead"),
        "{}",
        said.out
    );
    // Without a run either, nothing is claimed.
    let id = priority(90_417, "high", TUESDAY).id;
    let said = flowtrigger(data.folder(), &["why", &id]);
    assert!(
        said.out.ends_with("what happened is unknown: the rules of that time are not stored, and no run that matched is\n"),
        "{}",
        said.out
    );
}

#[test]
fn an_archive_that_is_off_is_said() {
    let data = Data::new();
    data.revision(&[("rules/page.yaml", RULES)], "archive: off", MONDAY);
    let said = flowtrigger(data.folder(), &["why", "5"]);
    assert!(
        said.out
            .contains("`archive: off`: events without runs are not stored"),
        "{}",
        said.out
    );
}

/// The rules that the store kept differ from what it recorded, as they would after a change of an operator.
#[test]
fn a_recorded_outcome_that_this_version_contradicts_is_reported() {
    let data = Data::new();
    let rules = data.revision(&[("rules/page.yaml", RULES)], "", MONDAY);
    let planned = data.event(&priority(1, "high", MONDAY), MONDAY, &rules, 0);
    data.run(planned, &rules, "page-urgent", &RunState::Done, &[]);
    let scanned = priority(2, "urgent", MONDAY);
    let row = data.event(&scanned, MONDAY, &rules, 0);
    let text = encode_scanned_event(
        &EventSummary::from_event(&scanned),
        &scanned.raw.to_string(),
    );
    data.sql
        .execute("UPDATE events SET body = ?2 WHERE id = ?1", (row, text))
        .unwrap();
    for (ticket, recorded, warning) in [
        (
            "1",
            "match",
            "recorded as matched, evaluates to no match with this version",
        ),
        (
            "2",
            "no match",
            "recorded as not matched, evaluates to a match with this version",
        ),
    ] {
        let said = flowtrigger(data.folder(), &["why", ticket]);
        assert!(
            said.out.contains(&format!("  warning: {warning}\n")),
            "{}",
            said.out
        );
        assert_eq!((said.code, said.err.as_str()), (0, ""));
        let said = flowtrigger(data.folder(), &["why", ticket, "--format", "json"]);
        let answer: Value = serde_json::from_str(&said.out).expect("JSON");
        assert_eq!(answer["rules"][0]["recorded"], recorded);
    }
    let said = flowtrigger(data.folder(), &["runs", "show", "1"]);
    let warning = "warning: recorded as matched, evaluates to no match with this version";
    assert!(said.out.contains(warning), "{}", said.out);
}
