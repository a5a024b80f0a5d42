//! The daemon's data folder: one daemon at a time, orders over its socket, and what a killed one left.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process};
use serde_json::Value;

use crate::serving::Daemon;
use crate::support::{NOTE, PATIENCE, Place, is_gone, urgent};

#[test]
fn a_second_daemon_says_who_has_the_folder() {
    let place = Place::with_flow(NOTE);
    let daemon = Daemon::start(&place);
    let first = place.read("data/lock");
    let process = first.lines().next().unwrap();
    let second = place.says(&["daemon", "--listen", "127.0.0.1:0"]);
    second.tells(
        5,
        &[&format!("a daemon (process {process}, since 20"), "--data"],
    );
    assert_eq!(place.read("data/lock"), first);
    drop(daemon);
    let mut third = Daemon::start(&place);
    third.signal(Signal::TERM);
    assert_eq!(third.ends(), 0);
}

#[test]
fn a_daemon_takes_orders_over_its_socket_alone() {
    let place = Place::with_flow(NOTE);
    let killed = Daemon::start(&place);
    drop(killed);
    assert!(place.path("data/flowtrigger.sock").exists(), "left behind");
    let mut daemon = Daemon::start(&place);
    let path = place.path("data/flowtrigger.sock");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = b"GET /status HTTP/1.1\r\nhost: f\r\nconnection: close\r\n\r\n";
    stream.write_all(head).unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    let (_, body) = said.split_once("\r\n\r\n").unwrap();
    let told: Value = serde_json::from_str(body).unwrap();
    let process = place.read("data/lock");
    assert_eq!(told["pid"].to_string(), process.lines().next().unwrap());
    assert_eq!(daemon.get("/status").status, 404);
    assert_eq!(daemon.get("/metrics").status, 200);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ends(), 0);
    assert!(!path.exists());
}

/// A command with a child of its own.
const LONG: &str = "- name: long\n  shell: |\n    sleep 50 &\n    echo $! > child\n    echo $$ > pid\n    touch began\n    wait\n  timeout: 50s\n";

#[test]
fn a_command_that_outlived_its_daemon_is_killed_before_the_next_starts() {
    let place = Place::with_flow(LONG);
    let daemon = Daemon::start(&place);
    daemon.post("/events/support", &urgent(1).to_string());
    place.waits_for("rules/began");
    let id = |name: &str| place.read(name).trim().parse::<u32>().unwrap();
    let (command, child) = (id("rules/pid"), id("rules/child"));
    drop(daemon);
    let group = Pid::from_raw(command.try_into().unwrap()).unwrap();
    assert!(test_kill_process(group).is_ok(), "nothing outlived it");
    let mut next = Daemon::start(&place);
    let gone = is_gone(command) && is_gone(child);
    let _ = kill_process_group(group, Signal::KILL);
    assert!(gone, "it goes on beside the next daemon");
    assert!(next.log().contains("killed a command"), "{}", next.log());
    let left = std::fs::read_dir(place.path("data/processes")).unwrap();
    assert_eq!(left.count(), 0);
    next.signal(Signal::TERM);
    assert_eq!(next.ends(), 0);
}
