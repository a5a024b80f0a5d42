//! An HTTP server on this machine that records requests and gives the responses that a test chooses.
//! Runs on its own threads, so that it works in async and blocking tests alike, and ends when it is dropped.

mod response;

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::http_wire::{Connection, Message};
use crate::wait::{TIMEOUT, wait_until, within_timeout};

pub use response::{Received, Response, Then};

pub struct Receiver {
    pub address: SocketAddr,
    pub port: u16,
    shared: Arc<Shared>,
}

type Respond = dyn Fn(&Received, usize) -> Response + Send + Sync;

struct Shared {
    desk: Mutex<Desk>,
    changed: Condvar,
    count: watch::Sender<usize>,
    respond: Box<Respond>,
    delay: Duration,
}

/// What was received, and which responses wait.
#[derive(Default)]
struct Desk {
    received: Vec<Received>,
    connections: usize,
    /// Statuses to send before the usual responses.
    next: VecDeque<u16>,
    /// Responses to requests whose body contains this wait.
    held: Option<String>,
    /// So many of them may go.
    permits: usize,
    waiting: usize,
    is_closed: bool,
}

/// The path of a request that the test sends itself and that is not recorded.
const MARK: &str = "/mark";

impl Receiver {
    /// Responds with 200 to every request.
    pub fn ok() -> Self {
        Self::with_status(|_| 200)
    }

    /// Chooses a status for each request.
    pub fn with_status(status: impl Fn(&Received) -> u16 + Send + Sync + 'static) -> Self {
        Self::delayed(Duration::ZERO, status)
    }

    /// Chooses a status for each request and waits before it responds.
    pub fn delayed(
        delay: Duration,
        status: impl Fn(&Received) -> u16 + Send + Sync + 'static,
    ) -> Self {
        Self::serve(bind("127.0.0.1:0"), delay, move |received, _| {
            Response::status(status(received))
        })
    }

    /// Gives these responses in turn, and the last one again and again.
    pub fn in_turn(responses: &[&str]) -> Self {
        let responses = responses.iter().map(|response| {
            let (status, headers) = response.split_once("\r\n").unwrap_or((response, ""));
            let headers = headers.trim_end();
            let headers = match headers.is_empty() {
                true => String::new(),
                false => format!("{headers}\r\n"),
            };
            Response::new(status, &headers, "ok")
        });
        let responses: Vec<Response> = responses.collect();
        Self::responding(move |_, number| responses[number.min(responses.len() - 1)].clone())
    }

    /// Gives the same response to every request.
    pub fn always(response: Response) -> Self {
        Self::listening_on("127.0.0.1:0", response)
    }

    /// Gives the same response to every request, on an address of this machine.
    pub fn listening_on(address: &str, response: Response) -> Self {
        Self::serve(bind(address), Duration::ZERO, move |_, _| response.clone())
    }

    /// Never responds.
    pub fn silent() -> Self {
        Self::always(Response::raw("", Then::Hang))
    }

    /// Chooses a response for each request; the second argument is the number of requests before it.
    pub fn responding(
        respond: impl Fn(&Received, usize) -> Response + Send + Sync + 'static,
    ) -> Self {
        Self::serve(bind("127.0.0.1:0"), Duration::ZERO, respond)
    }

