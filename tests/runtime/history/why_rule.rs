//! `why RULE`: whether a rule is loaded, what its runs did, and which predicates alone kept events from matching.

use std::time::Instant;

use flowtrigger_core::event::Event;
use flowtrigger_core::run::RunState;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::fixture::{Data, RULES, failed, priority};
use super::program::flowtrigger;

/// So many hours ago.
fn ago(hours: i64) -> String {
    let at = Timestamp::now().checked_sub(SignedDuration::from_hours(hours));
    at.expect("a time").to_string()
}

fn tagged(ticket: u64, current: &str, tags: &[&str]) -> Event {
    let mut event = priority(ticket, current, "2026-01-05T09:00:00Z");
    event.body["ticket"]["tags"] = json!(tags);
    event.raw["input"]["ticket_event"]["ticket"]["tags"] = json!(tags);
    event
}

/// A rule that matched two days ago, and events of today that it missed by one predicate and by two.
fn day() -> Data {
    let data = Data::new();
    let rules = data.revision(&[("rules/page.yaml", RULES)], "", "2026-01-01T00:00:00Z");
    let dead = RunState::Dead {
        why: "page: answered 404".into(),
    };
    let matched = data.event(&tagged(1, "urgent", &["vip"]), &ago(48), &rules, 0);
    let log = [failed("page", 1, Timestamp::now(), "answered 404")];
    data.run(matched, &rules, "page-urgent", &dead, &log);
    for (ticket, current, tags) in [
        (2, "urgent", &["gold"][..]),
        (3, "urgent", &["gold"]),
        (4, "urgent", &[]),
        (5, "high", &["vip"]),
        (6, "high", &["gold"]),
    ] {
        data.event(&tagged(ticket, current, tags), &ago(2), &rules, 0);
    }
    data
}

fn ask(data: &Data, arguments: &[&str]) -> Value {
    let arguments = [&["why"], arguments, &["--format", "json"]].concat();
    let said = flowtrigger(data.folder(), &arguments);
    assert_eq!(said.code, 0, "{said:?}");
    serde_json::from_str(&said.out).expect("JSON")
}

#[test]
fn a_rule_says_what_it_did_and_what_it_missed() {
    let data = day();
    let said = flowtrigger(data.folder(), &["why", "page-urgent"]);
    let id = tagged(5, "high", &[]).id;
    for part in [
        "rule page-urgent  rules/page.yaml:1:7\n",
        "  live, in the rules loaded last at 2026-01-01T00:00:00Z\n",
        "  listens to support/ticket.PriorityChanged\n",
        "  run  1 dead: page: answered 404; `flowtrigger runs show 1`\n",
        "  runs  last 24 hours: none; last 7 days: 1 dead\n",
        "  events  5 events of its types in the last 24 hours; 0 matched\n",
        "  near misses  4 events that one predicate alone kept from matching; judged by the rule as it is loaded now\n",
        "    3  ticket.tags  has  want \"vip\"  6:23\n       got [\"gold\"] (2 times), []\n",
        "    1  current  is  want \"urgent\"  5:12\n       got \"high\"\n",
        &format!("`flowtrigger why {id} --rule page-urgent`"),
    ] {
        assert!(said.out.contains(part), "no `{part}` in\n{}", said.out);
    }
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let answer = ask(&data, &["--rule", "page-urgent"]);
    let mut by_name = ask(&data, &["page-urgent"]);
    // The time of the question.
    by_name["events"]["since"] = answer["events"]["since"].clone();
    assert_eq!(answer, by_name);
    assert_eq!(
        answer["runs"],
        json!({"last_day": {}, "last_week": {"dead": 1}})
    );
    assert_eq!(answer["last_match"]["state"], "dead");
    let near = &answer["near_misses"][0];
    assert_eq!(
        (&near["events"], &near["predicate"]["want"]),
        (&json!(3), &json!("vip"))
    );
    assert_eq!(near["values"][0], json!({"got": ["gold"], "events": 2}));
}

