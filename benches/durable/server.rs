//! Measures a daemon through HTTP on loopback: events with and without a match, latency, and commands.
//! Senders and baselines share the two cores with it.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::bare::bare_server;
use super::daemon::{Daemon, rule};
use super::senders::{Bodies, RUN, load, post};
use super::yardstick::{commits, median, percentile, rate, single};

const ROUNDS: usize = 3;

pub fn matched() {
    println!("http: events that match, stored and run to the end, as a ratio to single commits");
    for (senders, mode) in [(1, "live"), (16, "live"), (64, "live"), (64, "shadow")] {
        let mut memory = 0.0_f64;
        let ratios = (0..ROUNDS).map(|_| {
            let daemon = Daemon::start(&format!("mode: {mode}\n{}", rule("- succeed: told\n")));
            let yardstick = single(daemon.folder.path());
            let next = Arc::new(AtomicUsize::new(0));
            let before = rate(&yardstick);
            let measured = load(&daemon.address, "/events/support", senders, &next).per_second();
            memory = memory.max(daemon.status("VmHWM"));
            let after = rate(&yardstick);
            if std::env::var_os("SHOW").is_some() {
                println!("    {measured:.0} per second; single {before:.0} and {after:.0}");
            }
            measured / ((before + after) / 2.0)
        });
        let ratio = median(ratios.collect());
        println!(
            "  {senders:>3} senders, {mode:<6}  {ratio:.1} times; at most {memory:.0} MB resident"
        );
    }
}

pub fn unmatched() {
    println!("http: events without a match, as a ratio to a bare server that parses to a Value");
    let bare = bare_server();
    let mut memory = 0.0_f64;
    let ratios = (0..ROUNDS).map(|_| {
        let other = rule("- succeed: told\n").replace("PriorityChanged", "SubjectChanged");
        let daemon = Daemon::start(&other);
        let next = Arc::new(AtomicUsize::new(0));
        let before = load(&bare, "/events", 16, &next).per_second();
        let measured = load(&daemon.address, "/events/support", 16, &next).per_second();
        memory = memory.max(daemon.status("VmHWM"));
        measured / ((before + load(&bare, "/events", 16, &next).per_second()) / 2.0)
    });
    let ratio = median(ratios.collect());
    println!("   16 senders  {ratio:.2} times; at most {memory:.0} MB resident");
}

/// Records the time of each request by the number in its path.
fn receiver() -> (String, Arc<Mutex<Vec<Option<Instant>>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let came = Arc::new(Mutex::new(vec![None; 100_000]));
    let seen = Arc::clone(&came);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(stream), seen) = (stream, Arc::clone(&seen)) else {
                continue;
            };
            std::thread::spawn(move || answer_all(stream, &seen));
        }
    });
    (address, came)
}

fn answer_all(stream: TcpStream, seen: &Mutex<Vec<Option<Instant>>>) {
    drop(stream.set_nodelay(true));
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = String::new();
        let mut number = None;
        loop {
            line.clear();
            if stream.read_line(&mut line).unwrap_or_default() == 0 {
                return;
            }
            if let Some(path) = line.strip_prefix("GET /") {
                let digits = path.split(' ').next().unwrap_or_default();
                number = digits.parse::<usize>().ok();
            }
            if line == "\r\n" {
                break;
            }
        }
        if let Some(number) = number {
            seen.lock().unwrap()[number - 1_000_000_000] = Some(Instant::now());
        }
        drop(
            stream
                .get_mut()
                .write_all(b"HTTP/1.1 204 No Content\r\n\r\n"),
        );
    }
}

