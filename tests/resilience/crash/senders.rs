//! Senders that record accepted events and send again what got no response. Only a 2xx that names the event
//! counts as accepted.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use flowtrigger_testing::http_wire::{Connection, Message};
use flowtrigger_testing::wait::TIMEOUT;
use serde_json::{Value, json};

const SENDERS: u64 = 4;
const TICKETS: u64 = 3;
/// One of so many events of a ticket also runs commands.
const COMMANDS: u64 = 5;
/// The pause before an event is sent again.
const PAUSE: Duration = Duration::from_millis(5);

/// An event that was accepted.
#[derive(Debug, Clone)]
pub struct Sent {
    pub id: String,
    pub ticket: u64,
    /// Its number among the events of its ticket.
    pub number: u64,
    /// Whether it runs commands.
    pub commands: bool,
}

/// Several senders, each with its own tickets. An event is sent after the one before it of the same ticket was
/// accepted, so that the order in the store is known.
pub struct Senders {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    address: Mutex<Option<String>>,
    accepted: Mutex<Vec<Sent>>,
    /// How many events may be accepted so far: the senders wait for the receiver.
    allowed: AtomicUsize,
    over: AtomicBool,
}

impl Senders {
    pub fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let threads = (0..SENDERS).map(|number| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || Sender::new(shared).send_all(number))
        });
        let threads = threads.collect();
        Self { shared, threads }
    }

    /// Sets the address of the daemon; `None` while there is none.
    pub fn go_to(&self, address: Option<&str>) {
        *self.shared.address.lock().unwrap() = address.map(str::to_owned);
    }

    pub fn allow(&self, accepted: usize) {
        self.shared.allowed.store(accepted, Ordering::Relaxed);
    }

    pub fn accepted(&self) -> usize {
        self.shared.accepted.lock().unwrap().len()
    }

    /// Stops the senders after all sent events were accepted.
    pub fn end(self) -> Vec<Sent> {
        self.shared.over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        self.shared.accepted.lock().unwrap().clone()
    }
}

struct Sender {
    shared: Arc<Shared>,
    connection: Option<Connection<std::net::TcpStream>>,
}

impl Sender {
    fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            connection: None,
        }
    }

    fn send_all(mut self, sender: u64) {
        for number in 1.. {
            for ticket in 0..TICKETS {
                let ticket = 1 + sender * TICKETS + ticket;
                let sent = Sent {
                    id: format!("made-{ticket}-{number}"),
                    ticket,
                    number,
                    commands: (ticket + number).is_multiple_of(COMMANDS),
                };
                if !self.waits_for_room() {
                    return;
                }
                self.sends(&sent);
                self.shared.accepted.lock().unwrap().push(sent);
            }
        }
    }

    /// Returns `false` when the senders are to stop.
    fn waits_for_room(&self) -> bool {
        let shared = &self.shared;
        while !shared.over.load(Ordering::Relaxed) {
            let accepted = shared.accepted.lock().unwrap().len();
            if accepted < shared.allowed.load(Ordering::Relaxed) {
                return true;
            }
            std::thread::sleep(PAUSE);
        }
        false
    }

    fn sends(&mut self, sent: &Sent) {
        let body = json!({
            "kind": "made", "id": sent.id, "ticket": sent.ticket, "number": sent.number,
            "commands": sent.commands,
        });
        let (began, body) = (Instant::now(), body.to_string());
        loop {
            if let Some(answer) = self.tries(&body)
                && answer.status() == 200
                && is_of(&answer.json(), sent)
            {
                return;
            }
            assert!(began.elapsed() < TIMEOUT, "{sent:?} is never answered");
            std::thread::sleep(PAUSE);
        }
    }

    fn tries(&mut self, body: &str) -> Option<Message> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(self.shared.address.lock().unwrap().as_deref()?).ok()?,
        };
        let answer = connection.send("POST", "/events/desk", body).ok()?;
        self.connection = Some(connection);
        Some(answer)
    }
}

fn is_of(answer: &Value, sent: &Sent) -> bool {
    answer["accepted"] == true && answer["event"] == sent.id
}
