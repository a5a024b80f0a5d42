//! A daemon that receives one or two stop signals while runs execute.

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::wait::wait_until;
use rustix::process::Signal;

use super::desk::{event, request_rule, sandbox};
use super::expected_effects::{Comparison, NOTE, compare, rules};
use super::senders::Senders;
use crate::scheduling::ExclusiveTest;

/// Stops a daemon under load twice, starts a third and lets it finish.
fn stopped(stop: impl Fn(&DaemonProcess, &Receiver), code: i32) -> Comparison {
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
    compare(&sandbox, &sent, &receiver)
}

#[test]
fn a_shutdown_under_load_completes_and_the_next_start_continues() {
    let _exclusive = ExclusiveTest::start();
    let comparison = stopped(|daemon, _| daemon.signal(Signal::TERM), 0);
    comparison.expect_nothing_lost();
    // All active runs had time to end.
    assert_eq!(
        (comparison.held, comparison.repeated),
        (0, 0),
        "{comparison:?}"
    );
}

#[test]
fn a_second_signal_ends_immediately_and_loses_nothing() {
    let _exclusive = ExclusiveTest::start();
    let comparison = stopped(
        |daemon, receiver| {
            receiver.hold("");
            // Without an active run the first signal would be enough.
            receiver.wait_until_held();
            daemon.signal(Signal::TERM);
            daemon.expect_message("stopping");
            // Signals that arrive together with the first count as one.
            std::thread::sleep(std::time::Duration::from_millis(400));
            daemon.signal(Signal::TERM);
            daemon.expect_message("unfinished runs continue at the next start");
            receiver.release_all();
        },
        5,
    );
    comparison.expect_nothing_lost();
}

#[test]
fn shutdown_does_not_wait_for_retries_and_the_next_start_continues_them() {
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
