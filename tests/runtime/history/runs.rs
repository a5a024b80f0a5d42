//! `runs list` and `runs show` on a folder without a daemon.
//! Text output is compared as a whole, JSON key by key.

use flowtrigger_core::run::{LogEntry, RunId, RunState};
use rusqlite::params;
use serde_json::{Value, json};

use super::fixture::{Data, Edition, RULES, at, failed, priority, succeeded};
use super::program::flowtrigger;

const DAY: &str = "2026-01-07T09:02:00Z";

fn urgent(
    data: &Data,
    revision: &Edition,
    ticket: u64,
    state: &RunState,
    log: &[LogEntry],
) -> RunId {
    let event = data.event(&priority(ticket, "urgent", DAY), DAY, revision, 1);
    data.run(event, revision, "page-urgent", state, log)
}

fn folder() -> (Data, Edition) {
    let data = Data::new();
    let revision = data.revision(&[("rules/page.yaml", RULES)], "", "2026-01-01T00:00:00Z");
    (data, revision)
}

fn dead() -> RunState {
    RunState::Dead {
        why: "page: POST https://pager.example/page answered 404".into(),
    }
}

fn log() -> [LogEntry; 2] {
    [
        succeeded("org", at("2026-01-07T09:02:00.25Z"), json!({"status": 200})),
        failed(
            "page",
            1,
            at("2026-01-07T09:02:01Z"),
            "POST https://pager.example/page answered 404",
        ),
    ]
}

#[test]
fn a_list_is_a_table_and_says_how_to_see_more() {
    let (data, revision) = folder();
    urgent(&data, &revision, 7, &RunState::Done, &[]);
    urgent(&data, &revision, 90_417, &dead(), &log());
    let said = flowtrigger(data.folder(), &["runs", "list"]);
    assert_eq!(
        said.out,
        "  RUN  STATE  RULE         TICKET  EVENT                   PLANNED               ATTEMPTS  WHY
  2    dead   page-urgent  90417   ticket.PriorityChanged  2026-01-07T09:02:00Z  2         page: POST https://pager.example/page answered 404
  1    done   page-urgent  7       ticket.PriorityChanged  2026-01-07T09:02:00Z  0
"
    );
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let said = flowtrigger(data.folder(), &["runs", "list", "--limit", "1"]);
    assert!(
        said.out
            .ends_with("\nolder runs: add `--before 2`, or a larger `--limit`\n"),
        "{said:?}"
    );
    let said = flowtrigger(
        data.folder(),
        &["runs", "list", "--before", "2", "--format", "json"],
    );
    let run: Value = serde_json::from_str(&said.out).expect("one line of JSON");
    assert_eq!(
        (&run["id"], &run["state"], &run["event"]["key"]),
        (&json!(1), &json!("done"), &json!("7"))
    );
}

#[test]
fn filters_narrow_and_nothing_found_is_an_answer() {
    let (data, revision) = folder();
    urgent(&data, &revision, 7, &RunState::Done, &[]);
    urgent(&data, &revision, 8, &dead(), &log());
    for (filter, found) in [
        (&["--state", "dead,held"][..], "8"),
        (&["--ticket", "7"], "7"),
        (&["--error", "ANSWERED 404"], "8"),
        (&["--since", "2026-01-07", "--ticket", "8"], "8"),
    ] {
        let arguments = [&["runs", "list", "--format", "json"], filter].concat();
        let said = flowtrigger(data.folder(), &arguments);
        let run: Value = serde_json::from_str(&said.out).expect("one line of JSON");
        assert_eq!(run["event"]["key"], found, "{filter:?}");
    }
    let said = flowtrigger(data.folder(), &["runs", "list", "--state", "held"]);
    assert_eq!(
        (said.code, said.out.as_str()),
        (1, "no such run; there are 1 dead, 1 done\n")
    );
    let said = flowtrigger(data.folder(), &["runs", "list", "--state", "died"]);
    assert_eq!(said.code, 2);
    let said = flowtrigger(data.folder(), &["runs", "list", "--since", "yesterday"]);
    assert!(said.err.contains("2h for two hours ago"), "{said:?}");
}

