//! `backtest` on a folder without a daemon: text, JSON, exit codes and expectations, ticks, and what is not evaluated.

use flowtrigger_core::event::Event;
use flowtrigger_core::path::Path;
use flowtrigger_core::path::redact::redacted;
use flowtrigger_core::run::RunState;
use jiff::SignedDuration;
use serde_json::Value;

use super::fixture::{Data, Edition, RULES, at, priority};
use super::program::{Said, flowtrigger};

const WEEK: [&str; 4] = ["--since", "2026-01-05", "--until", "2026-01-12"];

/// A ticket of each day, urgent on all but Wednesday, and what the rules of then did.
fn week() -> Data {
    let data = Data::new();
    let rules = data.revision(&[("rules/page.yaml", RULES)], "", "2026-01-01T00:00:00Z");
    for day in 5..10 {
        let time = format!("2026-01-{day:02}T09:00:00Z");
        let current = if day == 7 { "low" } else { "urgent" };
        let event = data.event(&priority(90_000 + day, current, &time), &time, &rules, 0);
        let rule = if day == 7 { "note-calm" } else { "page-urgent" };
        data.run(event, &rules, rule, &RunState::Done, &[]);
    }
    data
}

/// Runs a backtest of rules, with more options.
fn backtest(data: &Data, rules: &str, options: &[&str]) -> Said {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rules.yaml");
    std::fs::write(&path, rules).expect("a file");
    let path = path.to_str().expect("UTF-8");
    let mut arguments = vec!["backtest", path];
    arguments.extend(WEEK);
    arguments.extend(options);
    flowtrigger(data.folder(), &arguments)
}

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said:?}"))
}

#[test]
fn unchanged_rules_have_the_runs_that_ran() {
    let said = backtest(&week(), RULES, &[]);
    let (counts, notes) = said.out.split_once("note: ").expect("notes");
    assert_eq!(
        counts,
        "backtest from 2026-01-05T00:00:00Z to 2026-01-12T00:00:00Z, compared with what ran\n\
         note-calm  1 run, as before\n\
         page-urgent  4 runs, as before\n\
         evaluated 5 events\n"
    );
    // That week is long ago.
    assert!(notes.contains("may be deleted"), "{notes}");
    assert!(
        notes.contains("lost under load are counted from"),
        "{notes}"
    );
    assert_eq!((said.code, said.err.as_str()), (0, ""));
}

#[test]
fn a_typo_shows_what_is_gone_with_the_predicate_and_the_commands() {
    let typo = RULES.replace("has: vip", "has: vipp");
    let said = backtest(&week(), &typo, &["--samples", "1"]);
    assert_eq!(said.code, 1);
    let lines: Vec<&str> = said.out.lines().collect();
    let id = priority(90_009, "urgent", "2026-01-09T09:00:00Z").id;
    assert_eq!(
        lines[2..5],
        [
            "page-urgent  0 runs, before 4:  +0 new  -4 gone  0 same",
            "  - 2026-01-09T09:00:00Z  #90009  after: ticket.tags has \"vipp\", got [\"vip\"]",
            &format!("    flowtrigger why {id} --rule page-urgent"),
        ]
    );
    let other = backtest(&week(), &typo, &["--rule", "note-calm"]);
    assert_eq!(other.code, 0, "{other:?}");
    let unknown = backtest(&week(), &typo, &["--rule", "page-urgnt"]);
    assert_eq!(unknown.code, 2);
    assert!(
        unknown.err.contains("did you mean `page-urgent`?"),
        "{unknown:?}"
    );
}

#[test]
fn the_json_has_samples_with_tests_that_pass() {
    let wider = RULES.replace("  current: low\n", "  current: [low, urgent]\n");
    let said = backtest(&week(), &wider, &["--format", "json"]);
    let answer = json(&said);
    assert_eq!(answer["changed"], true);
    let rule = &answer["rules"][0];
    assert_eq!(rule["rule"], "note-calm");
    assert_eq!((&rule["before"], &rule["after"]), (&1.into(), &5.into()));
    let sample = &rule["samples"]["new"][0];
    assert_eq!(sample["key"], "90009");
    assert_eq!(sample["differences"][0]["side"], "before");
    assert_eq!(sample["differences"][0]["test"], "is \"low\"");
    assert_eq!(sample["differences"][0]["got"], "urgent");
    // The test passes with the rules of the backtest.
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rules.yaml");
    std::fs::write(&path, &wider).expect("a file");
    let test = sample["test"].as_str().expect("a test");
    std::fs::write(folder.path().join("rules.test.yaml"), test).expect("a file");
    let tested = flowtrigger(week().folder(), &["test", path.to_str().expect("UTF-8")]);
    assert_eq!(tested.code, 0, "{tested:?}\n{test}");
    let tests = backtest(&week(), &wider, &["--tests", "--samples", "1"]);
    assert_eq!(tests.out, test);
}

#[test]
fn expectations_decide_the_exit_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("expected.yaml");
    let typo = RULES.replace("has: vip", "has: vipp");
    let check = |text: &str, rules: &str| {
        std::fs::write(&file, text).expect("a file");
        backtest(
            &week(),
            rules,
            &["--samples", "0", "--expect", file.to_str().expect("UTF-8")],
        )
    };
    let holds = check("rules: { page-urgent: { runs: 0, gone: 4 } }", &typo);
    assert_eq!(holds.code, 0, "{holds:?}");
    assert!(holds.out.ends_with("all expectations hold\n"), "{holds:?}");
    let unmet = check("rules:\n  page-urgent: { runs: { at_least: 3 } }\n", &typo);
    assert_eq!(unmet.code, 1);
    let line = unmet.out.lines().last().expect("a line");
    assert!(
        line.starts_with("not as expected: page-urgent: runs 0, expected at least 3  "),
        "{line}"
    );
    assert!(line.ends_with("expected.yaml:2:24"), "{line}");
    let others = check("rules: { note-calm: 1 }\nothers: unchanged", &typo);
    assert_eq!(others.code, 1);
    assert!(
        others.out.contains("page-urgent: gone 4, expected 0\n"),
        "{others:?}"
    );
    let invalid = check("rule: {}", &typo);
    assert_eq!(invalid.code, 3);
    assert!(invalid.err.contains("unknown key `rule`"), "{invalid:?}");
}

