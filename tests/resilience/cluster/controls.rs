//! Controls of the checker: each ledger is wrong in one way, and exactly that is found.

use std::time::Duration;

use super::checker::{Promise, check};
use super::desk::{Made, SOME, daemon_name};
use super::ledger::{DeskRequest, Ledger, StartedCommand, StoredRun};

const TICKETS: u64 = 3;
const EVENTS: u64 = 9;
const STEP: Duration = Duration::from_millis(10);

/// The ledger of a campaign without faults.
fn right() -> Ledger {
    let mut ledger = Ledger::default();
    for number in 1..=EVENTS {
        for ticket in 1..=TICKETS {
            let event = Made { ticket, number };
            ledger.accepted.push(event);
            for rule in event.rules() {
                let acts = match rule {
                    "window" => number == 1 || number.is_multiple_of(4),
                    "quiet" => number == EVENTS,
                    _ => true,
                };
                let paths: &[&str] = match rule {
                    "two" => &["two/first", "two/second"],
                    rule => &[rule],
                };
                ledger.runs.push(StoredRun {
                    event,
                    rule: rule.to_owned(),
                    state: if acts { "done" } else { "suppressed" }.to_owned(),
                    why: String::new(),
                });
                for path in paths.iter().filter(|_| acts) {
                    act(&mut ledger, path, event);
                }
            }
        }
    }
    ledger
}

fn act(ledger: &mut Ledger, path: &str, event: Made) {
    let key = format!("{path} {}", event.id());
    let daemon = daemon_name(usize::try_from(event.ticket).unwrap());
    if SOME.contains(&path) {
        ledger.commands.push(StartedCommand {
            rule: path.to_owned(),
            event,
            key,
            daemon,
        });
        return;
    }
    let arrived = STEP * u32::try_from(ledger.requests.len()).unwrap();
    ledger.requests.push(DeskRequest {
        path: path.to_owned(),
        event,
        key,
        daemon,
        arrived,
        answered: arrived + STEP / 2,
        status: 200,
    });
}

#[track_caller]
fn finds(promise: Promise, ledger: &Ledger) {
    let found = check(ledger);
    assert!(!found.is_empty(), "{promise:?} is not found");
    let only = found.iter().all(|breakage| breakage.promise == promise);
    assert!(only, "{found:?}");
}

/// The position of the last request of a path.
fn last(ledger: &Ledger, path: &str) -> usize {
    let found = ledger.requests.iter().rposition(|got| got.path == path);
    found.unwrap()
}

#[test]
fn a_right_ledger_breaks_no_promise() {
    assert_eq!(check(&right()), []);
}

#[test]
fn a_held_run_and_a_repeated_request_are_right() {
    let mut ledger = right();
    let held = ledger.runs.iter_mut().find(|run| run.rule == "hold");
    held.unwrap().state = "held".to_owned();
    let mut again = ledger.requests[last(&ledger, "one")].clone();
    again.arrived += STEP * 1_000;
    again.answered += STEP * 1_000;
    ledger.requests.push(again);
    assert_eq!(check(&ledger), []);
}

#[test]
fn a_run_that_has_not_ended_is_lost() {
    for state in ["queued", "running", "retrying", "dead", "suppressed"] {
        let mut ledger = right();
        let run = ledger.runs.iter_mut().find(|run| run.rule == "one");
        run.unwrap().state = state.to_owned();
        finds(Promise::NothingLost, &ledger);
    }
}

#[test]
fn an_event_without_a_run_or_with_two_is_lost() {
    let mut ledger = right();
    ledger.runs.remove(0);
    finds(Promise::NothingLost, &ledger);
    let mut ledger = right();
    ledger.runs.push(ledger.runs[0].clone());
    finds(Promise::NothingLost, &ledger);
}

#[test]
fn a_run_that_is_done_without_its_effect_is_lost() {
    for path in ["one", "two/second", "quiet"] {
        let mut ledger = right();
        let position = last(&ledger, path);
        ledger.requests.remove(position);
        finds(Promise::NothingLost, &ledger);
    }
    let mut ledger = right();
    let position = last(&ledger, "one");
    ledger.requests[position].status = 503;
    finds(Promise::NothingLost, &ledger);
}

#[test]
fn the_last_event_of_a_ticket_must_end_its_window() {
    let mut ledger = right();
    let position = last(&ledger, "quiet");
    let event = ledger.requests.remove(position).event;
    let run = ledger.runs.iter_mut();
    let mut of_event = run.filter(|run| run.rule == "quiet" && run.event == event);
    of_event.next().unwrap().state = "suppressed".to_owned();
    finds(Promise::NothingLost, &ledger);
}

