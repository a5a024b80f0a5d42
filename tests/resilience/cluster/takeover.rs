//! What happens to the runs of a daemon that ends or loses its lease while it executes them.

use std::time::Instant;

use flowtrigger_testing::receiver::{Received, Receiver};
use flowtrigger_testing::wait::wait_until;

use super::campaign::expect_no_breakage;
use super::checker::{Promise, check};
use super::desk::Made;
use super::fleet::Fleet;
use super::ledger::Ledger;
use crate::scheduling::{ExclusiveTest, report};

/// A fleet of two, and an event whose request to `/one` is in progress at one of them.
struct Interrupted {
    fleet: Fleet,
    receiver: Receiver,
    start: Instant,
    events: Vec<Made>,
    /// The position of the daemon that sent the request.
    owner: usize,
}

/// The requests to `/one` of an event.
fn requests(receiver: &Receiver, event: Made) -> Vec<Received> {
    let mut received = receiver.received();
    received.retain(|got| got.path == "/one" && got.id() == event.id());
    received
}

impl Interrupted {
    fn new() -> Option<Self> {
        let receiver = Receiver::ok();
        let start = Instant::now();
        let fleet = Fleet::start(2, receiver.port)?;
        // Runs commands too, and no other event of the ticket does.
        let events = (7..=9).map(|number| Made { ticket: 1, number });
        let events: Vec<Made> = events.collect();
        receiver.hold(&events[0].id());
        for (event, member) in events.iter().zip([0, 1, 0]) {
            fleet.members[member].accept(*event);
        }
        let first = events[0];
        wait_until("the request is in progress", || {
            !requests(&receiver, first).is_empty()
        });
        let sent = requests(&receiver, first).remove(0);
        let name = sent.header("x-daemon").unwrap_or_default();
        let mut members = fleet.members.iter();
        let owner = members.position(|member| member.name == name);
        Some(Self {
            owner: owner.expect("one of the daemons"),
            fleet,
            receiver,
            start,
            events,
        })
    }

    /// Waits until the other daemon has sent the request again.
    fn wait_for_other(&self) {
        wait_until("the other daemon continues the run", || {
            let sent = requests(&self.receiver, self.events[0]);
            let mut daemons = sent.iter().filter_map(|got| got.header("x-daemon"));
            daemons.any(|daemon| daemon != self.fleet.members[self.owner].name)
        });
    }

    fn end(mut self) -> (Ledger, Fleet) {
        self.receiver.release_all();
        self.fleet.wait_until_idle();
        self.fleet.stop();
        let ledger = Ledger::of(&self.fleet, &self.receiver, self.events, self.start);
        (ledger, self.fleet)
    }
}

#[test]
fn the_runs_of_a_killed_daemon_are_continued_with_their_keys() {
    let _exclusive = ExclusiveTest::start();
    let Some(mut interrupted) = Interrupted::new() else {
        return;
    };
    let killed = Instant::now();
    interrupted.fleet.members[interrupted.owner].kill();
    // The receiver notices the end when it answers.
    interrupted.receiver.release_all();
    interrupted.wait_for_other();
    report(&format!("taken over after {:?}", killed.elapsed()));
    let (ledger, fleet) = interrupted.end();
    expect_no_breakage(&ledger, &fleet);
}

/// A daemon that is told nothing of the loss of its lease executes a run beside the one that took it over: the
/// checker sees both, and nothing of what the first writes then is stored.
#[test]
fn a_daemon_that_lost_its_lease_is_seen_and_writes_nothing() {
    let _exclusive = ExclusiveTest::start();
    let Some(interrupted) = Interrupted::new() else {
        return;
    };
    let (fleet, owner) = (&interrupted.fleet, interrupted.owner);
    let process = format!(
        "SELECT d.process FROM live_runs r JOIN queues q ON q.id = r.queue JOIN events e ON e.id = r.event
             JOIN daemons d ON d.id = r.daemon
         WHERE q.rule = 'one' AND e.event_id = '{}'",
        interrupted.events[0].id()
    );
    let lost = fleet.sql(&process);
    let expire = format!("UPDATE daemons SET lease_until = 0 WHERE process = {lost} AND live = 1");
    wait_until("the other daemon takes the run over", || {
        // Its beats extend the lease until then. It joins again under another id, and may even claim the run again.
        fleet.sql(&expire);
        let current = fleet.sql(&process);
        !current.is_empty() && current != lost
    });
    interrupted.wait_for_other();
    interrupted.receiver.release_all();
    let member = &fleet.members[owner];
    wait_until("the first daemon notices it", || {
        member.has_logged("taken over by another daemon")
    });
    let (ledger, _) = interrupted.end();
    let found = check(&ledger);
    assert!(!found.is_empty());
    let only = found
        .iter()
        .all(|breakage| breakage.promise == Promise::OneOwner);
    assert!(only, "{found:#?}");
}
