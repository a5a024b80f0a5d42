//! Daemons that share a database: each run is exported by one of them, and what a dead one left by another.

use std::collections::BTreeMap;

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::postgres::server;
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::wait::wait_until;

use super::collector::{Collector, event, exporting_to, is_root, post, sandbox, telling};

const RUNS: usize = 20;

#[test]
fn daemons_on_one_database_export_each_run() {
    let Some(server) = server() else { return };
    let url = server.database();
    let (first, second, receiver) = (
        Collector::accepting(),
        Collector::accepting(),
        Receiver::ok(),
    );
    let open = |collector: &Collector| {
        let sandbox = sandbox(&exporting_to(collector, ""), &telling(&receiver));
        sandbox.with_env("FLOWTRIGGER_STORE", &url)
    };
    let sandboxes = [open(&first), open(&second)];
    let killed = DaemonProcess::start(&sandboxes[0]);
    let other = DaemonProcess::start(&sandboxes[1]);
    first.0.hold("");
    for number in 0..RUNS {
        let daemon = [&killed, &other][number % 2];
        post(daemon, "", &event(&format!("e{number}")));
    }
    receiver.wait_for(RUNS);
    first.0.wait_until_held();
    killed.kill();
    let by_event = || {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for span in second.spans().iter().filter(|span| is_root(span)) {
            let event = span.text("flowtrigger.event.id").to_owned();
            *counts.entry(event).or_default() += 1;
        }
        counts
    };
    wait_until("the other daemon exports all", || by_event().len() == RUNS);
    let counts = by_event();
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
    other.stop();
}
