//! Tests of the list of events.

use super::*;
use crate::page::events::listing::NearRules;
use crate::page::events::listing::tests::listed;
use crate::page::session::{Role, SignIn};

fn page(query: &str, rows: Vec<ListedEvent>) -> EventsPage {
    let request = PageRequest::of_text(query);
    let rows = rows.into_iter();
    EventsPage {
        filter: EventsFilter::read(&request).unwrap(),
        entries: vec!["desk".into()],
        links: OutcomeLinks::new(&request),
        listed: EventList {
            rows: rows
                .map(|event| EventListing {
                    event,
                    near: NearRules::Nothing,
                })
                .collect(),
            count: CappedCount::new(12_345, MAX_COUNT),
            last: None,
            searched: 70,
            newest: EventRowId(31),
            event_type: None,
            similar: Vec::new(),
        },
        older: Some("/events?before=1-2".into()),
        newest: "/events".into(),
        live: Some("/live/events".into()),
        archive: ArchiveState::Current,
    }
}

fn html(page: &EventsPage) -> String {
    let user = PageUser {
        name: "ada".into(),
        role: Role::Read,
        sign_in: SignIn::Session,
    };
    page.html(&user).into_string()
}

#[test]
fn the_rows_are_the_same_in_both_forms() {
    let page = page("", vec![listed(31, Some("90417")), listed(30, None)]);
    let html = html(&page);
    for part in [
        "/events/31",
        "/events/30",
        "10,000+",
        "rel=\"next\"",
        "2 of 10,000+",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    assert_eq!(page.json()["events"].as_array().map(Vec::len), Some(2));
    assert_eq!(page.json()["count_is_capped"], true);
}

#[test]
fn an_empty_list_says_why() {
    assert!(html(&page("", Vec::new())).contains("No event has been received yet"));
    assert!(html(&page("ticket=1", Vec::new())).contains("No event fits this filter"));
    let nearly = html(&page("outcome=nearly", Vec::new()));
    assert!(nearly.contains("Older ones may"), "{nearly}");
    assert!(nearly.contains("0 of 70 events"), "{nearly}");
    assert!(nearly.contains("Look further back"), "{nearly}");
}
