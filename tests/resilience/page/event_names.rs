//! Lists of events: near misses beside matches, names as people write them, and announcements of what is new alone.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use flowtrigger_testing::wait::TIMEOUT;
use serde_json::json;

use super::events::Site;

#[test]
fn an_event_that_one_rule_matched_can_nearly_match_another() {
    let site = Site::new();
    let urgent = json!({"priority": "urgent", "tags": ["gold"]});
    site.accept("both", "9", "order", &urgent);
    // The hits are far behind what is no hit.
    for number in 0..150 {
        site.accept(&format!("far{number}"), "7", "made", &json!({}));
    }
    site.daemon.wait_until_idle();
    assert_eq!(site.listed("outcome=nearly"), ["both"]);
    let row = &site.json("/events.json?ticket=9")["events"][0];
    assert_eq!(
        (&row["outcome"], &row["closest"]["rule"]),
        (&json!("matched"), &json!("vip-urgent"))
    );
    let html = site.html("/events?ticket=9");
    for part in [
        "<span class=\"st nearly\">nearly</span>",
        "<i></i><i class=\"f\"></i><i></i>",
        "href=\"/runs/1\"",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    site.daemon.stop();
}

#[test]
fn names_are_accepted_and_suggested_as_people_write_them() {
    let site = Site::new();
    site.accept("e1", "90417", "order.Paid", &json!({}));
    site.accept("e2", "9", "order", &json!({}));
    site.daemon.wait_until_idle();
    assert_eq!(site.listed("type=paid"), ["e1"]);
    assert_eq!(site.listed("since=1h&until=now&type=order"), ["e2"]);
    let html = site.html("/events?rule=nin");
    assert!(html.contains("href=\"/events?rule=nine\""), "{html}");
    assert_eq!(site.leads_to("/find?q=run%201"), "/runs/1");
    for (query, part) in [
        ("q=90417&rule=nine", "did not listen to"),
        ("q=90417&rule=nope", "no rule is called"),
        (
            "q=90417&at=2020-01-01T00:00",
            "no stored event was received within an hour",
        ),
    ] {
        let html = site.html(&format!("/find?{query}"));
        assert!(html.contains(part), "{query}: {html}");
    }
    let wrong = site.get("/events?ticket=9&since=soon");
    assert_eq!(wrong.status(), 400);
    assert!(
        wrong.body.contains("href=\"/events?ticket=9\""),
        "{}",
        wrong.body
    );
    site.daemon.stop();
}

#[test]
fn what_a_list_has_is_not_announced_as_new() {
    let site = Site::new();
    // The event without a run is stored after the one that was received later.
    for number in 0..20 {
        site.accept(&format!("made{number}"), "7", "made", &json!({}));
        site.accept(&format!("order{number}"), "9", "order", &json!({}));
    }
    let html = site.html("/events");
    let (_, live) = html.split_once("data-live=\"").expect("a live list");
    let (live, _) = live.split_once('"').expect("the end of an attribute");
    let mut stream = UnixStream::connect(site.daemon.socket()).expect("the socket is open");
    stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout");
    let live = live.replace("&amp;", "&");
    let request = format!("GET {live} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("a request");
    let mut read = String::new();
    let mut read_until = |wanted: &str| {
        let mut buffer = [0; 1024];
        while !read.contains(wanted) {
            let size = stream.read(&mut buffer).expect("an announcement in time");
            assert!(size > 0, "{read}");
            read.push_str(&String::from_utf8_lossy(&buffer[..size]));
        }
        read.clone()
    };
    let quiet = read_until(": live");
    assert!(!quiet.contains("data: "), "{quiet}");
    site.accept("new", "9", "order", &json!({}));
    let told = read_until("data: ");
    assert!(told.contains("data: 1"), "{told}");
    site.daemon.stop();
}
