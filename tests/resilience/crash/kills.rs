//! A daemon that is killed again and again while events arrive and runs execute.

use std::time::Duration;

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::sandbox::Sandbox;
use flowtrigger_testing::wait::wait_until;

use super::desk::sandbox;
use super::expected_effects::{Comparison, NOTE, compare, rules};
use super::senders::Senders;
use crate::scheduling::{ExclusiveTest, Random, is_long, report};

/// Accepted events without an effect, at most: lanes hold several, and the test can end soon.
const AHEAD: usize = 60;

/// A receiver that fails sometimes.
fn receiver(seed: u64) -> Receiver {
    let random = std::sync::Mutex::new(Random::new(seed ^ 0xFA11));
    let answers = move |_: &_| match random.lock().unwrap().below(25) {
        0 => 503,
        _ => 200,
    };
    Receiver::delayed(Duration::from_millis(3), answers)
}

struct Campaign {
    sandbox: Sandbox,
    receiver: Receiver,
    senders: Senders,
    random: Random,
}

impl Campaign {
    fn new(seed: u64) -> Self {
        let receiver = receiver(seed);
        let sandbox = sandbox("");
        sandbox.write("note.sh", NOTE);
        let folder = sandbox.path("").display().to_string();
        sandbox.write_rules(&rules(receiver.port, folder.trim_end_matches('/')));
        Self {
            sandbox,
            receiver,
            senders: Senders::start(),
            random: Random::new(seed),
        }
    }

    /// Waits for more requests and lets the senders stay ahead of them.
    #[track_caller]
    fn wait_for_progress(&self, by: usize) {
        let goal = self.receiver.count() + by;
        wait_until("requests come", || {
            let got = self.receiver.received();
            let told = got
                .iter()
                .filter(|got| got.path == "/one" && got.status == 200);
            self.senders.allow(told.count() + AHEAD);
            self.receiver.count() >= goal
        });
    }

    /// Starts a daemon and kills it.
    fn start_and_kill(&mut self) {
        let mut daemon = DaemonProcess::spawn(&self.sandbox);
        if self.random.below(6) == 0 {
            // Killed during its start.
            std::thread::sleep(Duration::from_millis(self.random.below(80)));
        } else {
            assert!(daemon.wait_until_listening(), "{}", daemon.log());
            self.senders.go_to(Some(&daemon.address));
            let some = 1 + self.random.below(60) as usize;
            self.wait_for_progress(some);
            std::thread::sleep(Duration::from_micros(self.random.below(10_000)));
        }
        self.senders.go_to(None);
        daemon.kill();
        self.receiver.wait_until_drained();
    }

    /// Starts the last daemon and lets it finish all runs.
    fn finish(self) -> Comparison {
        let daemon = DaemonProcess::start(&self.sandbox);
        self.senders.go_to(Some(&daemon.address));
        self.wait_for_progress(20);
        let sent = self.senders.end();
        daemon.wait_until_idle();
        daemon.stop();
        compare(&self.sandbox, &sent, &self.receiver)
    }
}

#[test]
fn accepted_events_are_done_or_held_after_any_kill() {
    let _exclusive = ExclusiveTest::start();
    let kills = if is_long() { 100 } else { 10 };
    let seed = Random::seed();
    report(&format!("{kills} kills, DURABILITY_TESTS_SEED={seed}"));
    let mut campaign = Campaign::new(seed);
    for _ in 0..kills {
        campaign.start_and_kill();
    }
    let comparison = campaign.finish();
    report(&comparison.summary());
    comparison.expect_nothing_lost();
    assert!(comparison.accepted >= kills, "{comparison:?}");
}