/// Measures from the sender's first byte to the receiver's last, at a tenth of the daemon's capacity.
pub fn latency() {
    println!(
        "http: from the request to its effect at a tenth of capacity, as a ratio to a single commit"
    );
    let (receiver, came) = receiver();
    let flow = format!("- http: {{ url: \"http://{receiver}/{{{{ ticket.id }}}}\" }}\n");
    let daemon = Daemon::start(&rule(&flow));
    let yardstick = single(daemon.folder.path());
    let (next, bodies) = (Arc::new(AtomicUsize::new(50_000)), Bodies::new());
    // Counts requests that were performed, not only accepted events.
    let began = Instant::now();
    let load = load(&daemon.address, "/events/support", 16, &next);
    let accepted = load.per_second() * RUN.as_secs_f64();
    wait_until_done(daemon.folder.path(), accepted as usize);
    let capacity = accepted / began.elapsed().as_secs_f64();
    std::thread::sleep(Duration::from_secs(1));
    let mut stream = BufReader::new(TcpStream::connect(&daemon.address).unwrap());
    let pause = Duration::from_secs_f64(10.0 / capacity);
    let mut single_commits = commits(&yardstick, 300);
    let mut sent = Vec::new();
    for number in 0..600 {
        sent.push(Instant::now());
        post(&mut stream, "/events/support", &bodies.body(number));
        std::thread::sleep(pause);
        if number % 3 == 0 {
            single_commits.extend(commits(&yardstick, 1));
        }
    }
    std::thread::sleep(Duration::from_secs(1));
    let came = came.lock().unwrap();
    let mut took: Vec<Duration> = sent
        .iter()
        .zip(came.iter())
        .filter_map(|(sent, came)| Some(came.as_ref()?.duration_since(*sent)))
        .collect();
    let arrived = took.len();
    for (name, part) in [("p50", 0.5), ("p99", 0.99)] {
        let ratio = percentile(&mut took, part).as_secs_f64()
            / percentile(&mut single_commits, part).as_secs_f64();
        println!("  {name} of {arrived}  {ratio:.1} times");
    }
}

/// Measures commands per second in a burst, as a ratio to bare spawns.
pub fn commands() {
    println!("http: a burst of 10,000 events that each run /bin/true, as a ratio to bare spawns");
    for (on_crash, count) in [("rerun", 10_000), ("hold", 10_000)] {
        let flow = format!("- exec: [/bin/true]\n  on_crash: {on_crash}\n");
        let daemon = Daemon::start(&rule(&flow));
        let bodies = Arc::new(Bodies::new());
        let before = spawns();
        let began = Instant::now();
        let threads: Vec<_> = (0..16)
            .map(|sender| {
                let (address, bodies) = (daemon.address.clone(), Arc::clone(&bodies));
                std::thread::spawn(move || {
                    let mut stream = BufReader::new(TcpStream::connect(address).unwrap());
                    for number in (sender..count).step_by(16) {
                        post(&mut stream, "/events/support", &bodies.body(number));
                    }
                })
            })
            .collect();
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        wait_until_done(daemon.folder.path(), count);
        let rate = count as f64 / began.elapsed().as_secs_f64();
        let ratio = rate / ((before + spawns()) / 2.0);
        let memory = daemon.status("VmHWM");
        println!("  {on_crash:>5}  {ratio:.2} times; at most {memory:.0} MB resident");
    }
}

pub fn wait_until_done(folder: &Path, count: usize) {
    let path = folder.join("data/flowtrigger.db");
    let connection = rusqlite::Connection::open(path).unwrap();
    loop {
        let sql = "SELECT count(*) FROM runs WHERE state = 'done'";
        let done: i64 = connection.query_row(sql, [], |row| row.get(0)).unwrap();
        // A request in progress at the end may be counted on one side only.
        if done + 16 >= count as i64 {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Returns bare spawns per second, from as many threads as the daemon has workers for one rule.
fn spawns() -> f64 {
    let began = Instant::now();
    let threads: Vec<_> = (0..8)
        .map(|_| {
            std::thread::spawn(|| {
                for _ in 0..250 {
                    Command::new("/bin/true").status().unwrap();
                }
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    2_000.0 / began.elapsed().as_secs_f64()
}
