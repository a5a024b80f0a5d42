//! The proxy that loses, delays and cuts what it carries, with a server that sends back what it receives.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use flowtrigger_testing::fault_proxy::{Fault, FaultProxy, Flow};
use flowtrigger_testing::wait::{TIMEOUT, wait_until};

/// Long enough that bytes arrive which nothing stops.
const MOMENT: Duration = Duration::from_millis(100);

/// Sends back what it receives; reports the end of each connection.
fn echo() -> (SocketAddr, mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, ended) = mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let sender = sender.clone();
            std::thread::spawn(move || {
                let mut part = [0; 1_024];
                while let Ok(count @ 1..) = stream.read(&mut part) {
                    if stream.write_all(&part[..count]).is_err() {
                        break;
                    }
                }
                let _ = sender.send(());
            });
        }
    });
    (address, ended)
}

fn connect(proxy: &FaultProxy) -> TcpStream {
    let stream = TcpStream::connect(proxy.address()).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream
}

#[track_caller]
fn ping(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).unwrap();
    assert_eq!(heard(stream, text.len()), text);
}

/// Reads up to so many bytes, or to the end.
fn heard(stream: &mut TcpStream, count: usize) -> String {
    let mut text = Vec::new();
    let limit = u64::try_from(count).unwrap();
    stream.take(limit).read_to_end(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// Whether nothing arrives for a moment.
fn is_silent(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(MOMENT)).unwrap();
    let read = stream.read(&mut [0; 16]);
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    matches!(read, Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

#[test]
fn a_stalled_connection_continues_after_it_is_healed() {
    let (server, _ended) = echo();
    let proxy = FaultProxy::to(server);
    let mut stream = connect(&proxy);
    ping(&mut stream, "before");
    for fault in [
        Fault::Stall,
        Fault::StallOne(Flow::ToServer),
        Fault::StallOne(Flow::ToClient),
    ] {
        proxy.set(fault);
        stream.write_all(b"during").unwrap();
        assert!(is_silent(&mut stream), "{fault:?}");
        proxy.heal();
        assert_eq!(heard(&mut stream, 6), "during", "{fault:?}");
    }
}

#[test]
fn a_connection_that_lost_bytes_ends_when_it_is_healed() {
    let (server, _ended) = echo();
    for flow in [Flow::ToServer, Flow::ToClient] {
        let proxy = FaultProxy::to(server);
        let mut stream = connect(&proxy);
        ping(&mut stream, "before");
        proxy.set(Fault::Swallow(flow));
        stream.write_all(b"lost").unwrap();
        assert!(is_silent(&mut stream), "{flow:?}");
        proxy.heal();
        assert_eq!(heard(&mut stream, 1), "", "{flow:?}");
        ping(&mut connect(&proxy), "after");
    }
}

#[test]
fn all_connections_are_cut_and_new_ones_are_refused() {
    let (server, ended) = echo();
    let proxy = FaultProxy::to(server);
    let mut streams = [connect(&proxy), connect(&proxy)];
    for stream in &mut streams {
        ping(stream, "before");
    }
    assert_eq!(proxy.connections(), 2);
    proxy.set(Fault::Refuse);
    ping(&mut streams[0], "others continue");
    proxy.cut();
    for stream in &mut streams {
        assert_eq!(heard(stream, 1), "");
        ended
            .recv_timeout(TIMEOUT)
            .expect("the server sees the end");
    }
    let mut refused = connect(&proxy);
    let read = refused.read(&mut [0; 1]);
    assert!(!matches!(read, Ok(1..)), "{read:?}");
    assert_eq!(proxy.connections(), 0);
    proxy.heal();
    ping(&mut connect(&proxy), "after");
}

#[test]
fn a_part_is_cut_in_its_middle() {
    let (server, _ended) = echo();
    let proxy = FaultProxy::to(server);
    let mut stream = connect(&proxy);
    ping(&mut stream, "before");
    proxy.cut_in_next_part(Flow::ToClient);
    stream.write_all(b"12345678").unwrap();
    assert_eq!(heard(&mut stream, 8), "1234");
    wait_until("the connection is forgotten", || proxy.connections() == 0);
    ping(&mut connect(&proxy), "after");
}

#[test]
fn the_server_of_an_abandoned_client_sees_no_end() {
    let (server, ended) = echo();
    let proxy = FaultProxy::to(server);
    let mut stream = connect(&proxy);
    ping(&mut stream, "before");
    proxy.abandon();
    assert_eq!(heard(&mut stream, 1), "");
    assert!(ended.recv_timeout(MOMENT).is_err());
    ping(&mut connect(&proxy), "others continue");
    proxy.heal();
    ended
        .recv_timeout(TIMEOUT)
        .expect("the server sees the end");
}

#[test]
fn each_part_is_delayed() {
    let (server, _ended) = echo();
    let proxy = FaultProxy::to(server);
    let mut stream = connect(&proxy);
    ping(&mut stream, "before");
    proxy.set(Fault::Delay(MOMENT));
    let began = Instant::now();
    ping(&mut stream, "there and back");
    assert!(began.elapsed() >= MOMENT * 2);
}
