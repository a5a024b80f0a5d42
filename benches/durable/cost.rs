//! Measures what an event costs in processor time, and what the daemon takes in memory, beside other servers and another
//! build. `BENCH_BEFORE` names a program of an earlier commit; the rounds alternate between all of them.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use super::bare::bare_server;
use super::daemon::{Daemon, rule};
use super::senders::{Load, load, post};
use super::server::wait_until_done;
use super::yardstick::{median, percentile};
use crate::processes::cpu_with_children;

const ROUNDS: usize = 5;
const SENDERS: usize = 64;
/// The argument with which this program serves the baseline, as a process of its own.
pub const SERVE_BARE: &str = "serve-bare";
/// For one body below the default limit.
const LARGE_BODY: usize = 1_000_000;
const LARGE_BODIES: usize = 10;
const MANY_RULES: usize = 100_000;

/// A server that is measured.
enum Subject {
    Flowtrigger {
        name: &'static str,
        program: PathBuf,
    },
    /// The HTTP library with a parsed `Value`.
    Bare,
    /// adnanh/webhook with a hook whose rule does not match.
    Webhook,
}

/// What one load has cost.
#[derive(Default)]
struct Measured {
    per_cpu_second: Vec<f64>,
    per_second: Vec<f64>,
    p99_millis: Vec<f64>,
}

/// A child that is stopped when dropped.
struct Server {
    child: Child,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Serves the baseline until the process is stopped.
pub fn serve_bare() {
    println!("{}", bare_server());
    std::thread::sleep(Duration::from_secs(3_600));
}

/// This build, and the one before it if it is named.
fn builds() -> Vec<(&'static str, PathBuf)> {
    let before = std::env::var_os("BENCH_BEFORE").map(PathBuf::from);
    let own = PathBuf::from(env!("CARGO_BIN_EXE_flowtrigger"));
    let before = before.into_iter().map(|program| ("before", program));
    before.chain([("flowtrigger", own)]).collect()
}

fn flowtriggers() -> Vec<Subject> {
    let subjects = builds().into_iter();
    let subjects = subjects.map(|(name, program)| Subject::Flowtrigger { name, program });
    subjects.collect()
}

impl Subject {
    fn name(&self) -> &'static str {
        match self {
            Subject::Flowtrigger { name, .. } => name,
            Subject::Bare => "axum with Value",
            Subject::Webhook => "adnanh/webhook",
        }
    }

    fn measure(&self, rules: &str, next: &Arc<AtomicUsize>) -> Measured {
        match self {
            Subject::Flowtrigger { program, .. } => {
                let daemon = Daemon::start_program(program, rules);
                cost(daemon.child.id(), &daemon.address, "/events/support", next)
            }
            Subject::Bare => {
                let server = bare_process();
                cost(server.child.id(), &server.address, "/events", next)
            }
            Subject::Webhook => {
                let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
                let server = webhook_process(folder.path()).unwrap();
                cost(server.child.id(), &server.address, "/hooks/bench", next)
            }
        }
    }
}

fn bare_process() -> Server {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .arg(SERVE_BARE)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = lines.next().unwrap().unwrap();
    Server { child, address }
}

/// `None` if the program is not installed.
fn webhook_process(folder: &Path) -> Option<Server> {
    let hooks = r#"[{"id": "bench", "execute-command": "/bin/true", "trigger-rule": {"match": {"type": "value",
        "value": "never", "parameter": {"source": "payload", "name": "input.ticket_event.type"}}}}]"#;
    std::fs::write(folder.join("hooks.json"), hooks).unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    drop(free);
    let child = Command::new("webhook")
        .args(["-hooks", "hooks.json", "-ip", "127.0.0.1", "-port", &port])
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let address = format!("127.0.0.1:{port}");
    let server = Server {
        child: child.ok()?,
        address,
    };
    let began = Instant::now();
    while TcpStream::connect(&server.address).is_err() {
        assert!(began.elapsed() < Duration::from_secs(5), "webhook listens");
        std::thread::sleep(Duration::from_millis(20));
    }
    Some(server)
}

