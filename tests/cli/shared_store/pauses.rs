//! A pause that is given on one machine holds for the daemons of all others.

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::wait::wait_until;

use super::{database, event, machine, rule};

#[test]
fn a_pause_from_a_machine_without_a_daemon_holds_on_every_daemon() {
    let Some((_server, url)) = database() else {
        return;
    };
    let (desk, twin, other) = (machine(&url), machine(&url), machine(&url));
    for same in [&desk, &twin] {
        same.write_rules(&rule("page", "urgent", "succeed: fine"));
    }
    let daemons = [&desk, &twin].map(|sandbox| DaemonProcess::start(sandbox));
    other
        .run(&["pause", "--rule", "pgae"])
        .expect_stderr(1, &["no rule called `pgae` is loaded"]);
    other
        .run(&["pause", "--rule", "page", "--note", "upgrade"])
        .expect_stdout(
            0,
            &[
                "rule `page` is paused",
                "the daemons that share the database observe it within two seconds",
            ],
        );
    for daemon in &daemons {
        wait_until("the daemon knows it", || {
            let metrics = daemon.get("/metrics").body;
            metrics.contains("flowtrigger_paused{kind=\"rule\",name=\"page\"} 1")
        });
    }
    for (daemon, id) in daemons.iter().zip(["e1", "e2"]) {
        daemon.accept("desk", &event(id, "urgent"));
    }
    // One run waits, and the other one for it in its lane.
    wait_until("a run waits", || {
        let listed = other.run(&["runs", "list", "--waiting-for", "rule:page"]);
        listed.code == 0
    });
    other
        .run(&["status"])
        .expect_stdout(0, &["SUSPENDED", "rule `page`", "upgrade"]);
    other
        .run(&["resume", "--rule", "page"])
        .expect_stdout(0, &["rule `page` continues"]);
    wait_until("both runs are done", || daemons[0].count("done") == 2);
    for daemon in daemons {
        daemon.stop();
    }
}
