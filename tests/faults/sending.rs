//! `send` and `sign` against a daemon that verifies: what one writes, the other takes.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::serving::Daemon;
use crate::signed::{KEY, SOURCES, place};
use crate::support::{Place, urgent};

const NAMES: [&str; 7] = [
    "support", "hex", "standard", "forge", "token", "basic", "own",
];

fn send(place: &Place, daemon: &Daemon, more: &[&str]) -> crate::support::Said {
    let to = ["send", "--to", &daemon.address];
    place.says(&[&to, more].concat())
}

#[test]
fn what_is_sent_is_what_is_verified() {
    let place = place(SOURCES);
    let daemon = Daemon::start(&place);
    for (n, name) in (1..).zip(NAMES) {
        place.write("event.json", urgent(n).to_string());
        let said = send(&place, &daemon, &["--source", name, "event.json"]);
        said.prints(0, &["event.json:1: accepted, event ", "on-urgent  queued"]);
        assert_eq!(said.stderr, "");
        let said = send(&place, &daemon, &["--source", name, "event.json"]);
        said.prints(0, &["redelivered"]);
    }
    let lines = [urgent(50), urgent(51)].map(|event| event.to_string());
    place.write("lines", lines.join("\n"));
    place.write("list.json", json!([urgent(52), urgent(53)]).to_string());
    let more = ["--source", "hex", "--format", "json", "lines", "list.json"];
    let said = send(&place, &daemon, &more);
    assert_eq!(said.code, 0, "{said:?}");
    let told = said.lines();
    let places: Vec<&Value> = told.iter().map(|line| &line["place"]).collect();
    assert_eq!(places, ["lines:1", "lines:2", "list.json:1", "list.json:1"]);
    assert!(told.iter().all(|line| line["answer"]["accepted"] == true));
}

#[test]
fn the_source_is_told_by_the_content_where_one_alone_takes_it() {
    let place = place(
        "sources: { north: { decoder: support, path: /n, verify: zendesk, secrets: KEY }, upmind: {} }\n",
    );
    let daemon = Daemon::start(&place);
    place.write("event.json", urgent(1).to_string());
    send(&place, &daemon, &["event.json"]).prints(0, &["accepted, event "]);
    place.write("flowtrigger.yaml", SOURCES);
    let said = send(&place, &daemon, &["event.json"]);
    said.tells(
        4,
        &[
            "several sources take events of `support`: basic, forge,",
            "--source NAME",
        ],
    );
    place.write("flowtrigger.yaml", "sources: { upmind: {} }\n");
    let said = send(&place, &daemon, &["event.json"]);
    said.tells(
        4,
        &[
            "no source takes events of `support`",
            "add `support: {}` under `sources`",
        ],
    );
    place.write("flowtrigger.yaml", "mode: live\n");
    let said = send(&place, &daemon, &["event.json"]);
    said.prints(
        1,
        &["refused with 404: unknown source; send to one of `/events/upmind`, `/n`"],
    );
    said.tells(
        1,
        &["the source `support` has no `verify`: its events are sent unsigned"],
    );
    let whole = format!("http://{}/n", daemon.address);
    let said = place.says(&["send", "--to", &whole, "event.json"]);
    said.prints(1, &["refused with 401", "another than the one here"]);
}

#[test]
fn a_refusal_is_told_with_its_reason_and_code() {
    let place = place("sources: { support: { verify: zendesk, secrets: KEY } }\n");
    let mut daemon = Daemon::start(&place);
    place.write("event.json", urgent(1).to_string());
    place.write("other.json", "{\"a\": 1}");
    let of = ["--source", "support", "event.json", "other.json"];
    let said = send(&place, &daemon, &of);
    said.prints(
        4,
        &[
            "event.json:1: accepted",
            "other.json:1: refused with 400: this JSON is an object",
        ],
    );
    let other = place.set("FLOWTRIGGER_SECRET_KEY", "another secret of some length");
    let said = send(&other, &daemon, &of[..3]);
    said.prints(1, &["event.json:1: refused with 401"]);
    let other = other.set("FLOWTRIGGER_SECRET_KEY", "");
    let said = send(&other, &daemon, &of[..3]);
    said.tells(
        3,
        &[
            "failed to sign for the source `support`",
            "FLOWTRIGGER_SECRET_KEY",
        ],
    );
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ends(), 0);
    let other = other.set("FLOWTRIGGER_SECRET_KEY", KEY);
    let said = send(&other, &daemon, &of[..3]);
    said.tells(5, &["nothing listens there", "start `flowtrigger daemon`"]);
}

#[test]
fn signing_shows_no_token_and_ages_on_demand() {
    let place = place(SOURCES);
    let daemon = Daemon::start(&place);
    place.write("event.json", urgent(1).to_string());
    for name in NAMES {
        for format in ["text", "json"] {
            let arguments = ["sign", "--source", name, "--format", format, "event.json"];
            let said = place.says(&arguments);
            assert_eq!(said.code, 0, "{said:?}");
            assert!(!said.stdout.contains("c4nary"), "{said:?}");
        }
    }
    let aged = [
        "sign",
        "--source",
        "support",
        "--format",
        "json",
        "--at",
        "-10m",
        "event.json",
    ];
    let signed: Value = serde_json::from_str(&place.says(&aged).stdout).unwrap();
    let headers = signed["headers"].as_object().unwrap();
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}\r\n", value.as_str().unwrap()))
        .collect();
    let body = place.read("event.json");
    let answer = daemon.ask("POST", "/events/support", &headers, body.as_bytes());
    answer.refuses(401, &[]);
    daemon.logs(|line| line["check"] == "sender_stale");
}