/// Loads a server, after a load that warms it up.
fn cost(process: u32, address: &str, path: &'static str, next: &Arc<AtomicUsize>) -> Measured {
    let before = cpu_with_children(process);
    let Load {
        answered,
        took,
        mut latencies,
    } = load(address, path, SENDERS, next);
    // What was accepted is executed and written at the latest then.
    std::thread::sleep(Duration::from_millis(1_500));
    let cpu = (cpu_with_children(process) - before).as_secs_f64();
    Measured {
        per_cpu_second: vec![answered as f64 / cpu],
        per_second: vec![answered as f64 / took.as_secs_f64()],
        p99_millis: vec![percentile(&mut latencies, 0.99).as_secs_f64() * 1e3],
    }
}

fn compare(subjects: &[Subject], rules: &str) {
    let next = Arc::new(AtomicUsize::new(0));
    let mut measured: Vec<Measured> = subjects.iter().map(|_| Measured::default()).collect();
    for _ in 0..ROUNDS {
        for (subject, all) in subjects.iter().zip(&mut measured) {
            let one = subject.measure(rules, &next);
            all.per_cpu_second.extend(one.per_cpu_second);
            all.per_second.extend(one.per_second);
            all.p99_millis.extend(one.p99_millis);
        }
    }
    for (subject, all) in subjects.iter().zip(measured) {
        println!(
            "  {:<16} {:>7.0} events per CPU second, {:>7.0} per second, p99 {:.1} ms",
            subject.name(),
            median(all.per_cpu_second),
            median(all.per_second),
            median(all.p99_millis)
        );
    }
}

pub fn events() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut subjects = vec![Subject::Bare];
    match webhook_process(folder.path()) {
        Some(_) => subjects.push(Subject::Webhook),
        None => println!("cost: adnanh/webhook is left out, because it is not installed"),
    }
    println!("cost: events without a match, {SENDERS} senders, medians of {ROUNDS} rounds");
    subjects.extend(flowtriggers());
    let other = rule("- succeed: told\n").replace("PriorityChanged", "SubjectChanged");
    compare(&subjects, &other);
    println!("cost: events that match, stored and run to the end");
    compare(&flowtriggers(), &rule("- succeed: told\n"));
}

pub fn memory() {
    println!("cost: resident memory");
    for (name, program) in builds() {
        let daemon = Daemon::start_program(&program, &rule("- succeed: told\n"));
        std::thread::sleep(Duration::from_secs(2));
        let (idle, own) = (daemon.status("VmRSS"), daemon.status("RssAnon"));
        large_bodies(&daemon.address);
        let peak = daemon.status("VmHWM") - idle;
        wait_until_done(daemon.folder.path(), LARGE_BODIES);
        std::thread::sleep(Duration::from_secs(2));
        let after = daemon.status("VmRSS") - idle;
        drop(daemon);
        let many = Daemon::start_program(&program, &many_rules());
        std::thread::sleep(Duration::from_secs(2));
        let (rules, most) = (many.status("VmRSS"), many.status("VmHWM"));
        println!(
            "  {name:<12} idle {idle:.1} MB, without the program's file {own:.1} MB; {LARGE_BODIES} bodies of 1 MB {peak:.1} MB more, {after:.1} MB after them; {MANY_RULES} rules {rules:.0} MB, {most:.0} MB at most"
        );
    }
}

/// Posts large bodies at the same time.
fn large_bodies(address: &str) {
    let threads: Vec<_> = (0..LARGE_BODIES)
        .map(|number| {
            let address = address.to_owned();
            std::thread::spawn(move || {
                let mut stream = BufReader::new(TcpStream::connect(address).unwrap());
                let text = "x".repeat(LARGE_BODY);
                let body = format!(
                    r#"{{"input":{{"ticket_event":{{"type":"Priority Changed","current":"urgent","previous":"low","meta":{{"sequence":{{"id":"large-{number}"}}}},"ticket":{{"id":{number},"description":"{text}"}}}}}}}}"#
                );
                let status = post(&mut stream, "/events/support", &body);
                assert_eq!(status, 200);
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}

fn many_rules() -> String {
    let rules = (0..MANY_RULES).map(|number| {
        format!(
            "---\nname: rule-{number}\nevent_source: support\nevent_type: ticket.PriorityChanged\nwhen: {{ current: urgent, ticket.organization_id: {number} }}\nflow:\n- succeed: told\n"
        )
    });
    rules.collect()
}
