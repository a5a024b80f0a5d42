//! A daemon that is killed without a word, again and again, while events come in and work goes on.

use std::time::Duration;

use super::daemon::Daemon;
use super::ledger::{Figures, NOTE, judge, rules};
use super::place::Place;
use super::receiver::Receiver;
use super::sender::Senders;
use super::turn::{Chance, Turn, is_long, tell, until};

/// Events that are accepted and not yet told, at most: lanes hold several, and the end is not far.
const AHEAD: usize = 60;

/// Now and then a receiver is not well.
fn receiver(seed: u64) -> Receiver {
    let chance = std::sync::Mutex::new(Chance::new(seed ^ 0xFA11));
    let answers = move |_: &_| match chance.lock().unwrap().below(25) {
        0 => 503,
        _ => 200,
    };
    Receiver::taking(Duration::from_millis(3), answers)
}

struct Campaign {
    place: Place,
    receiver: Receiver,
    senders: Senders,
    chance: Chance,
}

impl Campaign {
    fn new(seed: u64) -> Self {
        let receiver = receiver(seed);
        let place = Place::new("");
        place.write("note.sh", NOTE);
        let folder = place.path("").display().to_string();
        place.rules(&rules(receiver.port, folder.trim_end_matches('/')));
        Self {
            place,
            receiver,
            senders: Senders::start(),
            chance: Chance::new(seed),
        }
    }

    /// Waits until so much more has come, letting the senders keep ahead of it.
    #[track_caller]
    fn progresses(&self, by: usize) {
        let goal = self.receiver.count() + by;
        until("requests come", || {
            let got = self.receiver.got();
            let told = got
                .iter()
                .filter(|got| got.path == "/one" && got.status == 200);
            self.senders.allow(told.count() + AHEAD);
            self.receiver.count() >= goal
        });
    }

    /// One life of the daemon, from its start to its sudden end.
    fn lives_once(&mut self) {
        let mut daemon = Daemon::spawn(&self.place);
        if self.chance.below(6) == 0 {
            // While it starts, wherever it is by then.
            std::thread::sleep(Duration::from_millis(self.chance.below(80)));
        } else {
            assert!(daemon.listens(), "{}", daemon.log());
            self.senders.go_to(Some(&daemon.address));
            let some = 1 + self.chance.below(60) as usize;
            self.progresses(some);
            std::thread::sleep(Duration::from_micros(self.chance.below(10_000)));
        }
        self.senders.go_to(None);
        daemon.kill();
        self.receiver.reads_all();
    }

    /// The last life: it ends when everything rests.
    fn ends(self) -> Figures {
        let daemon = Daemon::start(&self.place);
        self.senders.go_to(Some(&daemon.address));
        self.progresses(20);
        let sent = self.senders.end();
        daemon.rests();
        daemon.stops();
        judge(&self.place, &sent, &self.receiver)
    }
}

#[test]
fn whatever_was_accepted_is_done_or_held_after_any_kill() {
    let _turn = Turn::take();
    let kills = if is_long() { 100 } else { 10 };
    let seed = Chance::seed();
    tell(&format!("{kills} kills, DURABILITY_TESTS_SEED={seed}"));
    let mut campaign = Campaign::new(seed);
    for _ in 0..kills {
        campaign.lives_once();
    }
    let figures = campaign.ends();
    tell(&figures.words());
    figures.hold();
    assert!(figures.accepted >= kills, "{figures:?}");
}
