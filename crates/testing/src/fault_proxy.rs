//! Carries TCP connections on this machine to a server, and loses, delays and cuts them as a test says.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// What happens to the bytes of all connections, and to new connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fault {
    #[default]
    None,
    /// New connections are closed at once; others continue.
    Refuse,
    /// Nothing arrives on either side, and neither side sees an end. What was sent arrives after [`FaultProxy::heal`].
    Stall,
    /// The same in one direction.
    StallOne(Flow),
    /// What is sent in one direction is lost. Connections that lost something end with [`FaultProxy::heal`].
    Swallow(Flow),
    /// Each part arrives later by this time.
    Delay(Duration),
}

/// A direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    ToServer,
    ToClient,
}

/// Ends when it is dropped, with all its connections.
pub struct FaultProxy {
    address: SocketAddr,
    carrier: Arc<Carrier>,
}

struct Carrier {
    server: SocketAddr,
    state: Mutex<ProxyState>,
    changed: Condvar,
}

#[derive(Default)]
struct ProxyState {
    fault: Fault,
    /// The next part in this direction is cut in its middle, and its connection with it.
    cut_next: Option<Flow>,
    /// Counts connections in all.
    next: u64,
    open: Vec<Link>,
    is_closed: bool,
}

/// One connection.
struct Link {
    number: u64,
    client: TcpStream,
    server: TcpStream,
    /// Its client was closed without a sign to the server.
    is_abandoned: bool,
    /// Some of its bytes were lost.
    is_broken: bool,
}

/// What a pump does with a part.
enum Carry {
    Write,
    WriteHalf,
    Drop,
    End,
}

impl FaultProxy {
    /// Listens on a free port of 127.0.0.1 and carries every connection to a server.
    pub fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let carrier = Arc::new(Carrier {
            server,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let accepting = Arc::clone(&carrier);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let state = accepting.state.lock().unwrap();
                let (is_closed, fault) = (state.is_closed, state.fault);
                drop(state);
                match fault {
                    _ if is_closed => return,
                    Fault::Refuse => drop(client),
                    Fault::None
                    | Fault::Stall
                    | Fault::StallOne(_)
                    | Fault::Swallow(_)
                    | Fault::Delay(_) => drop(Arc::clone(&accepting).open(client)),
                }
            }
        });
        Self { address, carrier }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Begins a fault, in place of the one before.
    pub fn set(&self, fault: Fault) {
        self.carrier.state.lock().unwrap().fault = fault;
        self.carrier.changed.notify_all();
    }

    /// Ends every fault. Connections that lost bytes and those that were abandoned end.
    pub fn heal(&self) {
        let mut state = self.carrier.state.lock().unwrap();
        (state.fault, state.cut_next) = (Fault::None, None);
        state.end_links(|link| link.is_broken || link.is_abandoned);
        drop(state);
        self.carrier.changed.notify_all();
    }

    /// Ends all connections on both sides.
    pub fn cut(&self) {
        self.carrier.state.lock().unwrap().end_links(|_| true);
        self.carrier.changed.notify_all();
    }

    /// Cuts the connection that carries the next part in a direction: half of the part arrives.
    pub fn cut_in_next_part(&self, flow: Flow) {
        self.carrier.state.lock().unwrap().cut_next = Some(flow);
    }

    /// Ends all connections for their clients only. The server sees them open until [`FaultProxy::heal`].
    pub fn abandon(&self) {
        let mut state = self.carrier.state.lock().unwrap();
        for link in &mut state.open {
            link.is_abandoned = true;
            drop(link.client.shutdown(Shutdown::Both));
        }
    }

    /// The number of open connections.
    pub fn connections(&self) -> usize {
        self.carrier.state.lock().unwrap().open.len()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        if let Ok(mut state) = self.carrier.state.lock() {
            state.is_closed = true;
            state.end_links(|_| true);
        }
        self.carrier.changed.notify_all();
        // Ends the wait for the next connection.
        drop(TcpStream::connect(self.address));
    }
}

impl Carrier {
    fn open(self: Arc<Self>, client: TcpStream) -> std::io::Result<()> {
        let server = TcpStream::connect(self.server)?;
        for stream in [&client, &server] {
            stream.set_nodelay(true)?;
        }
        let mut state = self.state.lock().unwrap();
        state.next += 1;
        let number = state.next;
        state.open.push(Link {
            number,
            client: client.try_clone()?,
            server: server.try_clone()?,
            is_abandoned: false,
            is_broken: false,
        });
        drop(state);
        let pumps = [
            (client.try_clone()?, server.try_clone()?, Flow::ToServer),
            (server, client, Flow::ToClient),
        ];
        for (from, to, flow) in pumps {
            let carrier = Arc::clone(&self);
            std::thread::spawn(move || {
                carrier.pump(number, from, to, flow);
                // The end of one direction is the end of both.
                carrier.end(number);
            });
        }
        Ok(())
    }

    /// Carries one direction to its end.
    fn pump(&self, number: u64, mut from: TcpStream, mut to: TcpStream, flow: Flow) {
        let mut part = [0; 16_384];
        loop {
            let count = from.read(&mut part).unwrap_or(0);
            let is_carried = match self.wait(number, flow, count) {
                Carry::Write => to.write_all(&part[..count]).is_ok(),
                Carry::Drop => true,
                Carry::WriteHalf => {
                    drop(to.write_all(&part[..count / 2]));
                    false
                }
                Carry::End => false,
            };
            if !is_carried {
                return;
            }
        }
    }

    /// Waits while the fault stops this direction, and decides on a part.
    fn wait(&self, number: u64, flow: Flow, count: usize) -> Carry {
        let state = self.state.lock().unwrap();
        let is_stopped = |state: &mut ProxyState| {
            let is_abandoned = state.link(number).is_some_and(|link| link.is_abandoned);
            let is_stalled = match state.fault {
                Fault::Stall => true,
                Fault::StallOne(stalled) => stalled == flow,
                Fault::None | Fault::Refuse | Fault::Swallow(_) | Fault::Delay(_) => false,
            };
            !state.is_closed && state.link(number).is_some() && (is_stalled || is_abandoned)
        };
        let mut state = self.changed.wait_while(state, is_stopped).unwrap();
        if count == 0 || state.is_closed || state.link(number).is_none() {
            return Carry::End;
        }
        if state.cut_next == Some(flow) {
            state.cut_next = None;
            return Carry::WriteHalf;
        }
        match state.fault {
            Fault::Swallow(lost) if lost == flow => {
                if let Some(link) = state.link(number) {
                    link.is_broken = true;
                }
                Carry::Drop
            }
            Fault::Delay(time) => {
                drop(state);
                std::thread::sleep(time);
                Carry::Write
            }
            Fault::None | Fault::Refuse | Fault::Stall | Fault::StallOne(_) | Fault::Swallow(_) => {
                Carry::Write
            }
        }
    }

    fn end(&self, number: u64) {
        let mut state = self.state.lock().unwrap();
        state.end_links(|link| link.number == number);
        drop(state);
        self.changed.notify_all();
    }
}

impl ProxyState {
    fn link(&mut self, number: u64) -> Option<&mut Link> {
        self.open.iter_mut().find(|link| link.number == number)
    }

    /// Ends these connections on both sides, and forgets them.
    fn end_links(&mut self, is_ended: impl Fn(&Link) -> bool) {
        for link in self.open.extract_if(.., |link| is_ended(link)) {
            drop(link.client.shutdown(Shutdown::Both));
            drop(link.server.shutdown(Shutdown::Both));
        }
    }
}