#[test]
fn a_folder_without_runs_says_how_to_begin() {
    let folder = tempfile::tempdir().unwrap();
    let said = flowtrigger(folder.path(), &["runs", "list"]);
    assert_eq!(said.code, 2);
    assert!(
        said.err.contains("no daemon has stored anything here yet"),
        "{said:?}"
    );
    assert!(
        said.err.contains("help: start `flowtrigger daemon`"),
        "{said:?}"
    );
    let said = flowtrigger(Data::new().folder(), &["runs", "list"]);
    assert_eq!((said.code, said.out.as_str()), (1, "no runs are stored\n"));
}

#[test]
fn a_run_is_shown_with_the_rule_as_it_was() {
    let (data, revision) = folder();
    let run = urgent(&data, &revision, 90_417, &dead(), &log());
    // Another rule of the same name judges by now.
    data.revision(
        &[("rules/page.yaml", &RULES.replace("vip", "gold"))],
        "",
        DAY,
    );
    let said = flowtrigger(data.folder(), &["runs", "show", &run.0.to_string()]);
    let id = priority(90_417, "urgent", DAY).id;
    assert_eq!(
        said.out,
        format!(
            "run 1  dead  page-urgent
  page: POST https://pager.example/page answered 404
  planned 2026-01-07T09:02:00Z; one at a time with runs of this rule for 90417
event support/ticket.PriorityChanged  id {id}  key 90417  2026-01-07T09:02:00Z  (zis)
  received 2026-01-07T09:02:00Z; redelivered 1 time, last 2026-01-07T09:03:00Z: no repeat started a run

MATCH  page-urgent  rules/page.yaml:1:7
  2 of 2 predicates hold
  ok      current      is   want \"urgent\"  got \"urgent\"  5:12
  ok      ticket.tags  has  want \"vip\"     got [\"vip\"]  6:23
  attempts
    org   attempt 1  2026-01-07T09:02:00.25Z  120ms  ok, status 200
    page  attempt 1  2026-01-07T09:02:01Z     120ms  failed: POST https://pager.example/page answered 404
  next  nothing; after the cause is fixed, `flowtrigger runs retry 1` continues where it stopped, `flowtrigger runs replay 1` starts again with the current rules; `flowtrigger why SEQ90417-1-ticket.PriorityChanged-b4f3fddfc7722b1f --rule page-urgent --as-test` makes a test of its event
"
        )
    );
    let said = flowtrigger(
        data.folder(),
        &["runs", "show", "1", "99", "--format", "json"],
    );
    assert_eq!(said.code, 1);
    assert!(said.err.contains("no run 99 is stored"), "{said:?}");
    let shown: Value = serde_json::from_str(&said.out).expect("one line of JSON");
    assert_eq!(shown["judged"]["predicates"][1]["got"], json!(["vip"]));
    assert_eq!(
        shown["log"][1]["error"],
        "POST https://pager.example/page answered 404"
    );
    assert_eq!(
        (&shown["redelivered"], &shown["lane"]),
        (&json!(1), &json!("90417"))
    );
}

