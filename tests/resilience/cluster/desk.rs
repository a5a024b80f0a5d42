//! The rules and the configuration of every daemon, and the events that the senders make.

use std::path::Path;

use flowtrigger_testing::sandbox::Sandbox;
use serde_json::{Value, json};

/// Events that share a window of the rule `window`.
const EVENTS_OF_WINDOW: u64 = 4;
/// One of so many events of a ticket also runs commands.
const EVENTS_OF_COMMANDS: u64 = 4;

/// The rules that act on every event, and those that act on some.
pub const EVERY: [&str; 4] = ["one", "two", "window", "quiet"];
pub const SOME: [&str; 2] = ["hold", "rerun"];

/// Requests may take long after faults, but not so long that a daemon stops to attempt them.
const RETRY: &str = "{ attempts: 100, backoff: 10ms, max_delay: 200ms }";

/// Says which daemon sends a request: its secret has another value in each.
const HEADERS: &str = "{ x-daemon: '{{ secret.DAEMON }}' }";

/// The name of a daemon, long enough that no other text contains it.
pub fn daemon_name(number: usize) -> String {
    format!("the-daemon-number-{number}")
}

/// An event of a ticket, and its number among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Made {
    pub ticket: u64,
    pub number: u64,
}

impl Made {
    pub fn id(&self) -> String {
        format!("made-{}-{}", self.ticket, self.number)
    }

    /// The event with an id.
    pub fn from_id(id: &str) -> Option<Self> {
        let (ticket, number) = id.strip_prefix("made-")?.split_once('-')?;
        Some(Self {
            ticket: ticket.parse().ok()?,
            number: number.parse().ok()?,
        })
    }

    pub fn window(&self) -> String {
        format!("{}-{}", self.ticket, self.number / EVENTS_OF_WINDOW)
    }

    pub fn has_commands(&self) -> bool {
        (self.ticket + self.number).is_multiple_of(EVENTS_OF_COMMANDS)
    }

    /// The rules that match it.
    pub fn rules(&self) -> Vec<&'static str> {
        let some = if self.has_commands() { &SOME[..] } else { &[] };
        [&EVERY[..], some].concat()
    }

    pub fn body(&self) -> Value {
        json!({
            "kind": "made", "id": self.id(), "ticket": self.ticket, "number": self.number,
            "window": self.window(), "commands": self.has_commands(),
        })
    }
}

/// Appends a line with event, key and daemon.
const NOTE: &str = "sleep 0.02\nprintf '%s %s %s\\n' \"$2\" \"$FLOWTRIGGER_IDEMPOTENCY_KEY\" \"$DAEMON\" >> \"$1\"\nsleep 0.02\n";

/// Writes the script of the commands into the folder in which those of all daemons write.
pub fn write_script(notes: &Path) {
    std::fs::write(notes.join("note.sh"), NOTE).expect("a writable folder");
}

/// Writes configuration and rules. `port` is that of the receiver, and `more` are further keys of each rule.
pub fn write_rules(sandbox: &Sandbox, port: u16, notes: &Path, more: &str) {
    sandbox.write(
        "flowtrigger.yaml",
        "outgoing: { allow: [127.0.0.1] }\nsources: { desk: { event_type: { path: kind }, id: id, key: ticket } }\nlimits: { runs: 8 }\n",
    );
    sandbox.write_rules(&rules(port, &notes.display().to_string(), more));
}

fn rules(port: u16, notes: &str, more: &str) -> String {
    let head = |name: &str, keys: &str| {
        format!("name: {name}\nevent_source: desk\nevent_type: made\n{keys}{more}flow:\n")
    };
    let request = |step: &str, path: &str| {
        format!(
            "- name: {step}\n  http: {{ url: 'http://127.0.0.1:{port}/{path}', headers: {HEADERS}, json: {{ id: '{{{{ id }}}}' }} }}\n  retry: {RETRY}\n"
        )
    };
    let command = |name: &str| {
        let keys = "when: { commands: true }\n";
        format!(
            "{}- name: note\n  exec: {{ argv: [/bin/sh, {notes}/note.sh, {notes}/{name}.txt, '{{{{ id }}}}'], env: {{ DAEMON: '{{{{ secret.DAEMON }}}}' }} }}\n  on_crash: {name}\n",
            head(name, keys)
        )
    };
    let two = [
        request("first", "two/first"),
        request("second", "two/second"),
    ]
    .concat();
    [
        format!("{}{}", head("one", ""), request("tell", "one")),
        format!("{}{two}", head("two", "")),
        format!(
            "{}{}",
            head("window", "dedupe: { per: window, for: 24h }\n"),
            request("tell", "window")
        ),
        format!(
            "{}{}",
            head("quiet", "debounce: { per: ticket, quiet: 200ms }\n"),
            request("tell", "quiet")
        ),
        command("hold"),
        command("rerun"),
    ]
    .join("---\n")
}
