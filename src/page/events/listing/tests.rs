//! Tests of the rows of the list of events.

use jiff::Timestamp;

use super::*;
use crate::store::history::{ArchivePosition, EventRowId};
use flowtrigger_core::run::RunId;

pub fn listed(row: i64, key: Option<&str>) -> ListedEvent {
    ListedEvent {
        position: ArchivePosition {
            received: Timestamp::UNIX_EPOCH,
            row: EventRowId(row),
        },
        id: "e-1".into(),
        key: key.map(str::to_owned),
        event_type: "ticket.TagsChanged".into(),
        source: "support".into(),
        endpoint: "desk".into(),
        redelivered: 0,
        last_received: None,
        matched: false,
        had_runs: false,
        runs: Vec::new(),
        has_more_runs: false,
    }
}

#[test]
fn a_row_names_the_ticket_and_the_runs() {
    let mut event = listed(31, Some("90417"));
    event.matched = true;
    event.redelivered = 1_234;
    event.runs.push(EventRun {
        id: RunId(81),
        rule: "<vip>".into(),
        state: "dead".into(),
    });
    let row = EventListing {
        event,
        near: NearRules::Nothing,
    };
    let html = row.row().into_string();
    for part in [
        "<a class=\"id\" href=\"/events/31\">#<bdi>90417",
        "<a href=\"/runs/81\"><bdi>&lt;vip&gt;</bdi> <span class=\"st dead\">dead",
        "1,234 times",
        "1970-01-01 00:00:00",
        "<bdi>ticket.</bdi><wbr>",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    assert_eq!(row.json()["outcome"], "matched");
    assert_eq!(row.json()["runs"][0]["id"], 81);
}

#[test]
fn what_was_not_looked_at_is_said() {
    let row = EventListing {
        event: listed(31, None),
        near: NearRules::NotLookedAt,
    };
    let html = row.row().into_string();
    assert!(
        html.contains("<a class=\"link\" href=\"/events/31\">not looked at</a>"),
        "{html}"
    );
    assert_eq!(row.json()["looked_at"], false);
}

#[test]
fn a_number_says_what_it_counts() {
    for (key, event_type, shown) in [
        ("90417", "ticket.TagsChanged", "#<bdi>90417</bdi>"),
        ("74", "user.UserCreated", "<bdi>user</bdi> <bdi>74</bdi>"),
        ("74", "opened", "<bdi>74</bdi>"),
        ("INC-3318", "incident.opened", "<bdi>INC-3318</bdi>"),
    ] {
        assert_eq!(subject(key, event_type).into_string(), shown);
    }
}

#[test]
fn hostile_names_are_cut_and_escaped() {
    let mut event = listed(1, None);
    event.id = format!("<img>\u{202e}{}", "x".repeat(100_000));
    event.event_type = "<script>.a".into();
    let row = EventListing {
        event,
        near: NearRules::Why(WhyUnmatched::NoListener),
    };
    let html = row.row().into_string();
    assert!(
        !html.contains("<img") && !html.contains("<script"),
        "{html}"
    );
    assert!(html.len() < 2_000, "{}", html.len());
    assert!(html.contains("no enabled rule listens"));
    assert_eq!(row.json()["listened"], false);
}
