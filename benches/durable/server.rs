//! Measures a daemon through HTTP on loopback: events with and without a match, latency, and commands.
//! Senders and baselines share the two cores with it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::yardstick::{commits, median, percentile, rate, single};

const ROUNDS: usize = 3;
const RUN: Duration = Duration::from_secs(4);

/// A daemon process, stopped when dropped.
struct Daemon {
    child: Child,
    address: String,
    folder: tempfile::TempDir,
}

impl Daemon {
    fn start(rule: &str) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        fs::create_dir(folder.path().join("rules")).unwrap();
        fs::write(folder.path().join("rules/rule.yaml"), rule).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_flowtrigger"))
            .args([
                "daemon",
                "--listen",
                "127.0.0.1:0",
                "--page",
                "off",
                "--log-format",
                "json",
            ])
            .args(["--log", "warn,flowtrigger::engine::daemon=info"])
            .current_dir(folder.path())
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .find_map(|line| {
                let line: serde_json::Value = serde_json::from_str(&line.ok()?).ok()?;
                Some(line["address"].as_str()?.to_owned())
            })
            .expect("the daemon listens");
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            address,
            folder,
        }
    }

    fn status(&self, field: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        let kilobytes: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kilobytes / 1_024.0
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn rule(flow: &str) -> String {
    format!(
        "name: bench\nevent_source: support\nevent_type: ticket.PriorityChanged\none_at_a_time_per: none\nflow:\n{flow}"
    )
}

/// One event, with its number in the fields that form its id.
fn body(number: usize) -> String {
    let text = fs::read_to_string("examples/events/zis/priority-changed.json").unwrap();
    let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
    value["input"]["ticket_event"]["ticket"]["id"] = number.into();
    value["input"]["ticket_event"]["meta"]["sequence"]["id"] = format!("bench-{number}").into();
    value.to_string()
}

/// A template of the body, split at the two positions of the number.
struct Bodies {
    parts: Vec<String>,
}

impl Bodies {
    fn new() -> Self {
        let parts = body(987_654_321);
        Self {
            parts: parts.split("987654321").map(str::to_owned).collect(),
        }
    }

    fn body(&self, number: usize) -> String {
        self.parts.join(&(1_000_000_000 + number).to_string())
    }
}

/// Posts a body and reads the status of the response; keeps the connection open.
fn post(stream: &mut BufReader<TcpStream>, path: &str, body: &str) -> u16 {
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.get_mut().write_all(request.as_bytes()).unwrap();
    answer(stream)
}

fn answer(stream: &mut BufReader<TcpStream>) -> u16 {
    let (mut status, mut length) = (0, 0);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
            status = rest[..3].parse().unwrap();
        }
        let lower = line.to_ascii_lowercase();
        if let Some(rest) = lower.strip_prefix("content-length:") {
            length = rest.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    status
}

/// Returns 2xx responses per second for a number of senders.
fn load(address: &str, path: &'static str, senders: usize, next: &Arc<AtomicUsize>) -> f64 {
    let (done, bodies) = (Arc::new(AtomicUsize::new(0)), Arc::new(Bodies::new()));
    let began = Instant::now();
    let threads: Vec<_> = (0..senders)
        .map(|_| {
            let (address, next) = (address.to_owned(), Arc::clone(next));
            let (done, bodies) = (Arc::clone(&done), Arc::clone(&bodies));
            std::thread::spawn(move || {
                let stream = TcpStream::connect(address).unwrap();
                stream.set_nodelay(true).unwrap();
                let mut stream = BufReader::new(stream);
                while began.elapsed() < RUN {
                    let body = bodies.body(next.fetch_add(1, Ordering::Relaxed));
                    if (200..300).contains(&post(&mut stream, path, &body)) {
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    done.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64()
}

pub fn matched() {
    println!("http: events that match, stored and run to the end, as a ratio to single commits");
    for (senders, mode) in [(1, "live"), (16, "live"), (64, "live"), (64, "shadow")] {
        let mut memory = 0.0_f64;
        let ratios = (0..ROUNDS).map(|_| {
            let daemon = Daemon::start(&format!("mode: {mode}\n{}", rule("- succeed: told\n")));
            let yardstick = single(daemon.folder.path());
            let next = Arc::new(AtomicUsize::new(0));
            let before = rate(&yardstick);
            let measured = load(&daemon.address, "/events/support", senders, &next);
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

/// The baseline for unmatched events: the same server library, which only parses and responds.
fn bare_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let parse = |body: axum::body::Bytes| async move {
                let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
                std::hint::black_box(&value);
                "{\"accepted\":true}"
            };
            let app = axum::Router::new().route("/events", axum::routing::post(parse));
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, app).await.unwrap();
        });
    });
    address
}

pub fn unmatched() {
    println!("http: events without a match, as a ratio to a bare server that parses to a Value");
    let bare = bare_server();
    let mut memory = 0.0_f64;
    let ratios = (0..ROUNDS).map(|_| {
        let other = rule("- succeed: told\n").replace("PriorityChanged", "SubjectChanged");
        let daemon = Daemon::start(&other);
        let next = Arc::new(AtomicUsize::new(0));
        let before = load(&bare, "/events", 16, &next);
        let measured = load(&daemon.address, "/events/support", 16, &next);
        memory = memory.max(daemon.status("VmHWM"));
        measured / ((before + load(&bare, "/events", 16, &next)) / 2.0)
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
    let accepted = load(&daemon.address, "/events/support", 16, &next) * RUN.as_secs_f64();
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

fn wait_until_done(folder: &Path, count: usize) {
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
