//! A daemon that is killed without a word, again and again, while events come in and work goes on.

use std::time::Duration;

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::sandbox::Sandbox;
use flowtrigger_testing::wait::wait_until;

use super::desk::sandbox;
use super::expected_effects::{Figures, NOTE, judge, rules};
use super::senders::Senders;
use crate::scheduling::{ExclusiveTest, Random, is_long, report};

/// Events that are accepted and not yet told, at most: lanes hold several, and the end is not far.
const AHEAD: usize = 60;

/// Now and then a receiver is not well.
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

    /// Waits until so much more has come, letting the senders keep ahead of it.
    #[track_caller]
    fn progresses(&self, by: usize) {
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

    /// One life of the daemon, from its start to its sudden end.
    fn lives_once(&mut self) {
        let mut daemon = DaemonProcess::spawn(&self.sandbox);
        if self.random.below(6) == 0 {
            // While it starts, wherever it is by then.
            std::thread::sleep(Duration::from_millis(self.random.below(80)));
        } else {
            assert!(daemon.wait_until_listening(), "{}", daemon.log());
            self.senders.go_to(Some(&daemon.address));
            let some = 1 + self.random.below(60) as usize;
            self.progresses(some);
            std::thread::sleep(Duration::from_micros(self.random.below(10_000)));
        }
        self.senders.go_to(None);
        daemon.kill();
        self.receiver.wait_until_drained();
    }

    /// The last life: it ends when everything rests.
    fn ends(self) -> Figures {
        let daemon = DaemonProcess::start(&self.sandbox);
        self.senders.go_to(Some(&daemon.address));
        self.progresses(20);
        let sent = self.senders.end();
        daemon.wait_until_idle();
        daemon.stop();
        judge(&self.sandbox, &sent, &self.receiver)
    }
}

#[test]
fn whatever_was_accepted_is_done_or_held_after_any_kill() {
    let _exclusive = ExclusiveTest::start();
    let kills = if is_long() { 100 } else { 10 };
    let seed = Random::seed();
    report(&format!("{kills} kills, DURABILITY_TESTS_SEED={seed}"));
    let mut campaign = Campaign::new(seed);
    for _ in 0..kills {
        campaign.lives_once();
    }
    let figures = campaign.ends();
    report(&figures.words());
    figures.hold();
    assert!(figures.accepted >= kills, "{figures:?}");
}
