//! Senders that ask any daemon, repeat an event with its id until one accepts it, and record accepted events.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use flowtrigger_testing::http_wire::{Connection, Message};
use flowtrigger_testing::wait::TIMEOUT;

use super::desk::Made;
use super::fleet::Addresses;
use crate::scheduling::Random;

const SENDERS: u64 = 4;
const TICKETS: u64 = 3;
/// The pause between two events or attempts of a sender.
const PAUSE: Duration = Duration::from_millis(10);
/// How long a sender waits for an answer: a paused daemon gives none.
const PATIENCE: Duration = Duration::from_millis(700);

/// Several senders, each with its own tickets. An event is sent after the one before it of the same ticket was
/// accepted, so that the order in the store is known.
pub struct FleetSenders {
    shared: Arc<Progress>,
    threads: Vec<JoinHandle<()>>,
}

struct Progress {
    addresses: Addresses,
    accepted: Mutex<Vec<Made>>,
    /// How many events may be accepted so far: the senders wait for the receiver.
    allowed: AtomicUsize,
    is_over: AtomicBool,
}

impl FleetSenders {
    pub fn start(addresses: Addresses, seed: u64) -> Self {
        let shared = Arc::new(Progress {
            addresses,
            accepted: Mutex::default(),
            allowed: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
        });
        let threads = (0..SENDERS).map(|number| {
            let sender = FleetSender {
                shared: Arc::clone(&shared),
                random: Random::new(seed ^ number),
                connections: Vec::new(),
            };
            std::thread::spawn(move || sender.send_all(number))
        });
        let threads = threads.collect();
        Self { shared, threads }
    }

    pub fn allow(&self, accepted: usize) {
        self.shared.allowed.store(accepted, Ordering::Relaxed);
    }

    /// Stops the senders after each accepted the event that it sends; returns all accepted events.
    pub fn end(self) -> Vec<Made> {
        self.shared.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        self.shared.accepted.lock().unwrap().clone()
    }
}

struct FleetSender {
    shared: Arc<Progress>,
    random: Random,
    /// An open connection to each address.
    connections: Vec<(String, Connection<std::net::TcpStream>)>,
}

impl FleetSender {
    fn send_all(mut self, sender: u64) {
        for number in 1.. {
            for ticket in 0..TICKETS {
                let ticket = 1 + sender * TICKETS + ticket;
                if !self.waits_for_room() {
                    return;
                }
                let event = Made { ticket, number };
                self.send(event);
                self.shared.accepted.lock().unwrap().push(event);
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// Returns `false` when the senders are to stop.
    fn waits_for_room(&self) -> bool {
        let shared = &self.shared;
        while !shared.is_over.load(Ordering::Relaxed) {
            let accepted = shared.accepted.lock().unwrap().len();
            if accepted < shared.allowed.load(Ordering::Relaxed) {
                return true;
            }
            std::thread::sleep(PAUSE);
        }
        false
    }

    /// Sends an event until a daemon accepts it.
    fn send(&mut self, event: Made) {
        let (began, body) = (Instant::now(), event.body().to_string());
        let mut answers = Vec::new();
        loop {
            if let Some(answer) = self.attempt(&body) {
                let is_accepted = answer.status() == 200;
                if is_accepted && answer.json()["event"] == event.id() {
                    return;
                }
                answers.push(answer);
            }
            let waited = began.elapsed();
            assert!(waited < TIMEOUT, "{event:?} is never accepted: {answers:?}");
            std::thread::sleep(PAUSE);
        }
    }

    /// Asks any daemon; `None` without an answer.
    fn attempt(&mut self, body: &str) -> Option<Message> {
        let addresses = self.shared.addresses.lock().unwrap().clone();
        let known: Vec<String> = addresses.into_iter().flatten().collect();
        let count = u64::try_from(known.len()).ok().filter(|count| *count > 0)?;
        let chosen = usize::try_from(self.random.below(count)).ok()?;
        let address = known.into_iter().nth(chosen)?;
        let open = self.connections.iter().position(|(to, _)| *to == address);
        let mut connection = match open {
            Some(position) => self.connections.swap_remove(position).1,
            None => {
                let mut connection = Connection::open(&address).ok()?;
                let stream = connection.stream();
                stream.set_read_timeout(Some(PATIENCE)).ok()?;
                connection
            }
        };
        let answer = connection.send("POST", "/events/desk", body).ok()?;
        self.connections.push((address, connection));
        Some(answer)
    }
}
