//! Notices of dead runs: their counts add up to the deaths, although daemons are killed.

use std::collections::BTreeMap;

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::wait::wait_until;

use super::desk::{configure, event, request_rule, sandbox};

/// What each notice counted, by its key; a notice that was sent again after a kill has the same key.
fn counts(receiver: &Receiver) -> BTreeMap<String, u64> {
    let received = receiver.received().into_iter();
    let notices = received.filter(|got| got.path == "/dead");
    notices
        .map(|got| (got.key.clone(), got.json()["count"].as_u64().unwrap()))
        .collect()
}

#[test]
fn every_death_is_counted_once_whatever_is_killed() {
    let receiver = Receiver::with_status(|got| if got.path == "/dead" { 200 } else { 404 });
    let port = receiver.port;
    let on_dead = format!(
        "on_dead:\n- http: {{ url: 'http://127.0.0.1:{port}/dead', json: {{ count: '{{{{ error.count }}}}' }} }}\n"
    );
    let sandbox = sandbox(&format!(
        "{}{on_dead}",
        request_rule("tell", "made", port, "")
    ));
    configure(&sandbox, "limits: { notice_every: 2s }\n");
    for round in 0..3 {
        let daemon = DaemonProcess::start(&sandbox);
        for number in 0..4 {
            let ticket = round * 10 + number;
            daemon.accept("desk", &event(&format!("e{ticket}"), ticket, "made"));
        }
        wait_until("the runs are dead", || daemon.count("dead") >= 4);
        daemon.kill();
    }
    let daemon = DaemonProcess::start(&sandbox);
    wait_until("every death is reported", || {
        counts(&receiver).values().sum::<u64>() >= 12
    });
    daemon.wait_until_idle();
    daemon.stop();
    let counts = counts(&receiver);
    assert_eq!(counts.values().sum::<u64>(), 12, "{counts:?}");
}