    fn serve(
        listener: TcpListener,
        delay: Duration,
        respond: impl Fn(&Received, usize) -> Response + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            desk: Mutex::default(),
            changed: Condvar::new(),
            count: watch::Sender::new(0),
            respond: Box::new(respond),
            delay,
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut desk = serving.desk.lock().unwrap();
                if desk.is_closed {
                    return;
                }
                desk.connections += 1;
                drop(desk);
                let serving = Arc::clone(&serving);
                std::thread::spawn(move || {
                    drop(serving.serve(stream));
                    serving.desk.lock().unwrap().connections -= 1;
                });
            }
        });
        Self {
            address,
            port: address.port(),
            shared,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn received(&self) -> Vec<Received> {
        self.shared.desk.lock().unwrap().received.clone()
    }

    pub fn count(&self) -> usize {
        self.shared.desk.lock().unwrap().received.len()
    }

    /// The only request.
    #[track_caller]
    pub fn only(&self) -> Received {
        let mut received = self.received();
        assert_eq!(received.len(), 1, "{received:?}");
        received.remove(0)
    }

    /// Statuses for the next requests.
    pub fn next_statuses(&self, statuses: &[u16]) {
        self.shared.desk.lock().unwrap().next.extend(statuses);
    }

    /// Records requests whose body contains this, and responds only after `release`.
    pub fn hold(&self, text: &str) {
        let mut desk = self.shared.desk.lock().unwrap();
        (desk.held, desk.permits, desk.waiting) = (Some(text.to_owned()), 0, 0);
    }

    /// Lets so many held responses go, now or when their requests arrive.
    pub fn release(&self, count: usize) {
        self.shared.desk.lock().unwrap().permits += count;
        self.shared.changed.notify_all();
    }

    /// Lets all held responses go and holds no more.
    pub fn release_all(&self) {
        self.shared.desk.lock().unwrap().held = None;
        self.shared.changed.notify_all();
    }

    /// Waits until a request was received whose response is held.
    #[track_caller]
    pub fn wait_until_held(&self) {
        wait_until("a response is held", || {
            self.shared.desk.lock().unwrap().waiting > 0
        });
    }

    /// Waits for so many requests in all.
    #[track_caller]
    pub fn wait_for(&self, count: usize) -> Vec<Received> {
        let desk = self.shared.desk.lock().unwrap();
        let is_short = |desk: &mut Desk| desk.received.len() < count;
        let waited = self
            .shared
            .changed
            .wait_timeout_while(desk, TIMEOUT, is_short);
        let (desk, timeout) = waited.unwrap();
        let received = &desk.received;
        assert!(
            !timeout.timed_out(),
            "{} of {count}: {received:?}",
            received.len()
        );
        received.clone()
    }

    /// The same in async tests.
    pub async fn wait_for_async(&self, count: usize) -> Vec<Received> {
        let mut counts = self.shared.count.subscribe();
        let received = counts.wait_for(|received| *received >= count);
        let _ = within_timeout("the receiver gets its requests", received).await;
        self.received()
    }

    /// Waits until everything is read that a dead client had sent. Connections are accepted in order, so
    /// that none of the client's can come after one that was opened after its death.
    #[track_caller]
    pub fn wait_until_drained(&self) {
        let mut mark = Connection::open(&self.address.to_string()).expect("the receiver listens");
        let response = mark.send("GET", MARK, "").expect("a response");
        assert_eq!(response.status(), 200);
        drop(mark);
        wait_until("all connections are read", || {
            self.shared.desk.lock().unwrap().connections == 0
        });
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Ok(mut desk) = self.shared.desk.lock() {
            desk.is_closed = true;
            desk.held = None;
        }
        self.shared.changed.notify_all();
        // Ends the wait for the next connection.
        drop(TcpStream::connect(self.address));
    }
}

fn bind(address: &str) -> TcpListener {
    TcpListener::bind(address).unwrap_or_else(|error| panic!("{address}: {error}"))
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        if is_tls(&stream)? {
            return self.hang_up_on_tls(stream);
        }
        let mut connection = Connection::new(stream);
        while let Some(request) = connection.read()? {
            let response = self.respond(request);
            let stream = connection.stream();
            stream.write_all(&response.bytes)?;
            match response.then {
                Then::KeepOpen => {}
                Then::Close => return stream.shutdown(Shutdown::Write),
                Then::Hang => return io::copy(stream, &mut io::sink()).map(drop),
                Then::Repeat(text, pause) => loop {
                    stream.write_all(text.as_bytes())?;
                    std::thread::sleep(pause);
                },
            }
        }
        Ok(())
    }

    /// Records the first bytes of a TLS handshake and responds in clear.
    fn hang_up_on_tls(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut hello = [0; 4_096];
        let count = stream.read(&mut hello)?;
        let response = self.respond(Message {
            head: String::from_utf8_lossy(&hello[..count]).into_owned(),
            body: String::new(),
        });
        stream.write_all(&response.bytes)
    }

    fn respond(&self, request: Message) -> Response {
        if request.path() == MARK {
            return Response::status(200);
        }
        let mut received = Received::new(request);
        let mut desk = self.desk.lock().unwrap();
        // Chosen under the lock, so that the order of the records is that of the responses.
        let response = match desk.next.pop_front() {
            Some(status) => Response::status(status),
            None => (self.respond)(&received, desk.received.len()),
        };
        received.status = response.status;
        let is_held = |desk: &Desk| {
            let held = desk.held.as_ref();
            held.is_some_and(|text| received.body.contains(text))
        };
        let waits = is_held(&desk);
        let number = desk.received.len();
        desk.received.push(received.clone());
        desk.waiting += usize::from(waits);
        self.count.send_replace(desk.received.len());
        self.changed.notify_all();
        if waits {
            let blocked = |desk: &mut Desk| is_held(desk) && desk.permits == 0;
            desk = self.changed.wait_while(desk, blocked).unwrap();
            desk.permits = desk.permits.saturating_sub(1);
            desk.waiting = desk.waiting.saturating_sub(1);
        }
        drop(desk);
        std::thread::sleep(self.delay);
        self.desk.lock().unwrap().received[number].answered = Some(Instant::now());
        response
    }
}

/// Whether a client starts a TLS handshake.
fn is_tls(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0];
    let count = stream.peek(&mut first)?;
    Ok(count == 1 && first[0] == 0x16)
}

/// A port on which nothing listens: it was free a moment ago.
pub fn dead_port() -> u16 {
    let address = bind("127.0.0.1:0").local_addr();
    address.expect("an address").port()
}
