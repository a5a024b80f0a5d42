//! Measures the pages: the time of each on a large data folder, beside the shortest answer of the same daemon, and
//! what ten readers with live pages cost the intake. `cargo bench --bench page` only prints the results.

#![allow(clippy::print_stdout)]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::http_wire::{Connection, Message, request};
use flowtrigger_testing::large_folder::LargeFolder;
use flowtrigger_testing::sandbox::Sandbox;
use serde_json::json;

/// `PAGE_EVENTS` changes it; a tenth of them has a run.
const EVENTS: usize = 100_000;
/// How often each page is asked for; the median counts.
const ROUNDS: usize = 31;
const READERS: usize = 10;
const INTAKE: Duration = Duration::from_secs(4);

fn main() {
    let events = std::env::var("PAGE_EVENTS").ok();
    let events = events.and_then(|text| text.parse().ok()).unwrap_or(EVENTS);
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"));
    std::fs::create_dir(sandbox.path("data")).unwrap();
    fill(&sandbox.database(), events);
    sandbox.write_rules(
        "name: bench\nevent_source: support\nevent_type: ticket.StatusChanged\nflow: [{ succeed: told }]\n",
    );
    let daemon = DaemonProcess::start(&sandbox);
    let socket = sandbox.path("data/flowtrigger.sock");
    pages(&daemon, &socket, events);
    live(&daemon, &socket);
    daemon.stop();
}

/// Uses the file that `PAGE_FOLDER` names, or writes one.
fn fill(database: &Path, events: usize) {
    if let Some(existing) = std::env::var_os("PAGE_FOLDER") {
        std::fs::copy(PathBuf::from(existing).join("flowtrigger.db"), database).unwrap();
        return;
    }
    let end = jiff::Timestamp::now();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(LargeFolder { events, end }.write(database));
}

fn ask(socket: &Path, path: &str) -> Message {
    let mut connection = Connection::new(UnixStream::connect(socket).unwrap());
    let bytes = request("GET", path, "connection: close\r\n", b"");
    let answer = connection.send_bytes(&bytes).unwrap();
    assert_eq!(answer.status(), 200, "{path}: {answer:?}");
    answer
}

fn median(socket: &Path, path: &str) -> Duration {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            ask(socket, path);
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}

fn pages(daemon: &DaemonProcess, socket: &Path, events: usize) {
    println!("pages of a folder with {events} events, beside `/status` of the same daemon");
    let floor = median(socket, "/status");
    let first =
        |path: &str, list: &str, key: &str| ask(socket, path).json()[list][0][key].to_string();
    let event = first("/events.json?outcome=matched", "events", "row");
    let run = first("/runs.json?state=dead", "runs", "id");
    let paths = [
        "/overview".to_owned(),
        "/overview?range=7d".to_owned(),
        "/events".to_owned(),
        "/events?outcome=matched".to_owned(),
        "/events?ticket=42".to_owned(),
        format!("/events/{event}"),
        "/runs".to_owned(),
        "/runs?state=dead".to_owned(),
        format!("/runs/{run}"),
        "/problems".to_owned(),
        "/rules".to_owned(),
        "/deliveries".to_owned(),
    ];
    for path in &paths {
        let time = median(socket, path);
        let ratio = time.as_secs_f64() / floor.as_secs_f64();
        println!(
            "  {path:<28} {:>7.1} ms  {ratio:>6.1} times",
            time.as_secs_f64() * 1_000.0
        );
    }
    let memory = daemon.peak_memory() / 1_024 / 1_024;
    println!("  at most {memory} MB resident");
}

/// Events per second, as one sender after the other posts them.
fn intake(daemon: &DaemonProcess, name: &str) -> f64 {
    let mut connection = Connection::open(&daemon.address).unwrap();
    let (began, mut count) = (Instant::now(), 0);
    while began.elapsed() < INTAKE {
        let event = json!({
            "input": { "ticket_event": {
                "type": "Priority Changed", "previous": "low", "current": "high",
                "meta": { "sequence": { "id": format!("{name}{count}"), "position": 1, "total": 1 } },
                "ticket": { "id": count },
            } },
        });
        let answer = connection
            .send("POST", "/events/support", &event.to_string())
            .unwrap();
        assert_eq!(answer.status(), 200, "{answer:?}");
        count += 1;
    }
    f64::from(count) / began.elapsed().as_secs_f64()
}

fn live(daemon: &DaemonProcess, socket: &Path) {
    println!("intake while {READERS} readers have live pages open, as a ratio to none");
    let mut ratios = Vec::new();
    for round in 0..3 {
        let before = intake(daemon, &format!("a{round}-"));
        let readers: Vec<UnixStream> = (0..READERS).map(|_| open_live(socket)).collect();
        let with = intake(daemon, &format!("b{round}-"));
        drop(readers);
        let after = intake(daemon, &format!("c{round}-"));
        ratios.push(with / ((before + after) / 2.0));
    }
    ratios.sort_by(f64::total_cmp);
    println!("  {:.2} times", ratios[1]);
}

/// A reader that takes what comes.
fn open_live(socket: &Path) -> UnixStream {
    let mut stream = UnixStream::connect(socket).unwrap();
    let bytes = request("GET", "/live/events", "accept: text/event-stream\r\n", b"");
    stream.write_all(&bytes).unwrap();
    let mut reader = stream.try_clone().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 4_096];
        while reader.read(&mut buffer).is_ok_and(|count| count > 0) {}
    });
    stream
}