#[test]
fn what_comes_next_is_said_for_every_state() {
    let (data, revision) = folder();
    let until = at("2026-01-07T10:00:00Z");
    let why = |why: &str| why.to_owned();
    let mut ticket = 0;
    for (state, says) in [
        (
            RunState::Queued,
            "it waits: no daemon uses this data folder; the next start executes it",
        ),
        (
            RunState::Running,
            "no daemon uses this data folder: the next start continues it",
        ),
        (
            RunState::Retrying { until },
            "next attempt at 2026-01-07T10:00:00Z",
        ),
        (RunState::Done, "next  nothing\n"),
        (RunState::Shadow, "set `mode: live`"),
        (
            RunState::Held {
                why: why("the command `x` may have run"),
            },
            "until you decide: `flowtrigger runs retry",
        ),
        (
            RunState::Suppressed {
                gate: why("dedupe"),
                why: why("earlier run 1"),
            },
            "dedupe  closed: earlier run 1",
        ),
        (RunState::Cancelled, "continues it"),
    ] {
        ticket += 1;
        let run = urgent(&data, &revision, ticket, &state, &[]);
        let said = flowtrigger(data.folder(), &["runs", "show", &run.0.to_string()]);
        assert!(said.out.contains(says), "{}: {}", state.as_str(), said.out);
        assert_eq!(said.code, 0);
    }
}

#[test]
fn the_guard_that_ended_a_run_is_shown_with_what_it_saw() {
    let rules = "name: guarded\nevent_source: support\nevent_type: ticket.PriorityChanged\nflow:\n  - name: org\n    http: { url: 'https://a.example' }\n  - name: only_gold\n    when: { steps.org.body.plan: gold }\n  - succeed: fine\n";
    let data = Data::new();
    let revision = data.revision(&[("rules/g.yaml", rules)], "", DAY);
    let event = data.event(&priority(7, "urgent", DAY), DAY, &revision, 0);
    let state = RunState::Skipped {
        why: "the guard `only_gold` was not true".into(),
    };
    let result = json!({"status": 200, "body": {"plan": "free"}});
    let run = data.run(
        event,
        &revision,
        "guarded",
        &state,
        &[succeeded("org", at(DAY), result)],
    );
    let said = flowtrigger(data.folder(), &["runs", "show", &run.0.to_string()]);
    assert!(said.out.contains("guard  did not hold"), "{}", said.out);
    assert!(
        said.out.contains("want \"gold\"  got \"free\"  8:34"),
        "{}",
        said.out
    );
}

#[test]
fn a_rule_that_cannot_be_read_any_more_hides_nothing_else() {
    let (data, revision) = folder();
    let run = urgent(&data, &revision, 7, &RunState::Done, &log());
    data.sql
        .execute(
            "UPDATE rules SET document = replace(document, 'has:', 'holds:')",
            params![],
        )
        .unwrap();
    let said = flowtrigger(data.folder(), &["runs", "show", &run.0.to_string()]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.out
            .contains("the stored rule, rules/page.yaml:1, is invalid for this version"),
        "{}",
        said.out
    );
    assert!(
        said.out.contains("unknown operator `holds`"),
        "{}",
        said.out
    );
    assert!(said.out.contains("answered 404"), "{}", said.out);
}

#[test]
fn nothing_that_came_from_outside_reaches_the_terminal_as_a_command() {
    let (data, revision) = folder();
    let evil = "x\u{1b}[2J\u{1b}]0;t\u{7}\r\nrun 9  done\u{9b}1m\u{202e}";
    let mut event = priority(7, "urgent", DAY);
    event.id = format!("id{evil}");
    event.key = Some(format!("key{evil}"));
    let event = data.event(&event, DAY, &revision, 1);
    let why = RunState::Dead { why: evil.into() };
    let log = [failed("page", 1, at("2026-01-07T09:02:01Z"), evil)];
    data.run(event, &revision, "page-urgent", &why, &log);
    let key = format!("key{evil}");
    for arguments in [
        ["runs", "list"].as_slice(),
        &["runs", "show", "1"],
        &["why", &key],
        &["why", "keyx"],
    ] {
        let said = flowtrigger(data.folder(), arguments);
        let obeyed = |letter: char| (letter.is_control() && letter != '\n') || letter == '\u{202e}';
        assert!(!said.out.contains(obeyed), "{arguments:?}: {said:?}");
        assert!(!said.out.contains("\nrun 9"), "{arguments:?}: {said:?}");
    }
}
