//! A receiver that keeps a ledger of what came, in order, and answers as the test has it.
//! It serves many connections at once and keeps them open, as real ones do.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::Value;

use super::turn::{PATIENCE, until};
use super::wire::{Message, Wire};

pub struct Receiver {
    pub port: u16,
    shared: Arc<Shared>,
}

/// One request, and what was answered to it.
#[derive(Debug, Clone)]
pub struct Got {
    pub path: String,
    pub key: String,
    pub body: Value,
    pub status: u16,
}

impl Got {
    pub fn id(&self) -> &str {
        self.body["id"].as_str().unwrap_or_default()
    }
}

struct Shared {
    desk: Mutex<Desk>,
    more: Condvar,
    answer: Box<dyn Fn(&Got) -> u16 + Send + Sync>,
    takes: Duration,
}

#[derive(Default)]
struct Desk {
    got: Vec<Got>,
    connections: usize,
    /// Whether answers wait.
    holds: bool,
    /// How many have waited since that was said.
    held: usize,
}

/// Asked by the test itself, to see what stands before it in the queue of connections.
const MARK: &str = "/mark";

impl Receiver {
    pub fn fine() -> Self {
        Self::answering(|_| 200)
    }

    pub fn answering(answer: impl Fn(&Got) -> u16 + Send + Sync + 'static) -> Self {
        Self::taking(Duration::ZERO, answer)
    }

    /// Each answer takes so long.
    pub fn taking(takes: Duration, answer: impl Fn(&Got) -> u16 + Send + Sync + 'static) -> Self {
        Self::serving(TcpListener::bind("127.0.0.1:0").unwrap(), takes, answer)
    }

    pub fn serving(
        listener: TcpListener,
        takes: Duration,
        answer: impl Fn(&Got) -> u16 + Send + Sync + 'static,
    ) -> Self {
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            desk: Mutex::default(),
            more: Condvar::new(),
            answer: Box::new(answer),
            takes,
        });
        let served = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                served.desk.lock().unwrap().connections += 1;
                let served = Arc::clone(&served);
                std::thread::spawn(move || {
                    drop(served.serve(stream));
                    served.desk.lock().unwrap().connections -= 1;
                });
            }
        });
        Self { port, shared }
    }

    pub fn got(&self) -> Vec<Got> {
        self.shared.desk.lock().unwrap().got.clone()
    }

    pub fn count(&self) -> usize {
        self.shared.desk.lock().unwrap().got.len()
    }

    /// Requests are noted, and answered after `release`.
    pub fn holds(&self) {
        let mut desk = self.shared.desk.lock().unwrap();
        (desk.holds, desk.held) = (true, 0);
    }

    /// Waits until a request waits for its answer.
    #[track_caller]
    pub fn has_one(&self) {
        until("a request waits for its answer", || {
            self.shared.desk.lock().unwrap().held > 0
        });
    }

    pub fn release(&self) {
        self.shared.desk.lock().unwrap().holds = false;
        self.shared.more.notify_all();
    }

    /// Waits for so many requests in all.
    #[track_caller]
    pub fn gets(&self, count: usize) -> Vec<Got> {
        let desk = self.shared.desk.lock().unwrap();
        let short = |desk: &mut Desk| desk.got.len() < count;
        let waited = self.shared.more.wait_timeout_while(desk, PATIENCE, short);
        let (desk, timeout) = waited.unwrap();
        assert!(!timeout.timed_out(), "{} of {count} came", desk.got.len());
        desk.got.clone()
    }

    /// Waits until everything is read that a dead sender left on its way: connections come in order,
    /// so that nothing of it can stand behind one that was opened after its death.
    #[track_caller]
    pub fn reads_all(&self) {
        let mut mark = Wire::connect(&format!("127.0.0.1:{}", self.port)).unwrap();
        assert_eq!(mark.ask("GET", MARK, "").unwrap().status(), 200);
        drop(mark);
        until("all connections are read", || {
            self.shared.desk.lock().unwrap().connections == 0
        });
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut wire = Wire::new(stream);
        while let Some(request) = wire.read()? {
            let status = self.note(&request);
            wire.answer(status)?;
        }
        Ok(())
    }

    fn note(&self, request: &Message) -> u16 {
        if request.path() == MARK {
            return 200;
        }
        let mut got = Got {
            path: request.path().to_owned(),
            key: request.header("idempotency-key").unwrap_or("").to_owned(),
            body: serde_json::from_str(&request.body).unwrap_or_default(),
            status: 0,
        };
        let mut desk = self.desk.lock().unwrap();
        // Decided with the desk at hand, so that the ledger's order is the order of the answers.
        got.status = (self.answer)(&got);
        let status = got.status;
        desk.got.push(got);
        desk.held += usize::from(desk.holds);
        self.more.notify_all();
        let released = self.more.wait_while(desk, |desk| desk.holds);
        drop(released);
        std::thread::sleep(self.takes);
        status
    }
}
