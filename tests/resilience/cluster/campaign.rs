//! A campaign: several daemons under load, faults in turn, and the check of everything that was recorded.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::wait::wait_until;

use super::checker::check;
use super::fleet::{Fleet, kept};
use super::fleet_senders::FleetSenders;
use super::ledger::Ledger;
use super::nemesis::Nemesis;
use crate::scheduling::{Random, report};

/// Accepted events that have not arrived at `/one`, at most.
const AHEAD: usize = 40;
/// Events that arrive between two faults.
const PROGRESS: usize = 15;

pub struct Campaign {
    pub fleet: Fleet,
    pub receiver: Receiver,
    senders: FleetSenders,
    random: Random,
    start: Instant,
    resumed: Vec<(String, Instant)>,
    /// Requests to `/one` that were taken.
    taken: Arc<AtomicUsize>,
}

impl Campaign {
    /// Starts daemons and senders; `None` where no server is installed.
    pub fn start(daemons: usize, seed: u64) -> Option<Self> {
        Self::with(seed, |receiver| Fleet::start(daemons, receiver))
    }

    /// Starts one daemon with a store of its own, and senders.
    pub fn start_alone(seed: u64) -> Self {
        let campaign = Self::with(seed, |receiver| Some(Fleet::start_alone(receiver)));
        campaign.expect("a fleet that needs no server")
    }

    fn with(seed: u64, fleet: impl FnOnce(u16) -> Option<Fleet>) -> Option<Self> {
        let taken = Arc::new(AtomicUsize::new(0));
        let receiver = receiver(seed, Arc::clone(&taken));
        let start = Instant::now();
        let fleet = fleet(receiver.port)?;
        let senders = FleetSenders::start(Arc::clone(&fleet.addresses), seed);
        Some(Self {
            fleet,
            receiver,
            senders,
            random: Random::new(seed),
            start,
            resumed: Vec::new(),
            taken,
        })
    }

    /// Lets events arrive.
    #[track_caller]
    pub fn wait_for_progress(&mut self) {
        let goal = self.taken.load(Ordering::Relaxed) + PROGRESS;
        let (fleet, senders, taken) = (&mut self.fleet, &self.senders, &self.taken);
        wait_until("events arrive", || {
            fleet.revive();
            let taken = taken.load(Ordering::Relaxed);
            senders.allow(taken + AHEAD);
            taken >= goal
        });
    }

    /// Causes a fault while events arrive.
    #[track_caller]
    pub fn strike(&mut self, nemesis: Nemesis) {
        self.wait_for_progress();
        // While a daemon is away, the others continue.
        let taken = self.taken.load(Ordering::Relaxed);
        self.senders.allow(taken + 10 * AHEAD);
        std::thread::sleep(Duration::from_micros(self.random.below(10_000)));
        let resumed = nemesis.strike(&mut self.fleet, &mut self.random);
        self.resumed.extend(resumed);
    }

    /// Lets all runs end, stops the daemons and checks what was recorded.
    #[track_caller]
    pub fn end(mut self) {
        self.fleet.heal();
        self.wait_for_progress();
        let accepted = self.senders.end();
        self.fleet.wait_until_idle();
        self.fleet.stop();
        let mut ledger = Ledger::of(&self.fleet, &self.receiver, accepted, self.start);
        let resumed = self.resumed.into_iter();
        ledger.resumed = resumed
            .map(|(daemon, at)| (daemon, at - self.start))
            .collect();
        expect_no_breakage(&ledger, &self.fleet);
    }
}

/// Executes these faults and checks that no promise is broken.
#[track_caller]
pub fn survive(daemons: usize, seed: u64, faults: &[Nemesis]) {
    report(&format!("{faults:?}, DURABILITY_TESTS_SEED={seed}"));
    let Some(mut campaign) = Campaign::start(daemons, seed) else {
        return;
    };
    for fault in faults {
        campaign.strike(*fault);
    }
    campaign.end();
}

/// Checks a ledger, and keeps everything that a fleet recorded if a promise is broken.
#[track_caller]
pub fn expect_no_breakage(ledger: &Ledger, fleet: &Fleet) {
    let held = ledger.runs.iter().filter(|run| run.state == "held");
    report(&format!(
        "accepted {}, requests {}, commands {}, runs {}, held {}",
        ledger.accepted.len(),
        ledger.requests.len(),
        ledger.commands.len(),
        ledger.runs.len(),
        held.count()
    ));
    let found = check(ledger);
    if !found.is_empty() {
        let folder = kept(&std::process::id().to_string());
        fleet.keep(&folder);
        let found = format!("{found:#?}");
        let about = ledger.about(&found);
        panic!("{found}\n{about}\nlogs: {}", folder.display());
    }
    assert!(!ledger.accepted.is_empty() && !ledger.commands.is_empty());
}

/// A receiver that needs some time, and fails sometimes.
fn receiver(seed: u64, taken: Arc<AtomicUsize>) -> Receiver {
    let random = std::sync::Mutex::new(Random::new(seed ^ 0xFA11));
    Receiver::delayed(Duration::from_millis(15), move |got| {
        let fails = random.lock().unwrap().below(25) == 0;
        if !fails && got.path == "/one" {
            taken.fetch_add(1, Ordering::Relaxed);
        }
        if fails { 503 } else { 200 }
    })
}