#[test]
fn a_rule_says_whether_it_is_loaded_and_acts() {
    for (text, mode, said) in [
        (
            RULES.replacen("when:", "mode: shadow\nwhen:", 1),
            "shadow",
            "in shadow mode",
        ),
        (
            RULES.replacen("when:", "mode: disabled\nwhen:", 1),
            "disabled",
            "no run of it is made",
        ),
    ] {
        let data = day();
        data.revision(&[("rules/page.yaml", &text)], "", "2026-01-03T00:00:00Z");
        let answer = ask(&data, &["page-urgent"]);
        assert_eq!(answer["rule"]["mode"], mode);
        let summary = answer["summary"].as_str().expect("a summary");
        assert!(
            summary.contains(said) && summary.contains("2026-01-03"),
            "{summary}"
        );
    }
    let data = day();
    let gone = RULES.split("---\n").nth(1).expect("two rules");
    data.revision(&[("rules/page.yaml", gone)], "", "2026-01-03T00:00:00Z");
    let answer = ask(&data, &["page-urgent"]);
    assert_eq!(
        (&answer["rule"]["loaded"], &answer["events"]),
        (&json!(false), &Value::Null)
    );
    assert_eq!(
        answer["summary"],
        "not in the rules loaded last at 2026-01-03T00:00:00Z"
    );
    let calm = ask(&data, &["note-calm"]);
    assert_eq!(
        (&calm["last_match"], &calm["near_misses"][0]["events"]),
        (&Value::Null, &json!(5))
    );
}

#[test]
fn a_name_that_no_rule_has_gets_the_nearest_and_one_that_is_a_ticket_too_is_said() {
    let data = day();
    let said = flowtrigger(data.folder(), &["why", "--rule", "page-ugrent"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("no rule called `page-ugrent` is loaded or has a run\n  help: did you mean `page-urgent`?"), "{said:?}");
    let said = flowtrigger(data.folder(), &["why", "note-clam"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("  near   rule note-calm\n"), "{said:?}");
    data.sql
        .execute("UPDATE events SET key = 'note-calm' WHERE id = 2", [])
        .unwrap();
    let said = flowtrigger(data.folder(), &["why", "note-calm"]);
    let note = "`note-calm` is also the name of a rule: `flowtrigger why --rule note-calm` explains it\n\nevent support";
    assert!(said.out.starts_with(note), "{said:?}");
    assert_eq!(ask(&data, &["note-calm"])["also_rule"], true);
    assert_eq!(
        ask(&data, &["--rule", "note-calm"])["rule"]["name"],
        "note-calm"
    );
}

#[test]
fn a_redacted_event_is_not_judged() {
    let data = day();
    let body = "UPDATE events SET body = json_set(body, '$.raw', '[redacted]', '$.body.ticket.tags', '[redacted]') WHERE id = 3";
    data.sql.execute(body, []).unwrap();
    let said = flowtrigger(data.folder(), &["why", "page-urgent"]);
    assert!(
        said.out
            .contains("0 matched, 1 not judged because fields were redacted"),
        "{}",
        said.out
    );
    assert!(
        said.out.contains("got [\"gold\"], []\n") || said.out.contains("got [], [\"gold\"]\n"),
        "{}",
        said.out
    );
}

/// The search and the judging are bounded, and the answer says how far they went.
#[test]
fn a_flood_of_events_is_judged_up_to_a_bound() {
    let data = day();
    let copy = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 25000)
        INSERT INTO events (source, type, event_id, key, received, revision, matched, redelivered, body, size, endpoint)
        SELECT source, type, 'copy' || x, key, received + 1000, revision, 0, 0, body, size, endpoint
        FROM n JOIN events ON events.id = 2";
    data.sql.execute(copy, []).unwrap();
    let began = Instant::now();
    let said = flowtrigger(data.folder(), &["why", "page-urgent"]);
    let line = "  events  20,000 events of its types among the newest 20,000 stored events, which reach back to ";
    assert!(said.out.contains(line), "{}", said.out);
    assert!(
        said.out
            .contains("; of the newest 2,000 events; 0 matched\n"),
        "{}",
        said.out
    );
    assert!(
        said.out.contains("near misses  2,000 events"),
        "{}",
        said.out
    );
    // Debug builds are many times slower than the program that people use.
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}
