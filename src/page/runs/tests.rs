use jiff::Timestamp;

use super::*;
use crate::page::page_request::PageRequest;
use crate::page::session::SignIn;
use crate::store::history::EventRowId;
use flowtrigger_core::loop_guard::Causation;
use flowtrigger_core::run::RunState;

fn run(id: u64, state: RunState, key: &str) -> RunRow {
    RunRow {
        id: RunId(id),
        rule: "page & <b>".into(),
        state,
        planned: Timestamp::UNIX_EPOCH,
        changed: Timestamp::UNIX_EPOCH,
        source: "support".into(),
        endpoint: "support".into(),
        event_type: "ticket.TicketCreated".into(),
        event: "e".into(),
        event_row: EventRowId(4),
        key: Some(key.into()),
        attempts: 4,
        error: None,
        tells_of: None,
        reports: Default::default(),
        counterpart: None,
        counterpart_gate: None,
        told_by: None,
        replay: None,
        lineage: Causation::default(),
    }
}

fn page(query: &str, runs: Vec<RunRow>) -> RunsPage {
    let query = RunQuery::read(&PageRequest::of_text(query)).unwrap();
    let counts = [("dead", 45), ("held", 2), ("retrying", 7), ("done", 12_345)];
    RunsPage {
        query,
        runs,
        successors: Successors::default(),
        totals: RunTotals {
            by_state: counts
                .map(|(state, count)| (state.to_owned(), count))
                .into(),
            is_capped: false,
        },
        rules: vec!["page".into()],
        daemon: DaemonState::Ready,
        older: Some("/runs?before=7".into()),
        newest: None,
        live: "/live/runs".into(),
    }
}

fn html(page: &RunsPage, role: Role) -> String {
    let user = PageUser {
        name: "ada".into(),
        role,
        sign_in: SignIn::Session,
    };
    page.html(&user).into_string()
}

#[test]
fn runs_are_listed_with_what_a_command_takes() {
    let dead = run(
        8,
        RunState::Dead {
            why: "step `page` failed: <script>\u{202e}".into(),
        },
        "<i>",
    );
    let page = page(
        "state=retrying,held&state=dead&since=2026-01-07",
        vec![dead],
    );
    let shown = html(&page, Role::Act);
    for part in [
        "54 runs match",
        "retrying, held or dead, planned since 2026-01-07T00:00:00Z",
        "retry takes 47, cancel 9",
        "&lt;script&gt;<span class=\"inv\"",
        "#<bdi>&lt;i&gt;</bdi>",
        "href=\"/rules/page%20%26%20%3Cb%3E\"",
        "<input type=\"hidden\" name=\"since\" value=\"2026-01-07T00:00:00Z\">",
        "12k",
        "href=\"/runs?before=7\"",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains("<script>") && !shown.contains("style="));
    assert_eq!(shown.matches("value=\"8\"").count(), 1);
    let json = page.json();
    assert_eq!(
        (&json["matching"], &json["states"]["held"]),
        (&54.into(), &2.into())
    );
    assert_eq!(json["runs"][0]["replayed_as"], Value::Null);
}

#[test]
fn readers_see_no_commands_and_empty_lists_say_why() {
    let held = run(9, RunState::Held { why: "look".into() }, "7");
    let shown = html(&page("", vec![held]), Role::Read);
    assert!(!shown.contains("name=\"command\"") && !shown.contains("name=\"run\""));
    // The script finds no boxes there.
    assert!(!shown.contains("data-bulk") && shown.contains("href=\"/commands\""));
    let filtered = html(&page("rule=gone", vec![]), Role::Act);
    assert!(
        filtered.contains("No run matches: <bdi>of rule `gone`"),
        "{filtered}"
    );
    let none = html(&page("", vec![]), Role::Act);
    assert!(none.contains("No rule has matched an event yet"));
}
