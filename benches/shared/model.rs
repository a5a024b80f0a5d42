//! A discrete-event model of many daemons on one Postgres: with the costs that were measured before, how many events it
//! takes with more cores, and how many daemons fill them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::server::Server;
use super::throughput::{self, FULL, Pressure};

/// Of the model, in seconds.
const DURATION: f64 = 20.0;
const WARM_UP: f64 = 5.0;
const MAX_BATCH: usize = 256;
const TRIPS: usize = 3;
/// What each daemon has at the same time.
const SENDERS: usize = 256;
const PLACES: usize = 128;
/// Parts of the costs of an event: its commit, its claim, and two advances.
const COMMIT: f64 = 0.4;
const CLAIM: f64 = 0.2;
const ADVANCE: f64 = 0.2;

/// What was measured, and what is assumed. Times in seconds.
#[derive(Debug, Clone, Copy)]
struct Costs {
    /// Of the server: for an event, and for a transaction.
    event: f64,
    transaction: f64,
    /// Of a daemon, for an event.
    daemon: f64,
    /// Between the daemon and the server, there and back.
    trip: f64,
    /// Until a commit is on the disk; commits share it.
    sync: f64,
    /// Kilobytes of the server's log, for an event.
    wal: f64,
}

pub fn print() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (full, alone) = runtime.block_on(async {
        let server = Server::start();
        let full = throughput::postgres(&server, 1, FULL).await;
        let alone = Pressure {
            senders: 1,
            open: 1,
        };
        (full, throughput::postgres(&server, 1, alone).await)
    });
    // Two equations: an event costs something, and so does each of its transactions.
    let more = alone.transactions - full.transactions;
    let transaction = (alone.postgres_micros - full.postgres_micros) / more;
    let event = full.postgres_micros - transaction * full.transactions;
    let costs = Costs {
        event: event.max(1.0) / 1e6,
        transaction: transaction.max(1.0) / 1e6,
        daemon: full.daemon_micros / 1e6,
        trip: 0.5e-3,
        sync: 2e-3,
        wal: full.wal,
    };
    println!("\n## Model: daemons that fill the cores of a Postgres\n");
    println!(
        "Measured: Postgres needs {event:.0} µs for an event and {transaction:.0} µs for a transaction; a daemon {:.0} µs for \
         an event.",
        full.daemon_micros
    );
    println!(
        "Assumed: each daemon has {SENDERS} senders that wait for their answer, {PLACES} places, actions that take no time, \
         and two cores; a trip takes {} ms, a sync {} ms; the disk, locks between daemons and the log of the server are no \
         limit; each core is as fast as here.\n",
        costs.trip * 1e3,
        costs.sync * 1e3
    );
    println!(
        "| Postgres cores | events/s at most | daemons for 90 % of it | cores of Postgres in use then | its log, MB/s |"
    );
    println!("|--:|--:|--:|--:|--:|");
    for cores in [1, 4, 8, 16] {
        let results: Vec<(usize, Outcome)> = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64]
            .into_iter()
            .map(|daemons| (daemons, Model::new(costs, cores, daemons).run()))
            .collect();
        let most = results.iter().map(|(_, of)| of.rate).fold(0.0, f64::max);
        let enough = results.iter().find(|(_, of)| of.rate >= 0.9 * most);
        let (daemons, of) = enough.expect("one of them has the most");
        println!(
            "| {cores} | {most:.0} | {daemons} | {:.1} | {:.0} |",
            of.busy,
            most * costs.wal / 1_024.0
        );
    }
}

#[derive(Debug, Clone, Copy)]
struct Outcome {
    /// Events per second.
    rate: f64,
    /// Cores that are busy on average.
    busy: f64,
}

/// What a daemon's thread has in work: the jobs of its transaction.
#[derive(Debug, Clone, Copy, Default)]
struct Work {
    commits: usize,
    starts: usize,
    ends: usize,
    claims: usize,
    trips_left: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Daemon {
    /// Jobs that wait for the thread that commits.
    commits: usize,
    starts: usize,
    ends: usize,
    free_places: usize,
    /// Senders that wait for others to be done.
    parked: usize,
    committing: Option<Work>,
    claiming: Option<Work>,
}

/// A thread of a daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Thread {
    daemon: usize,
    claims: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    /// A trip arrives at the server.
    Arrives(Thread),
    /// The server has done its part of it.
    Served(Thread),
    /// The answer is back.
    Answered(Thread),
}

struct Model {
    costs: Costs,
    daemons: Vec<Daemon>,
    /// Runs that any daemon may claim.
    ready: usize,
    free_cores: usize,
    waiting: VecDeque<Thread>,
    /// By time in nanoseconds.
    agenda: BinaryHeap<Reverse<(u64, Happening)>>,
    now: f64,
    busy: f64,
    done: usize,
}

