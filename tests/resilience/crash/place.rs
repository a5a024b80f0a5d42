//! A folder with rules, a configuration and data, the program run in it, and the store that it leaves.
//! It refuses any word of a panic in what the program says.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use flowtrigger::store::{Record, Settings, SqliteStore, Store};
use serde_json::{Value, json};

use super::turn::until;

/// A source of our own: the id of an event is what its sender says it is.
/// Its receivers are on this machine.
pub const DESK: &str = "outgoing: { allow: [127.0.0.1] }\nsources: { support: {}, desk: { event_type: { path: kind }, id: id, key: ticket } }\n";

/// Who has not given up by then has started.
const REFUSAL: Duration = Duration::from_secs(10);

pub struct Place {
    folder: tempfile::TempDir,
}

/// What the program said, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub stderr: String,
}

impl Place {
    pub fn new(rules: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Self { folder };
        place.write("flowtrigger.yaml", DESK);
        place.rules(rules);
        place
    }

    pub fn rules(&self, rules: &str) {
        self.write("rules/rules.yaml", rules);
    }

    pub fn configure(&self, more: &str) {
        self.write("flowtrigger.yaml", format!("{DESK}{more}"));
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn database(&self) -> PathBuf {
        self.path("data/flowtrigger.db")
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    #[track_caller]
    pub fn waits_for(&self, name: &str) {
        until(name, || self.path(name).exists());
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
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::piped());
        command
    }

    /// A daemon that is expected not to start.
    pub fn refused(&self) -> Said {
        let arguments = ["daemon", "--listen", "127.0.0.1:0"];
        let mut command = self.command(&arguments);
        let mut child = command.spawn().unwrap();
        let began = Instant::now();
        let mut ended = child.try_wait().unwrap();
        // What it says fits into the pipe.
        while ended.is_none() && began.elapsed() < REFUSAL {
            std::thread::sleep(Duration::from_millis(5));
            ended = child.try_wait().unwrap();
        }
        drop(child.kill());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(ended.is_some(), "it was not refused: {stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
        let code = output.status.code();
        Said { code, stderr }
    }

    /// The store of a folder that no daemon has.
    pub fn store(&self) -> SqliteStore {
        let (store, recovered) = SqliteStore::open(&self.database(), Settings::default()).unwrap();
        assert_eq!(recovered.suspects, [], "the daemon left without a word");
        store
    }
}

impl Said {
    #[track_caller]
    pub fn tells(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        for part in parts {
            assert!(self.stderr.contains(part), "no `{part}` in {self:#?}");
        }
    }
}

/// The runs of an event, with their rules and states.
pub fn runs_of(store: &SqliteStore, event: &str) -> Vec<Record> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runs = store.runs_of("desk", event);
    runtime.unwrap().block_on(runs).unwrap()
}

/// An event of the desk.
pub fn event(id: &str, ticket: u64, kind: &str) -> Value {
    json!({"kind": kind, "id": id, "ticket": ticket})
}

/// A rule of one request for events of one kind; `more` stands in its step.
pub fn telling(name: &str, kind: &str, port: u16, more: &str) -> String {
    format!(
        "name: {name}\nevent_source: desk\nevent_type: {kind}\nflow:\n- name: tell\n  http:\n    url: http://127.0.0.1:{port}/{name}\n    json: {{ id: \"{{{{ id }}}}\", ticket: \"{{{{ ticket }}}}\" }}\n{more}"
    )
}
