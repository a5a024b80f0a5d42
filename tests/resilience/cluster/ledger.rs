//! What senders, receiver, commands and store say about a campaign, as data that a checker compares.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use flowtrigger_testing::receiver::{Received, Receiver};

use super::desk::{Made, SOME};
use super::fleet::Fleet;

/// Everything that is known of a campaign. Times are since its start.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// Accepted events; those of one ticket in the order in which they were accepted.
    pub accepted: Vec<Made>,
    /// Requests in the order of their arrival.
    pub requests: Vec<DeskRequest>,
    /// Commands in the order in which they wrote.
    pub commands: Vec<StartedCommand>,
    pub runs: Vec<StoredRun>,
    /// When a daemon continued that had been paused for longer than its lease.
    pub resumed: Vec<(String, Duration)>,
}

/// A request to the receiver.
#[derive(Debug, Clone, PartialEq)]
pub struct DeskRequest {
    /// `one`, `two/first` and so on.
    pub path: String,
    pub event: Made,
    pub key: String,
    pub daemon: String,
    pub arrived: Duration,
    pub answered: Duration,
    pub status: u16,
}

impl DeskRequest {
    pub fn rule(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }
}

/// A line that a command wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct StartedCommand {
    pub rule: String,
    pub event: Made,
    pub key: String,
    pub daemon: String,
}

/// A run as the store has it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRun {
    pub event: Made,
    pub rule: String,
    pub state: String,
    /// Its error, or the reason of its state.
    pub why: String,
}

impl Ledger {
    /// What a fleet that was stopped leaves behind.
    pub fn of(fleet: &Fleet, receiver: &Receiver, accepted: Vec<Made>, start: Instant) -> Self {
        let mut ledger = Self {
            accepted,
            ..Self::default()
        };
        ledger.add_requests(&receiver.received(), start);
        ledger.add_commands(fleet.notes.folder());
        ledger.add_runs(&fleet.runs());
        ledger
    }

    /// Everything about the events that a text names, for people.
    pub fn about(&self, text: &str) -> String {
        let words = text.split(|letter: char| !letter.is_alphanumeric() && letter != '-');
        let events: BTreeSet<Made> = words.filter_map(Made::from_id).collect();
        events
            .into_iter()
            .map(|event| self.of_event(event))
            .collect()
    }

    fn of_event(&self, event: Made) -> String {
        let requests = self.requests.iter().filter(|got| got.event == event);
        let runs = self.runs.iter().filter(|run| run.event == event);
        let commands = self
            .commands
            .iter()
            .filter(|command| command.event == event);
        format!(
            "{:#?}\n{:#?}\n{:#?}\n",
            requests.collect::<Vec<_>>(),
            commands.collect::<Vec<_>>(),
            runs.collect::<Vec<_>>()
        )
    }

    /// Adds what the receiver got.
    fn add_requests(&mut self, received: &[Received], start: Instant) {
        self.requests.extend(received.iter().map(|got| DeskRequest {
            path: got.path.trim_start_matches('/').to_owned(),
            event: Made::from_id(got.id()).expect("an event of a sender"),
            key: got.key.clone(),
            daemon: got.header("x-daemon").unwrap_or_default().to_owned(),
            arrived: got.arrived - start,
            answered: got.answered.unwrap_or(got.arrived) - start,
            status: got.status,
        }));
    }

    /// Adds what the commands wrote into their folder.
    fn add_commands(&mut self, notes: &Path) {
        for rule in SOME {
            let text = std::fs::read_to_string(notes.join(format!("{rule}.txt")));
            let text = text.unwrap_or_default();
            self.commands.extend(text.lines().map(|line| {
                let mut words = line.split(' ').map(str::to_owned);
                let mut next = || words.next().expect("event, key and daemon");
                StartedCommand {
                    rule: rule.to_owned(),
                    event: Made::from_id(&next()).expect("an event of a sender"),
                    key: next(),
                    daemon: next(),
                }
            }));
        }
    }

    /// Adds the runs of the store: lines of event id, rule, state and reason with `|` between them.
    fn add_runs(&mut self, lines: &str) {
        self.runs.extend(lines.lines().map(|line| {
            let mut words = line.splitn(4, '|');
            let mut next = || words.next().expect("event, rule, state and reason");
            StoredRun {
                event: Made::from_id(next()).expect("an event of a sender"),
                rule: next().to_owned(),
                state: next().to_owned(),
                why: next().to_owned(),
            }
        }));
    }
}