#[test]
fn first_attempts_in_another_order_are_found() {
    let mut ledger = right();
    let of_ticket = |got: &DeskRequest| got.path == "one" && got.event.ticket == 1;
    let first = ledger.requests.iter().position(of_ticket).unwrap();
    let later = ledger.requests.iter().rposition(of_ticket).unwrap();
    let (a, b) = (
        ledger.requests[first].clone(),
        ledger.requests[later].clone(),
    );
    for (position, other) in [(first, &b), (later, &a)] {
        let request = &mut ledger.requests[position];
        (request.event, request.key) = (other.event, other.key.clone());
    }
    finds(Promise::Order, &ledger);
}

#[test]
fn commands_in_another_order_are_found() {
    let mut ledger = right();
    let of_ticket = |command: &StartedCommand| command.rule == "rerun" && command.event.ticket == 1;
    let first = ledger.commands.iter().position(of_ticket).unwrap();
    let later = ledger.commands.iter().rposition(of_ticket).unwrap();
    ledger.commands.swap(first, later);
    finds(Promise::Order, &ledger);
}

#[test]
fn a_second_step_before_the_first_is_found() {
    let mut ledger = right();
    let (first, second) = (last(&ledger, "two/first"), last(&ledger, "two/second"));
    ledger.requests.swap(first, second);
    finds(Promise::Order, &ledger);
}

#[test]
fn a_first_step_after_the_second_is_found() {
    let mut ledger = right();
    let mut again = ledger.requests[last(&ledger, "two/first")].clone();
    again.arrived += STEP * 1_000;
    again.answered += STEP * 1_000;
    let resumed = again.arrived - STEP;
    ledger.requests.push(again.clone());
    finds(Promise::Order, &ledger);
    // A daemon that was paused can be as late as this.
    ledger.resumed.push((again.daemon, resumed));
    assert_eq!(check(&ledger), []);
}

#[test]
fn two_runs_in_a_window_are_found() {
    let mut ledger = right();
    let suppressed = |run: &&mut StoredRun| run.rule == "window" && run.state == "suppressed";
    let run = ledger.runs.iter_mut().find(suppressed).unwrap();
    run.state = "held".to_owned();
    finds(Promise::OneInWindow, &ledger);
}

#[test]
fn a_held_command_that_starts_twice_is_found() {
    let mut ledger = right();
    let command = ledger
        .commands
        .iter()
        .find(|command| command.rule == "hold");
    let mut again = command.unwrap().clone();
    again.daemon = daemon_name(9);
    ledger.commands.push(again.clone());
    finds(Promise::StartedOnce, &ledger);
    // The other rule may run its command again.
    let mut ledger = right();
    again.rule = "rerun".to_owned();
    again.key = format!("rerun {}", again.event.id());
    ledger.commands.push(again);
    assert_eq!(check(&ledger), []);
}

/// Two daemons execute a run: the second repeats the request of the first while that is in progress.
fn with_two_owners() -> (Ledger, String) {
    let mut ledger = right();
    let position = last(&ledger, "one");
    let mut other = ledger.requests[position].clone();
    other.arrived += STEP / 4;
    other.daemon = daemon_name(9);
    let daemon = other.daemon.clone();
    ledger.requests.insert(position + 1, other);
    (ledger, daemon)
}

#[test]
fn two_owners_of_a_run_are_found() {
    finds(Promise::OneOwner, &with_two_owners().0);
}

#[test]
fn two_owners_of_a_lane_are_found() {
    let (mut ledger, _) = with_two_owners();
    let position = last(&ledger, "one");
    // The same at another event of the lane.
    let before = ledger.requests[position].event;
    let earlier = Made {
        number: before.number - 1,
        ..before
    };
    ledger.requests[position].event = earlier;
    ledger.requests[position].key = format!("one {}", earlier.id());
    finds(Promise::OneOwner, &ledger);
}

#[test]
fn a_paused_daemon_may_be_late_once_in_a_lane() {
    let (mut ledger, daemon) = with_two_owners();
    let position = last(&ledger, "one");
    let late = ledger.requests[position].clone();
    ledger.resumed.push((daemon, late.arrived - STEP / 8));
    assert_eq!(check(&ledger), []);
    ledger.requests.insert(position + 1, late);
    finds(Promise::OneOwner, &ledger);
}

#[test]
fn wrong_keys_are_found() {
    let mut ledger = right();
    let position = last(&ledger, "one");
    ledger.requests[position].key = String::new();
    finds(Promise::Keys, &ledger);
    let mut ledger = right();
    let (a, b) = (last(&ledger, "one"), last(&ledger, "window"));
    ledger.requests[a].key = ledger.requests[b].key.clone();
    finds(Promise::Keys, &ledger);
}
