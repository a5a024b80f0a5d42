//! The pages of events, of one event, and of what a person looks for: the same data as the commands, for any event.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::http_wire::Message;
use flowtrigger_testing::sandbox::Sandbox;
use flowtrigger_testing::wait::TIMEOUT;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::send_to_socket;
use crate::crash::desk;

/// A rule that matches urgent orders of customers that are tagged `vip`, and one that matches every order of ticket 9.
const RULES: &str = "name: vip-urgent
event_source: desk
event_type: order
when: { priority: urgent, tags: { has: vip }, \"none\": [{ tags: { has: internal } }] }
flow: [{ succeed: fine }]
---
name: nine
event_source: desk
event_type: order
when: { ticket: \"9\" }
flow: [{ succeed: fine }]
";

pub struct Site {
    sandbox: Sandbox,
    pub daemon: DaemonProcess,
}

impl Site {
    pub fn new() -> Self {
        let sandbox = desk::sandbox(RULES);
        let daemon = DaemonProcess::start_with_page(&sandbox);
        Self { sandbox, daemon }
    }

    pub fn accept(&self, id: &str, ticket: &str, kind: &str, rest: &Value) {
        let mut event = json!({"kind": kind, "id": id, "ticket": ticket});
        let fields = rest.as_object().expect("fields").clone();
        event.as_object_mut().expect("an object").extend(fields);
        self.daemon.accept("desk", &event);
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Message {
        let host = [("host", "localhost")];
        send_to_socket(&self.daemon, "GET", path, &host)
    }

    #[track_caller]
    pub fn html(&self, path: &str) -> String {
        let answer = self.get(path);
        assert_eq!(answer.status(), 200, "{path}: {answer:?}");
        answer.body
    }

    #[track_caller]
    pub fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status(), 200, "{path}: {answer:?}");
        answer.json()
    }

    /// The rows of the list, by their ids.
    #[track_caller]
    pub fn listed(&self, query: &str) -> Vec<String> {
        let list = self.json(&format!("/events.json?{query}"));
        let rows = list["events"].as_array().expect("a list").iter();
        rows.map(|row| row["id"].as_str().expect("an id").to_owned())
            .collect()
    }

    /// The address of the page of an event.
    #[track_caller]
    fn page_of(&self, id: &str) -> String {
        let list = self.json(&format!("/events.json?id={id}"));
        format!("/events/{}", list["events"][0]["row"])
    }

    #[track_caller]
    pub fn leads_to(&self, path: &str) -> String {
        let answer = self.get(path);
        assert_eq!(answer.status(), 303, "{path}: {answer:?}");
        answer.header("location").expect("an address").to_owned()
    }
}

#[test]
fn events_are_listed_with_what_came_near_and_filtered() {
    let site = Site::new();
    assert!(
        site.html("/events")
            .contains("No event has been received yet")
    );
    let urgent = json!({"priority": "urgent", "tags": ["vip"]});
    site.accept("matched", "9", "order", &urgent);
    site.accept(
        "near",
        "7",
        "order",
        &json!({"priority": "urgent", "tags": ["gold"]}),
    );
    site.accept(
        "far",
        "7",
        "order",
        &json!({"priority": "low", "tags": ["internal"]}),
    );
    site.accept("other", "8", "made", &json!({}));
    site.daemon.wait_until_idle();
    for (query, ids) in [
        ("", vec!["other", "far", "near", "matched"]),
        ("ticket=7", vec!["far", "near"]),
        ("ticket=%237", vec!["far", "near"]),
        ("type=made", vec!["other"]),
        ("type=ord*", vec!["far", "near", "matched"]),
        ("rule=nine", vec!["matched"]),
        ("outcome=matched", vec!["matched"]),
        ("outcome=unmatched", vec!["other", "far", "near"]),
        ("outcome=nearly", vec!["near"]),
        ("outcome=redelivered", vec![]),
        ("entry=support", vec![]),
        ("until=-1h", vec![]),
        ("since=-1h&ticket=8", vec!["other"]),
    ] {
        assert_eq!(site.listed(query), ids, "{query}");
    }
    let near = &site.json("/events.json?id=near")["events"][0];
    assert_eq!(near["outcome"], "nearly");
    assert_eq!(near["closest"]["rule"], "vip-urgent");
    assert_eq!(
        (&near["closest"]["holding"], &near["closest"]["predicates"]),
        (&json!(2), &json!(3))
    );
    assert_eq!(near["closest"]["obstacle"]["path"], "tags");
    let html = site.html("/events");
    for part in [
        "<i></i><i class=\"f\"></i><i></i>",
        "no enabled rule listens to this type",
        "<span class=\"st nearly\">nearly</span>",
        "vip-urgent",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    // Events keep the rules of their time.
    let other = "name: other\nevent_source: desk\nevent_type: made\nflow: [{ succeed: fine }]\n";
    site.sandbox.write_rules(other);
    site.daemon.signal(Signal::HUP);
    site.daemon.expect_message("reloaded");
    assert_eq!(site.listed("outcome=nearly"), ["near"]);
    assert!(site.html(&site.page_of("near")).contains("vip-urgent"));
    for query in ["outcome=perhaps", "before=1", "since=soon"] {
        assert_eq!(site.get(&format!("/events?{query}")).status(), 400);
    }
    site.daemon.stop();
}

#[test]
fn a_long_list_has_pages_that_share_no_event() {
    let site = Site::new();
    for number in 0..120 {
        site.accept(&format!("e{number}"), "7", "made", &json!({}));
    }
    let mut ids = Vec::new();
    let mut page = "/events.json?ticket=7".to_owned();
    loop {
        let list = site.json(&page);
        let rows = list["events"].as_array().unwrap();
        ids.extend(
            rows.iter()
                .map(|row| row["id"].as_str().unwrap().to_owned()),
        );
        match list["older"].as_str() {
            Some(older) => page = older.replace("/events?", "/events.json?"),
            None => break,
        }
        assert!(ids.len() < 200, "{page}");
    }
    let expected: Vec<String> = (0..120).rev().map(|number| format!("e{number}")).collect();
    assert_eq!(ids, expected);
    site.daemon.stop();
}

#[test]
fn new_events_of_the_filter_are_announced() {
    let site = Site::new();
    let mut stream = UnixStream::connect(site.daemon.socket()).expect("the socket is open");
    stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout");
    let request = "GET /live/events?ticket=7 HTTP/1.1\r\nhost: localhost\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("a request");
    let mut read = String::new();
    let mut read_until = |wanted: &str| {
        let mut buffer = [0; 1024];
        while !read.contains(wanted) {
            let size = stream.read(&mut buffer).expect("an announcement in time");
            assert!(size > 0, "{read}");
            read.push_str(&String::from_utf8_lossy(&buffer[..size]));
        }
    };
    read_until(": live");
    site.accept("other", "8", "made", &json!({}));
    site.accept("e1", "7", "made", &json!({}));
    read_until("data: 1");
    site.daemon.stop();
}

#[test]
fn the_page_of_an_event_has_the_json_of_why() {
    let site = Site::new();
    let urgent = json!({"priority": "urgent", "tags": ["vip\u{200b}"]});
    site.accept("e1", "9", "order", &urgent);
    site.accept("e2", "9", "made", &json!({}));
    site.daemon.wait_until_idle();
    for id in ["e1", "e2"] {
        let page = site.json(&format!("{}.json", site.page_of(id)));
        let printed = site.sandbox.run(&["why", id, "--format", "json"]);
        assert_eq!(page, printed.json_lines()[0], "{id}");
    }
    let page = site.page_of("e1");
    let html = site.html(&page);
    for part in [
        "<span class=\"st nearly\">no match, by 1</span>",
        "U+200B ZERO WIDTH SPACE",
        "<span class=\"st done\">done</span>",
        "Try it",
        "/confirm?command=replay&amp;event=",
        "Event as rules read it",
        "<mark class=\"ok\">",
        "expect: match",
        "flowtrigger why e1 --at ",
        "aria-current=\"true\"",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    let received = site.html(&format!("{page}?shape=received"));
    assert!(received.contains("Event as received"), "{received}");
    assert_eq!(site.get(&format!("{page}?shape=round")).status(), 400);
    for path in ["/events/999999", "/events/x", "/events/-1"] {
        assert_eq!(site.get(path).status(), 404, "{path}");
    }
    site.daemon.stop();
}

#[test]
fn what_a_person_names_is_found() {
    let site = Site::new();
    site.accept("e1", "9", "order", &json!({"priority": "low", "tags": []}));
    site.accept("e2", "9", "made", &json!({}));
    site.accept("e3", "1", "made", &json!({}));
    site.accept("e4", "1", "made", &json!({}));
    site.daemon.wait_until_idle();
    let first = site.page_of("e1");
    for (query, page) in [
        ("q=e1", first.clone()),
        ("q=%239", "/events?ticket=9".to_owned()),
        ("q=9&at=-1m", first.clone()),
        ("q=9&rule=nine", format!("{first}#rule-nine")),
        ("q=nine", "/rules/nine".to_owned()),
        ("rule=nine", "/rules/nine".to_owned()),
    ] {
        assert_eq!(site.leads_to(&format!("/find?{query}")), page, "{query}");
    }
    assert_eq!(site.leads_to("/find.json?q=e1"), format!("{first}.json"));
    // A ticket that has the number of a run.
    let both = site.html("/find?q=1");
    for part in ["/runs/1", "/events?ticket=1", "2 events"] {
        assert!(both.contains(part), "{part}: {both}");
    }
    assert_eq!(site.json("/find.json?q=1")["run"]["id"], 1);
    let far = site.html("/find?q=9&at=2020-01-01");
    assert!(
        far.contains("no stored event was received within an hour"),
        "{far}"
    );
    site.daemon.post("/events/desk", "{\"<b>");
    let missed = site.html("/find?q=e%3Cb%3E77");
    for part in [
        "e&lt;b&gt;77",
        "1 rejected request",
        "/deliveries?status=rejected",
    ] {
        assert!(missed.contains(part), "{part}: {missed}");
    }
    assert!(site.html("/find?q=e11").contains("href=\"/find?q=e1\""));
    let printed = site.sandbox.run(&["why", "e77", "--format", "json"]);
    assert_eq!(site.json("/find.json?q=e77"), printed.json_lines()[0]);
    site.daemon.stop();
}

/// A page without the texts that buttons copy: nobody sees them, and they are exact.
fn without_copies(html: &str) -> String {
    let mut parts = html.split("data-copy=\"");
    let mut rest = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (_, after) = part.split_once('"').expect("the end of an attribute");
        rest.push_str(after);
    }
    rest
}

#[test]
fn hostile_events_are_shown_safely() {
    let site = Site::new();
    let hostile = "</script><script>alert(1)</script><b onload=x>\u{202e}\u{0}`'\"";
    let fields = json!({
        "priority": "urgent",
        "tags": [hostile, "x".repeat(100_000)],
        hostile: {"deep": hostile, "number": 12_345_678_901_234_567_890_u64},
    });
    site.accept(&format!("id {hostile}"), hostile, "order", &fields);
    site.accept("plain", "7", &format!("type.{hostile}"), &json!({}));
    site.daemon.wait_until_idle();
    let list = site.json("/events.json");
    let mut paths = vec!["/events".to_owned(), "/find?q=%3Cscript%3E".to_owned()];
    for row in list["events"].as_array().unwrap() {
        let page = format!("/events/{}", row["row"]);
        paths.push(format!("{page}?shape=received"));
        paths.push(page);
    }
    assert_eq!(paths.len(), 6);
    for path in paths {
        let html = without_copies(&site.html(&path));
        assert_eq!(html.matches("<script").count(), 1, "{path}: {html}");
        for forbidden in ["<b onload", "\u{202e}", "\u{0}", " style=", "javascript:"] {
            assert!(!html.contains(forbidden), "{path}: {forbidden:?}");
        }
        assert!(html.len() < 400_000, "{path}: {}", html.len());
    }
    site.daemon.stop();
}