#[test]
fn other_rules_are_compared_over_the_same_events() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("old.yaml");
    std::fs::write(&path, RULES.replace("current: urgent", "current: low")).expect("a file");
    let against = path.to_str().expect("UTF-8");
    let said = backtest(&week(), RULES, &["--against", against, "--samples", "1"]);
    let out = &said.out;
    assert!(
        out.contains("page-urgent  4 runs, before 1:  +4 new  -1 gone  0 same"),
        "{out}"
    );
    assert!(
        out.contains("before: current is \"low\", got \"urgent\""),
        "{out}"
    );
    assert!(
        out.contains(&format!("compared with the rules of {against}")),
        "{out}"
    );
}

#[test]
fn redacted_events_and_deleted_runs_are_not_evaluated() {
    let data = week();
    let rules = data.revision(&[("rules/page.yaml", RULES)], "", "2026-01-02T00:00:00Z");
    let add = |event: &Event, time: &str| data.event(event, time, &rules, 0);
    let time = "2026-01-10T09:00:00Z";
    let event = priority(90_010, "urgent", time);
    let hidden = redacted(&event, &[Path::parse("ticket.tags").expect("a path")]);
    let hidden = add(&hidden.expect("it has tags"), time);
    data.run(hidden, &rules, "page-urgent", &RunState::Done, &[]);
    let time = "2026-01-11T09:00:00Z";
    let deleted = add(&priority(90_011, "urgent", time), time);
    data.sql
        .execute("UPDATE events SET had_runs = 1 WHERE id = ?1", [deleted])
        .expect("an event");
    let said = backtest(&data, RULES, &["--format", "json"]);
    let answer = json(&said);
    assert_eq!(answer["changed"], false, "{said:?}");
    let page = &answer["rules"][1];
    assert_eq!(
        (&page["redacted"], &page["runs_deleted"]),
        (&1.into(), &1.into())
    );
    assert_eq!((&page["before"], &page["after"]), (&4.into(), &4.into()));
    let coverage = &answer["coverage"];
    assert_eq!(
        (&coverage["events"], &coverage["evaluated"]),
        (&7.into(), &5.into())
    );
    // `note-calm` does not read the tags, and is evaluated on all of them.
    assert_eq!(answer["rules"][0]["redacted"], 0);
}

#[test]
fn lost_events_are_counted() {
    let data = week();
    let minute = at("2026-01-06T10:00:00Z").as_second() / 60;
    let content = serde_json::json!({"v": 1, "minute": {
        "minute": minute, "matched": 1, "unmatched": 20, "redelivered": 0, "rejected": 0, "lost": 12,
        "succeeded": 0, "failed": 0, "attempts": null, "commits": null, "runs": {}
    }});
    let insert = "INSERT INTO minutes (minute, content) VALUES (?1, ?2)";
    let row = rusqlite::params![minute, content.to_string()];
    data.sql.execute(insert, row).expect("a row");
    let said = backtest(&data, RULES, &[]);
    assert!(
        said.out
            .contains("evaluated 5 events; 12 lost under load: not evaluated"),
        "{said:?}"
    );
}

const TICKS: &str = "name: report\nevery: 0 9 * * *\nflow: [{ succeed: fine }]\n";

/// The ticks that the daemon made at nine from Monday to Thursday; on Friday it did not run.
fn ticks() -> Data {
    let data = Data::new();
    let rules = data.revision(&[("rules/report.yaml", TICKS)], "", "2026-01-01T00:00:00Z");
    add_ticks(&data, &rules, 5..9);
    data
}

fn add_ticks(data: &Data, rules: &Edition, days: std::ops::Range<u32>) {
    for day in days {
        let time = at(&format!("2026-01-{day:02}T09:00:00Z"));
        let tick = rules.rules.rules[0].tick(time, false).expect("a tick");
        let received = (time + SignedDuration::from_millis(20)).to_string();
        let event = data.event(&tick, &received, rules, 0);
        data.run(event, rules, "report", &RunState::Done, &[]);
    }
}

#[test]
fn a_rule_that_ticks_as_before_has_the_ticks_of_the_daemon() {
    let said = backtest(&ticks(), TICKS, &[]);
    assert!(said.out.contains("report  4 runs, as before\n"), "{said:?}");
    assert_eq!(said.code, 0);
}

#[test]
fn a_rule_that_ticks_at_other_times_has_ticks_of_its_own() {
    let twice = TICKS.replace("0 9 * * *", "0 9,15 * * *");
    let said = backtest(&ticks(), &twice, &["--samples", "1"]);
    // Nine o'clock of four days is the same tick; the others were not made.
    let out = &said.out;
    assert!(
        out.contains("report  14 runs, before 4:  +10 new  -0 gone  4 same"),
        "{out}"
    );
    assert!(
        out.contains("  + 2026-01-11T15:00:00Z  before: no tick at this time\n"),
        "{out}"
    );
    let later = TICKS.replace("0 9 * * *", "30 9 * * *");
    let said = backtest(&ticks(), &later, &["--format", "json"]);
    let rule = &json(&said)["rules"][0];
    assert_eq!(
        (&rule["new"], &rule["gone"]),
        (&7.into(), &4.into()),
        "{rule}"
    );
}