impl Model {
    fn new(costs: Costs, cores: usize, daemons: usize) -> Self {
        let daemon = Daemon {
            commits: SENDERS,
            free_places: PLACES,
            ..Daemon::default()
        };
        Self {
            costs,
            daemons: vec![daemon; daemons],
            ready: 0,
            free_cores: cores,
            waiting: VecDeque::new(),
            agenda: BinaryHeap::new(),
            now: 0.0,
            busy: 0.0,
            done: 0,
        }
    }

    fn run(mut self) -> Outcome {
        (0..self.daemons.len()).for_each(|daemon| self.begin(daemon));
        let mut before = None;
        while let Some(Reverse((at, happening))) = self.agenda.pop() {
            self.now = at as f64 / 1e9;
            if self.now >= WARM_UP && before.is_none() {
                before = Some((self.done, self.busy));
            }
            if self.now >= DURATION {
                break;
            }
            self.happen(happening);
        }
        let (done, busy) = before.unwrap_or_default();
        let took = DURATION - WARM_UP;
        Outcome {
            rate: (self.done - done) as f64 / took,
            busy: (self.busy - busy) / took,
        }
    }

    fn plan(&mut self, after: f64, happening: Happening) {
        let at = ((self.now + after) * 1e9) as u64;
        self.agenda.push(Reverse((at, happening)));
    }

    /// Starts what the threads of a daemon can do.
    fn begin(&mut self, daemon: usize) {
        let of = &mut self.daemons[daemon];
        if of.committing.is_none() && of.commits + of.starts + of.ends > 0 {
            let mut room = MAX_BATCH;
            let mut take = |from: &mut usize| {
                let taken = room.min(*from);
                room -= taken;
                *from -= taken;
                taken
            };
            let work = Work {
                ends: take(&mut of.ends),
                starts: take(&mut of.starts),
                commits: take(&mut of.commits),
                claims: 0,
                trips_left: TRIPS,
            };
            of.committing = Some(work);
            self.send(
                Thread {
                    daemon,
                    claims: false,
                },
                work,
            );
        }
        let of = &mut self.daemons[daemon];
        let claims = of.free_places.min(self.ready);
        if of.claiming.is_none() && claims > 0 {
            of.free_places -= claims;
            self.ready -= claims;
            let work = Work {
                claims,
                trips_left: TRIPS,
                ..Work::default()
            };
            of.claiming = Some(work);
            self.send(
                Thread {
                    daemon,
                    claims: true,
                },
                work,
            );
        }
    }

    /// The thread works on its part, and sends it.
    fn send(&mut self, thread: Thread, work: Work) {
        let own = self.costs.daemon * work.weight() / TRIPS as f64;
        self.plan(own + self.costs.trip / 2.0, Happening::Arrives(thread));
    }

    fn work(&mut self, thread: Thread) -> &mut Option<Work> {
        let daemon = &mut self.daemons[thread.daemon];
        match thread.claims {
            true => &mut daemon.claiming,
            false => &mut daemon.committing,
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Arrives(thread) => {
                self.waiting.push_back(thread);
                self.serve();
            }
            Happening::Served(thread) => {
                self.free_cores += 1;
                self.serve();
                let work = (*self.work(thread)).unwrap_or_default();
                let is_synced = work.trips_left == 1 && !thread.claims;
                let sync = if is_synced { self.costs.sync } else { 0.0 };
                self.plan(self.costs.trip / 2.0 + sync, Happening::Answered(thread));
            }
            Happening::Answered(thread) => self.answered(thread),
        }
    }

    fn serve(&mut self) {
        while self.free_cores > 0
            && let Some(thread) = self.waiting.pop_front()
        {
            self.free_cores -= 1;
            let work = (*self.work(thread)).unwrap_or_default();
            let took = (self.costs.transaction + self.costs.event * work.weight()) / TRIPS as f64;
            self.busy += took;
            self.plan(took, Happening::Served(thread));
        }
    }

    fn answered(&mut self, thread: Thread) {
        let mut work = self.work(thread).take().unwrap_or_default();
        work.trips_left -= 1;
        if work.trips_left > 0 {
            *self.work(thread) = Some(work);
            self.send(thread, work);
            return;
        }
        self.ready += work.commits;
        self.done += work.ends;
        let of = &mut self.daemons[thread.daemon];
        of.starts += work.claims;
        of.ends += work.starts;
        of.free_places += work.ends;
        of.parked += work.commits;
        let all = 0..self.daemons.len();
        match work.commits > 0 {
            true => all.for_each(|daemon| self.begin(daemon)),
            false => self.begin(thread.daemon),
        }
        // A sender whose event is stored sends the next one, unless too many wait already.
        if self.ready <= self.daemons.len() * SENDERS * 4 {
            let of = &mut self.daemons[thread.daemon];
            of.commits += std::mem::take(&mut of.parked);
            self.begin(thread.daemon);
        }
    }
}

impl Work {
    /// Its share of the cost of whole events.
    fn weight(&self) -> f64 {
        let advances = (self.starts + self.ends) as f64;
        self.commits as f64 * COMMIT + self.claims as f64 * CLAIM + advances * ADVANCE
    }
}
