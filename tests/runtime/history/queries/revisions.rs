//! Revisions: an event is evaluated with the rules and the configuration of its time, not with the files
//! of today.

use flowtrigger::store::RevisionId;
use flowtrigger::store::{History, SqliteHistory};
use flowtrigger_core::matching::find::MatchScratch;

use super::DAY;
use crate::history::fixture::{Data, RULES, priority};

#[test]
fn an_event_is_judged_by_the_rules_of_its_time() {
    let data = Data::new();
    let before = data.revision(&[("rules/page.yaml", RULES)], "", DAY);
    let changed = RULES.replace("urgent\n  ticket", "high\n  ticket");
    let after = data.revision(&[("rules/page.yaml", &changed)], "vars: { a: 2 }", DAY);
    let history = SqliteHistory::open(&data.path()).unwrap();
    let urgent = priority(7, "urgent", DAY);
    let names = |revision: i64| {
        let past = history
            .revision(RevisionId(revision as u64), &urgent)
            .unwrap()
            .expect("kept");
        let mut scratch = MatchScratch::default();
        let evaluation = past.rules.evaluate_event(&urgent, &mut scratch);
        evaluation
            .matched()
            .map(|rule| rule.name.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(before.row), ["page-urgent"]);
    assert!(names(after.row).is_empty());
    assert!(history.revision(RevisionId(9), &urgent).unwrap().is_none());
    let latest = history.latest_config().unwrap().expect("a configuration");
    assert_eq!(*latest.vars, serde_json::json!({"a": 2}));
}

#[test]
fn of_very_many_rules_those_that_can_listen_keep_their_places() {
    let other = "name: other-N\nevent_source: support\nevent_type: ticket.TagsChanged\nflow:\n  - succeed: ok\n---\n";
    let many: String = (0..12_000)
        .map(|n| other.replace("other-N", &format!("other-{n}")))
        .collect();
    assert!(many.len() > 1 << 20);
    let data = Data::new();
    let whole = format!("{many}{RULES}---\n{}", other.trim_end_matches("---\n"));
    let sql = "INSERT INTO texts (digest, text) VALUES (randomblob(16), ?1)";
    let revision = data.revision(&[], "", DAY);
    data.sql.execute(sql, [&whole]).unwrap();
    let list = format!("[[\"rules/all.yaml\", {}]]", data.sql.last_insert_rowid());
    data.sql
        .execute("UPDATE revisions SET files = ?1", [list])
        .unwrap();
    let history = SqliteHistory::open(&data.path()).unwrap();
    let event = priority(7, "urgent", DAY);
    let past = history
        .revision(RevisionId(revision.row as u64), &event)
        .unwrap()
        .expect("kept");
    let listening = past.rules.subscribed(&event);
    let lines: Vec<_> = listening
        .iter()
        .map(|rule| (rule.name.as_str(), rule.at.line))
        .collect();
    assert_eq!(lines, [("page-urgent", 72_001), ("note-calm", 72_013)]);
    assert_eq!(past.rules.rules.len(), 2);
}
