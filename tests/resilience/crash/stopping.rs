//! A daemon that is asked to stop in the middle of its work, once or with impatience.

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::wait::wait_until;
use rustix::process::Signal;

use super::desk::{event, request_rule, sandbox};
use super::expected_effects::{Figures, NOTE, judge, rules};
use super::senders::Senders;
use crate::scheduling::ExclusiveTest;

/// Stops a daemon under load in some way, starts another and lets it finish.
fn stopped(stop: impl Fn(&DaemonProcess, &Receiver), code: i32) -> Figures {
    let receiver = Receiver::delayed(std::time::Duration::from_millis(3), |_| 200);
    let sandbox = sandbox("");
    sandbox.write("note.sh", NOTE);
    let folder = sandbox.path("").display().to_string();
    sandbox.write_rules(&rules(receiver.port, folder.trim_end_matches('/')));
    let senders = Senders::start();
    for life in 1..=2 {
        let mut daemon = DaemonProcess::start(&sandbox);
        senders.allow(life * 60);
        senders.go_to(Some(&daemon.address));
        receiver.wait_for(life * 30);
        stop(&daemon, &receiver);
        assert_eq!(daemon.wait_for_exit(), Some(code), "{}", daemon.log());
    }
    let last = DaemonProcess::start(&sandbox);
    senders.allow(140);
    senders.go_to(Some(&last.address));
    wait_until("all are accepted", || senders.accepted() >= 140);
    let sent = senders.end();
    last.wait_until_idle();
    last.stop();
    judge(&sandbox, &sent, &receiver)
}

#[test]
fn a_stop_under_load_ends_well_and_the_next_start_goes_on() {
    let _exclusive = ExclusiveTest::start();
    let figures = stopped(|daemon, _| daemon.signal(Signal::TERM), 0);
    figures.hold();
    // There was time for everything under way to end.
    assert_eq!((figures.held, figures.repeated), (0, 0), "{figures:?}");
}

#[test]
fn a_second_signal_ends_at_once_and_loses_nothing() {
    let _exclusive = ExclusiveTest::start();
    let figures = stopped(
        |daemon, receiver| {
            receiver.hold("");
            // With nothing under way it would end in order.
            receiver.wait_until_held();
            daemon.signal(Signal::TERM);
            daemon.expect_message("stopping");
            // What comes together with the first is the same order.
            std::thread::sleep(std::time::Duration::from_millis(400));
            daemon.signal(Signal::TERM);
            daemon.expect_message("runs go on at the next start");
            receiver.release_all();
        },
        5,
    );
    figures.hold();
}

#[test]
fn what_waits_is_not_waited_for_and_goes_on_at_the_next_start() {
    let receiver = Receiver::with_status(|got| if got.id() == "later" { 503 } else { 200 });
    let slowly = "  retry: { attempts: 3, backoff: 1h, max_delay: 1h }\n";
    let sandbox = sandbox(&request_rule("tell", "made", receiver.port, slowly));
    let first = DaemonProcess::start(&sandbox);
    first.accept("desk", &event("later", 1, "made"));
    first.accept("desk", &event("behind", 1, "made"));
    wait_until("it waits for its next try", || first.count("retrying") == 1);
    first.stop();
    let second = DaemonProcess::start(&sandbox);
    assert_eq!((second.count("retrying"), second.count("queued")), (1, 1));
    second.stop();
    assert_eq!(receiver.count(), 1);
}
