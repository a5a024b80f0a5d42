//! Commands beside a daemon that is killed: what outlives it is ended before it does any more, and the
//! run goes on as its rule says. A daemon that is killed often blames nobody who was not alone.

use flowtrigger::core::run::State;

use super::daemon::Daemon;
use super::place::{Place, event, runs_of, telling};
use super::receiver::Receiver;
use super::turn::until;
use super::wire::Wire;

/// A command that says that it began, waits until it may go on, and leaves a line. The first one alone
/// waits: whatever comes after it finds the way free.
const WAITS: &str = "\
echo $$ > \"$1.pid\"
touch \"$1.began\"
until [ -e \"$1.go\" ]; do sleep 0.02; done
echo \"$FLOWTRIGGER_IDEMPOTENCY_KEY\" >> \"$1.lines\"
";

fn command(place: &Place, on_crash: &str) -> String {
    let folder = place.path("").display().to_string();
    format!(
        "name: {on_crash}\nevent_source: desk\nevent_type: {on_crash}\nflow:\n- name: waits\n  exec: [/bin/sh, {folder}/waits.sh, {folder}/{on_crash}]\n  timeout: 100s\n  on_crash: {on_crash}\n"
    )
}

fn is_alive(process: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.trim()));
    let stat = stat.unwrap_or_default();
    let state = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.trim().chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}

#[test]
fn a_command_that_outlives_its_daemon_is_ended_before_it_writes() {
    let place = Place::new("");
    place.write("waits.sh", WAITS);
    place.rules(&[command(&place, "rerun"), command(&place, "hold")].join("---\n"));
    let first = Daemon::start(&place);
    let rules = ["rerun", "hold"];
    for rule in rules {
        first.takes(&event(rule, 1, rule));
        place.waits_for(&format!("{rule}.began"));
    }
    first.kill();
    let left = rules.map(|rule| place.read(&format!("{rule}.pid")));
    for process in &left {
        assert!(is_alive(process), "nothing outlived the daemon");
    }
    let second = Daemon::start(&place);
    for process in &left {
        assert!(!is_alive(process), "`{process}` lives: {}", second.log());
    }
    for rule in rules {
        // Whoever had been left would write now.
        place.write(&format!("{rule}.go"), "");
    }
    second.rests();
    second.stops();
    let store = place.store();
    let run = |rule: &str| runs_of(&store, rule).remove(0);
    assert_eq!(run("rerun").state, State::Done);
    assert_eq!(place.read("rerun.lines").lines().count(), 1);
    assert_eq!(run("hold").state.word(), "held");
    assert_eq!(place.read("hold.lines"), "");
}

#[test]
fn a_command_that_was_held_runs_again_when_a_person_says_so_and_under_its_key() {
    let place = Place::new("");
    place.write("waits.sh", WAITS);
    place.rules(&command(&place, "hold"));
    place.write("hold.go", "");
    let first = Daemon::start(&place);
    first.takes(&event("a", 1, "hold"));
    first.rests();
    std::fs::remove_file(place.path("hold.go")).unwrap();
    std::fs::remove_file(place.path("hold.began")).unwrap();
    let run = first.takes(&event("b", 1, "hold"))["runs"][0]["id"].clone();
    place.waits_for("hold.began");
    first.kill();
    let second = Daemon::start(&place);
    second.rests();
    assert_eq!((second.count("held"), second.count("done")), (1, 1));
    place.write("hold.go", "");
    let retried = second.order("POST", &format!("/runs/{run}/retry"));
    assert_eq!(retried.status(), 200, "{retried:?}");
    second.rests();
    assert_eq!((second.count("held"), second.count("done")), (0, 2));
    let lines = place.read("hold.lines");
    let lines: Vec<&str> = lines.lines().collect();
    assert!(lines.len() == 2 && lines[0] != lines[1], "{lines:?}");
    second.stops();
}

#[test]
fn whoever_is_under_way_at_three_kills_is_not_blamed() {
    let receiver = Receiver::fine();
    receiver.holds();
    let place = Place::new(&telling("tell", "made", receiver.port, ""));
    let first = Daemon::start(&place);
    for ticket in 1..=5 {
        first.takes(&event(&format!("e{ticket}"), ticket, "made"));
    }
    // Together at first; after a kill one at a time.
    receiver.gets(5);
    first.kill();
    for came in [6, 7] {
        let daemon = Daemon::start(&place);
        receiver.gets(came);
        daemon.kill();
    }
    let last = Daemon::start(&place);
    receiver.gets(8);
    assert_eq!(last.count("held"), 0, "{}", last.log());
    receiver.release();
    last.rests();
    assert_eq!(last.count("done"), 5);
    last.stops();
    let mut keys: Vec<String> = receiver.got().into_iter().map(|got| got.key).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 5);
}

#[test]
fn suspects_go_on_alone_until_each_has_ended() {
    let receiver = Receiver::fine();
    receiver.holds();
    let place = Place::new(&telling("tell", "made", receiver.port, ""));
    let first = Daemon::start(&place);
    for ticket in 1..=4 {
        first.takes(&event(&format!("e{ticket}"), ticket, "made"));
    }
    receiver.gets(4);
    first.kill();
    let second = Daemon::start(&place);
    // One of those under way, and nothing else beside it.
    second.takes(&event("new", 9, "made"));
    receiver.gets(5);
    until("one is at work", || second.count("running") == 1);
    assert_eq!(second.count("queued"), 4);
    assert_eq!(receiver.count(), 5);
    receiver.release();
    second.rests();
    let ids: Vec<String> = receiver.got()[4..]
        .iter()
        .map(|got| got.id().into())
        .collect();
    assert_eq!(ids, ["e1", "e2", "e3", "e4", "new"]);
    second.stops();
}

#[test]
fn an_event_that_ends_the_program_each_time_is_put_aside_and_others_go_on() {
    let receiver = Receiver::fine();
    let poison = "name: poison\nevent_source: desk\nevent_type: poison\nflow:\n- name: kill\n  exec: [sh, -c, 'kill -9 $PPID']\n  on_crash: rerun\n";
    let rules = [poison.to_owned(), telling("tell", "a", receiver.port, "")];
    let place = Place::new(&rules.join("---\n"));
    let mut daemon = Daemon::start(&place);
    daemon.takes(&event("good", 1, "a"));
    receiver.gets(1);
    daemon.rests();
    // The answer may be cut off with the daemon; the event is on disk before anything acts on it.
    let mut wire = Wire::connect(&daemon.address).unwrap();
    let bad = event("bad", 2, "poison").to_string();
    drop(wire.ask("POST", "/events/desk", &bad));
    for life in 1..=3 {
        assert_eq!(daemon.ends(), None, "life {life}");
        daemon = Daemon::spawn(&place);
    }
    assert!(daemon.listens(), "{}", daemon.log());
    assert_eq!((daemon.count("held"), daemon.count("done")), (1, 1));
    daemon.says("the program ended three times while this run alone was under way");
    daemon.takes(&event("another", 2, "a"));
    receiver.gets(2);
    daemon.stops();
}
