//! A folder with rules and events, and the program run in it with everything that it said.
//! It refuses to wait for ever, and any word of a panic in any output.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// Far longer than anything here takes; only what hangs gets there.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Place {
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

/// What the program said, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("rules")).unwrap();
        let environment = Vec::new();
        Self {
            folder,
            environment,
        }
    }

    /// A place whose one rule runs these steps when a ticket turns urgent.
    pub fn with_flow(flow: &str) -> Self {
        let place = Self::new();
        place.write("rules/rules.yaml", rule("on-urgent", flow));
        place
    }

    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Waits for a file that a command makes.
    pub fn waits_for(&self, name: &str) {
        let began = std::time::Instant::now();
        while !self.path(name).exists() {
            assert!(began.elapsed() < PATIENCE, "`{name}` does not come");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The program in this folder, with nothing of ours in its environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowtrigger"));
        command.args(arguments).current_dir(self.folder.path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("FLOWTRIGGER_") {
                command.env_remove(name);
            }
        }
        command.env("LC_ALL", "C").env_remove("RUST_LOG");
        command.envs(self.environment.iter().map(|(n, v)| (n, v)));
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn says(&self, arguments: &[&str]) -> Said {
        let child = self.command(arguments).spawn().unwrap();
        Said::of(finish(child))
    }

    /// With something on standard input.
    pub fn answers(&self, arguments: &[&str], input: &str) -> Said {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_owned();
        let feed = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
        let said = Said::of(finish(child));
        feed.join().unwrap();
        said
    }

    /// The one line of JSON that a command prints for an event.
    pub fn line(&self, arguments: &[&str], event: &Value) -> Value {
        let said = self.answers(arguments, &event.to_string());
        let lines = said.lines();
        assert_eq!(lines.len(), 1, "{said:?}");
        lines[0].clone()
    }
}

/// Waits for the end, as long as anybody would.
pub fn finish(child: Child) -> Output {
    let id = Pid::from_child(&child);
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || tell.send(child.wait_with_output()));
    match told.recv_timeout(PATIENCE) {
        Ok(output) => output.unwrap(),
        Err(_) => {
            kill_process(id, Signal::KILL).unwrap();
            panic!("the program did not end: {:?}", told.recv());
        }
    }
}

impl Said {
    pub fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the program speaks UTF-8");
        let said = Self {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        assert!(said.code >= 0, "ended by a signal: {said:?}");
        calm(&said.stdout);
        calm(&said.stderr);
        said
    }

    /// The code, and a part of what stands on standard error for each thing that has to be told.
    #[track_caller]
    pub fn tells(&self, code: i32, parts: &[&str]) -> &Self {
        assert_eq!(self.code, code, "{self:#?}");
        for part in parts {
            assert!(self.stderr.contains(part), "no `{part}` in {self:#?}");
        }
        self
    }

    /// The same of standard output.
    #[track_caller]
    pub fn prints(&self, code: i32, parts: &[&str]) -> &Self {
        assert_eq!(self.code, code, "{self:#?}");
        for part in parts {
            assert!(self.stdout.contains(part), "no `{part}` in {self:#?}");
        }
        self
    }

    pub fn lines(&self) -> Vec<Value> {
        let lines = self.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{self:#?}")))
            .collect()
    }
}

#[track_caller]
pub fn calm(text: &str) {
    for word in ["panicked", "overflowed", "RUST_BACKTRACE", "unwrap()"] {
        assert!(!text.contains(word), "`{word}` in {text}");
    }
}

/// A rule for a ticket that turns urgent.
pub fn rule(name: &str, flow: &str) -> String {
    format!(
        "name: {name}\nevent_source: support\nevent_type: ticket.PriorityChanged\n\
         when: {{ current: urgent }}\nflow:\n{flow}\n"
    )
}

/// A step that leaves the ticket's number in a file.
pub const NOTE: &str =
    "- name: note\n  http: { url: 'outbox:note', json: { ticket: '{{ ticket.id }}' } }\n";

pub const RUN: [&str; 4] = ["run", "--format", "json", "-"];
pub const DRY_RUN: [&str; 4] = ["dry-run", "--format", "json", "-"];
pub const EXPLAIN: [&str; 5] = ["dry-run", "--explain", "--format", "json", "-"];

/// A ticket that turns urgent.
pub fn urgent(ticket: u64) -> Value {
    changed("Priority Changed", ticket, json!("low"), json!("urgent"))
}

/// A ticket's new subject.
pub fn subject(ticket: u64, text: &str) -> Value {
    changed("Subject Changed", ticket, json!("before"), json!(text))
}

fn changed(kind: &str, ticket: u64, previous: Value, current: Value) -> Value {
    json!({
        "account_id": 61120, "integration_key": "quaymark", "subdomain": "quaymark",
        "input": {"ticket_event": {
            "type": kind,
            "previous": previous,
            "current": current,
            "ticket": {
                "id": ticket, "status": "open", "priority": "urgent", "tags": ["vip", "refund"],
                "group_id": 51, "external_id": null, "via": {"channel": "web"},
            },
            "meta": {
                "version": "1.0", "occurred_at": "2026-04-01T10:00:00Z", "ref": "4-1",
                "sequence": {"id": format!("S{ticket}"), "position": 1, "total": 1},
            },
        }},
    })
}

/// Killed processes may take a moment to be reaped by whoever inherits them; those are gone as well.
pub fn is_gone(id: u32) -> bool {
    let state = || {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        stat.rsplit(')').next()?.trim().chars().next()
    };
    (0..500).any(|_| {
        let gone = matches!(state(), None | Some('Z' | 'X'));
        if !gone {
            std::thread::sleep(Duration::from_millis(10));
        }
        gone
    })
}
