//! A daemon that is asked to stop in the middle of its work, once or with impatience.

use rustix::process::Signal;

use crate::daemon::Daemon;
use crate::ledger::{Figures, NOTE, judge, rules};
use crate::place::{Place, event, telling};
use crate::receiver::Receiver;
use crate::sender::Senders;
use crate::turn::{Turn, until};

/// Stops a daemon under load in some way, starts another and lets it finish.
fn stopped(stop: impl Fn(&Daemon, &Receiver), code: i32) -> Figures {
    let receiver = Receiver::taking(std::time::Duration::from_millis(3), |_| 200);
    let place = Place::new("");
    place.write("note.sh", NOTE);
    let folder = place.path("").display().to_string();
    place.rules(&rules(receiver.port, folder.trim_end_matches('/')));
    let senders = Senders::start();
    for life in 1..=2 {
        let mut daemon = Daemon::start(&place);
        senders.allow(life * 60);
        senders.go_to(Some(&daemon.address));
        receiver.gets(life * 30);
        stop(&daemon, &receiver);
        assert_eq!(daemon.ends(), Some(code), "{}", daemon.log());
    }
    let last = Daemon::start(&place);
    senders.allow(140);
    senders.go_to(Some(&last.address));
    until("all are accepted", || senders.accepted() >= 140);
    let sent = senders.end();
    last.rests();
    last.stops();
    judge(&place, &sent, &receiver)
}

#[test]
fn a_stop_under_load_ends_well_and_the_next_start_goes_on() {
    let _turn = Turn::take();
    let figures = stopped(|daemon, _| daemon.signal(Signal::TERM), 0);
    figures.hold();
    // There was time for everything under way to end.
    assert_eq!((figures.held, figures.repeated), (0, 0), "{figures:?}");
}

#[test]
fn a_second_signal_ends_at_once_and_loses_nothing() {
    let _turn = Turn::take();
    let figures = stopped(
        |daemon, receiver| {
            receiver.holds();
            // With nothing under way it would end in order.
            receiver.has_one();
            daemon.signal(Signal::TERM);
            daemon.says("stopping");
            // What comes together with the first is the same order.
            std::thread::sleep(std::time::Duration::from_millis(400));
            daemon.signal(Signal::TERM);
            daemon.says("unfinished runs continue at the next start");
            receiver.release();
        },
        5,
    );
    figures.hold();
}

#[test]
fn what_waits_is_not_waited_for_and_goes_on_at_the_next_start() {
    let receiver = Receiver::answering(|got| if got.id() == "later" { 503 } else { 200 });
    let slowly = "  retry: { attempts: 3, backoff: 1h, max_delay: 1h }\n";
    let place = Place::new(&telling("tell", "made", receiver.port, slowly));
    let first = Daemon::start(&place);
    first.takes(&event("later", 1, "made"));
    first.takes(&event("behind", 1, "made"));
    until("it waits for its next try", || first.count("retrying") == 1);
    first.stops();
    let second = Daemon::start(&place);
    assert_eq!((second.count("retrying"), second.count("queued")), (1, 1));
    second.stops();
    assert_eq!(receiver.count(), 1);
}
