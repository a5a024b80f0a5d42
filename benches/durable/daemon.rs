//! A daemon process with one rules file, and what `/proc` says of it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A daemon process, stopped when dropped.
pub struct Daemon {
    pub child: Child,
    pub address: String,
    pub folder: tempfile::TempDir,
}

impl Daemon {
    /// Starts the program of this build.
    pub fn start(rules: &str) -> Self {
        Self::start_program(Path::new(env!("CARGO_BIN_EXE_flowtrigger")), rules)
    }

    pub fn start_program(program: &Path, rules: &str) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        fs::create_dir(folder.path().join("rules")).unwrap();
        fs::write(folder.path().join("rules/rule.yaml"), rules).unwrap();
        let mut child = Command::new(program)
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

    /// A field of its status in megabytes.
    pub fn status(&self, field: &str) -> f64 {
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

/// A rule for the events that the senders send.
pub fn rule(flow: &str) -> String {
    format!(
        "name: bench\nevent_source: support\nevent_type: ticket.PriorityChanged\none_at_a_time_per: none\nflow:\n{flow}"
    )
}
