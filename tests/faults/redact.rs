//! Fields that are not kept: there for the run, and in no row and no page of the file once it is over.
//! A daemon is what keeps them, so it is asked, and its file is searched.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::receiver::{Receiver, dead_port};
use crate::serving::Daemon;
use crate::support::{Place, subject, urgent};

const SAID: &str = "the-customers-own-words";

fn place(flow: &str) -> Place {
    let place = Place::new();
    let rule = |name: &str, when: &str, flow: &str| {
        format!(
            "name: {name}\nevent_source: support\nevent_type: [ticket.SubjectChanged, ticket.PriorityChanged]\nwhen: {when}\nflow:\n{flow}\n"
        )
    };
    let rules = [
        rule(
            "acts",
            "{ current: { contains: words }, ticket.id: { lt: 100 } }",
            flow,
        ),
        rule(
            "never",
            "{ current: { contains: nobody }, ticket.id: { lt: 0 } }",
            "- succeed: ok",
        ),
    ];
    place.write("rules/rules.yaml", rules.join("---\n"));
    place.write(
        "flowtrigger.yaml",
        "outgoing: { allow: [127.0.0.1] }\nredact: [current, previous]\n",
    );
    place
}

/// What stands in the database and beside it.
fn kept(place: &Place) -> String {
    let files = fs::read_dir(place.path("data")).expect("a folder");
    let files = files.map(|entry| entry.expect("a file").path());
    let databases = files.filter(|path| path.to_string_lossy().contains("flowtrigger.db"));
    let bytes = databases.map(|path| fs::read(path).expect("bytes"));
    bytes
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .collect()
}

fn stopped(mut daemon: Daemon) {
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ends(), 0);
}

#[test]
fn what_is_redacted_is_in_no_page_of_the_file_once_its_run_is_over() {
    let receiver = Receiver::fine();
    let place = place(&format!(
        "- http: {{ url: 'http://127.0.0.1:{}/', json: {{ said: '{{{{ current }}}}' }}}}\n  keep: none",
        receiver.port
    ));
    let daemon = Daemon::start(&place);
    for ticket in [1, 100, 200] {
        let event = subject(ticket, SAID).to_string();
        assert_eq!(daemon.post("/events/support", &event).status, 200);
    }
    daemon.logs(|line| line["state"] == "done");
    stopped(daemon);
    assert_eq!(receiver.got()[0].json()["said"], SAID);
    let kept = kept(&place);
    assert!(!kept.contains(SAID), "it is in the file");
    assert!(kept.contains("[redacted]"));
    let said = place.says(&["why", "1"]);
    said.prints(
        0,
        &[
            "redacted: previous, current",
            "MISSING  acts",
            "was redacted (`redact`",
        ],
    );
    said.prints(0, &["run  1 done"]);
    // Decided by what is kept.
    said.prints(0, &["NO MATCH  never"]);
    let line = place
        .says(&["why", "1", "--format", "json"])
        .lines()
        .remove(0);
    assert_eq!(line["redacted"], json!(["previous", "current"]));
    assert_eq!(line["matched"], json!(["acts"]));
    place
        .says(&["why", "100"])
        .prints(0, &["NO MATCH  acts", "nothing happened"]);
    let refused = place.says(&["runs", "replay", "1"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    let words = format!("{}{}", refused.stdout, refused.stderr);
    assert!(
        words.contains("no longer kept") && words.contains("sent again"),
        "{words}"
    );
}

#[test]
fn a_dead_run_keeps_what_it_needs_until_it_is_given_up() {
    let place = place(&format!(
        "- http: {{ url: 'http://127.0.0.1:{}/', json: {{ said: '{{{{ current }}}}' }} }}\n  retry: {{ attempts: 1 }}",
        dead_port()
    ));
    let daemon = Daemon::start(&place);
    daemon.post("/events/support", &subject(1, SAID).to_string());
    daemon.logs(|line| line["state"] == "dead");
    stopped(daemon);
    assert!(kept(&place).contains(SAID), "a retry needs it");
    place.says(&["why", "1"]).prints(0, &["MATCH  acts"]);
}

#[test]
fn events_that_only_some_rule_of_another_type_wants_are_filed_without_it() {
    let place = place("- succeed: ok");
    let daemon = Daemon::start(&place);
    let mut other: Value = urgent(7);
    other["input"]["ticket_event"]["type"] = "Status Changed".into();
    other["input"]["ticket_event"]["current"] = SAID.into();
    assert_eq!(
        daemon.post("/events/support", &other.to_string()).status,
        200
    );
    stopped(daemon);
    let kept = kept(&place);
    assert!(!kept.contains(SAID) && kept.contains("[redacted]"));
    place
        .says(&["why", "7"])
        .prints(0, &["redacted: previous, current"]);
}

/// The search would find it.
#[test]
fn without_a_word_about_it_everything_is_in_the_file() {
    let place = place("- succeed: ok");
    place.write("flowtrigger.yaml", "mode: live\n");
    let daemon = Daemon::start(&place);
    daemon.post("/events/support", &subject(1, SAID).to_string());
    daemon.logs(|line| line["state"] == "done");
    stopped(daemon);
    assert!(kept(&place).contains(SAID));
}

#[test]
fn redact_in_a_rule_points_to_the_configuration() {
    let place = Place::with_flow("- succeed: ok\nredact: [comment.body]");
    let said = place.says(&["check"]);
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.stdout.contains("into flowtrigger.yaml"), "{said:?}");
}
