//! Checks a ledger: nothing is lost, order is kept, gates count once, and a run has one owner at a time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::time::Duration;

use super::desk::{Made, SOME};
use super::ledger::{DeskRequest, Ledger};

/// How long after a pause a daemon may still send what it had decided to send before it.
const LATE: Duration = Duration::from_secs(5);

/// What a campaign must keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// An accepted event has one run for each rule that matches it, which has ended with its effects or is held.
    NothingLost,
    /// First attempts of a lane are in the order of its events, also those of the steps of a run.
    Order,
    /// One run of the rule `window` acts in a window.
    OneInWindow,
    /// A command that must not run twice starts once, at most.
    StartedOnce,
    /// No two requests of a lane are in progress at the same time.
    OneOwner,
    /// Attempts of a step have one key, which no other event and step has.
    Keys,
}

/// A promise that was broken.
#[derive(Clone, PartialEq)]
pub struct Breakage {
    pub promise: Promise,
    pub what: String,
}

impl fmt::Debug for Breakage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.promise, self.what)
    }
}

/// Finds every broken promise.
pub fn check(ledger: &Ledger) -> Vec<Breakage> {
    let mut checker = Checker {
        ledger,
        found: Vec::new(),
    };
    checker.nothing_lost();
    checker.order();
    checker.steps();
    checker.one_in_window();
    checker.started_once();
    checker.one_owner();
    checker.keys();
    checker.found
}

struct Checker<'a> {
    ledger: &'a Ledger,
    found: Vec<Breakage>,
}

impl Checker<'_> {
    fn report(&mut self, promise: Promise, what: String) {
        self.found.push(Breakage { promise, what });
    }

    fn nothing_lost(&mut self) {
        let mut runs: HashMap<(Made, &str), Vec<&str>> = HashMap::new();
        let mut reasons: HashMap<(Made, &str), &str> = HashMap::new();
        for run in &self.ledger.runs {
            let states = runs.entry((run.event, &run.rule)).or_default();
            states.push(&run.state);
            reasons.insert((run.event, &run.rule), &run.why);
        }
        let mut effects: BTreeSet<(&str, Made)> = BTreeSet::new();
        let taken = self.ledger.requests.iter().filter(|got| got.status == 200);
        effects.extend(taken.map(|got| (got.path.as_str(), got.event)));
        let commands = self.ledger.commands.iter();
        effects.extend(commands.map(|command| (command.rule.as_str(), command.event)));
        let mut last: BTreeMap<u64, Made> = BTreeMap::new();
        let mut lost = Vec::new();
        for event in &self.ledger.accepted {
            last.insert(event.ticket, *event);
            for rule in event.rules() {
                let steps: &[&str] = match rule {
                    "two" => &["two/first", "two/second"],
                    rule => &[rule],
                };
                let has_effects = steps.iter().all(|step| effects.contains(&(step, *event)));
                let is_right = match runs.get(&(*event, rule)).map(Vec::as_slice) {
                    Some(["done"]) => has_effects,
                    Some(["held"]) => true,
                    // The gates of these rules let some events pass.
                    Some(["suppressed"]) => matches!(rule, "window" | "quiet"),
                    Some(_) | None => false,
                };
                if !is_right {
                    let states = runs.get(&(*event, rule));
                    let why = reasons.get(&(*event, rule));
                    lost.push(format!(
                        "{rule} {}: {states:?} {why:?}, effects {has_effects}",
                        event.id()
                    ));
                }
            }
        }
        // The last event of a ticket waits for no other.
        for event in last.values() {
            if !effects.contains(&("quiet", *event)) {
                lost.push(format!("no quiet after {}", event.id()));
            }
        }
        for what in lost {
            self.report(Promise::NothingLost, what);
        }
    }

    fn order(&mut self) {
        let mut latest: HashMap<(&str, u64), u64> = HashMap::new();
        let mut seen = BTreeSet::new();
        let requests = self.ledger.requests.iter();
        let requests = requests.map(|got| (got.path.as_str(), got.event));
        let commands = self.ledger.commands.iter();
        let commands = commands.map(|command| (command.rule.as_str(), command.event));
        let mut wrong = Vec::new();
        for (step, event) in requests.chain(commands) {
            if !seen.insert((step, event)) {
                continue;
            }
            let latest = latest.entry((step, event.ticket)).or_default();
            if event.number < *latest {
                wrong.push(format!("{step} {} after number {latest}", event.id()));
            }
            *latest = event.number.max(*latest);
        }
        for what in wrong {
            self.report(Promise::Order, what);
        }
    }

    /// The second step of a run begins after the first was taken, and the first does not come again.
    fn steps(&mut self) {
        let (mut first, mut second) = (BTreeSet::new(), BTreeSet::new());
        let mut wrong = Vec::new();
        for got in &self.ledger.requests {
            match got.path.as_str() {
                "two/first" if second.contains(&got.event) && !self.is_late(got) => {
                    wrong.push(format!("the first step again: {}", got.event.id()));
                }
                "two/first" if got.status == 200 => drop(first.insert(got.event)),
                "two/second" => {
                    second.insert(got.event);
                    if !first.contains(&got.event) {
                        wrong.push(format!("the second step first: {}", got.event.id()));
                    }
                }
                _ => {}
            }
        }
        for what in wrong {
            self.report(Promise::Order, what);
        }
    }

    fn one_in_window(&mut self) {
        let mut windows: BTreeMap<String, BTreeSet<Made>> = BTreeMap::new();
        let acts = |state: &str| state != "suppressed";
        let runs = self.ledger.runs.iter();
        let runs = runs.filter(|run| run.rule == "window" && acts(&run.state));
        let requests = self
            .ledger
            .requests
            .iter()
            .filter(|got| got.path == "window");
        for event in runs
            .map(|run| run.event)
            .chain(requests.map(|got| got.event))
        {
            windows.entry(event.window()).or_default().insert(event);
        }
        for (window, events) in windows {
            if events.len() > 1 {
                let what = format!("{} runs in window {window}", events.len());
                self.report(Promise::OneInWindow, what);
            }
        }
    }

    fn started_once(&mut self) {
        let mut seen = BTreeSet::new();
        let commands = self.ledger.commands.iter();
        let held = commands.filter(|command| command.rule == SOME[0]);
        let again = held.filter(|command| !seen.insert(command.event));
        let again: Vec<String> = again
            .map(|command| format!("{} again on {}", command.event.id(), command.daemon))
            .collect();
        for what in again {
            self.report(Promise::StartedOnce, what);
        }
    }

    /// A daemon that was paused may have been about to send one request of a lane. The store cannot prevent that: the
    /// receiver recognises its key. A second one of the lane is that of a daemon that executes what it does not own.
    fn one_owner(&mut self) {
        let mut lanes: BTreeMap<(&str, u64), Vec<&DeskRequest>> = BTreeMap::new();
        for got in &self.ledger.requests {
            let lane = lanes.entry((got.rule(), got.event.ticket)).or_default();
            lane.push(got);
        }
        let mut wrong = Vec::new();
        for ((rule, ticket), mut requests) in lanes {
            requests.sort_by_key(|got| got.arrived);
            let mut late = BTreeSet::new();
            for (position, next) in requests.iter().enumerate() {
                let in_progress = requests[..position]
                    .iter()
                    .filter(|before| before.answered > next.arrived);
                for before in in_progress {
                    let of_pause = [before, next]
                        .into_iter()
                        .find_map(|got| self.pause_of(got));
                    let is_excused = of_pause.is_some_and(|pause| late.insert(pause));
                    if !is_excused {
                        wrong.push(format!(
                            "{rule} of ticket {ticket}: {} of {} at {:?} while {} of {} is in progress until {:?}",
                            next.event.id(),
                            next.daemon,
                            next.arrived,
                            before.event.id(),
                            before.daemon,
                            before.answered
                        ));
                    }
                }
            }
        }
        for what in wrong {
            self.report(Promise::OneOwner, what);
        }
    }

    /// The pause after which a daemon sent a request, if it was just before.
    fn pause_of(&self, got: &DeskRequest) -> Option<usize> {
        self.ledger.resumed.iter().position(|(daemon, resumed)| {
            *daemon == got.daemon && got.arrived >= *resumed && got.arrived < *resumed + LATE
        })
    }

    fn is_late(&self, got: &DeskRequest) -> bool {
        self.pause_of(got).is_some()
    }

    fn keys(&mut self) {
        let requests = self.ledger.requests.iter();
        let requests = requests.map(|got| (got.path.as_str(), got.event, got.key.as_str()));
        let commands = self.ledger.commands.iter();
        let commands = commands.map(|command| {
            let step = command.rule.as_str();
            (step, command.event, command.key.as_str())
        });
        let (mut of_step, mut of_key) = (HashMap::new(), HashMap::new());
        let mut wrong = Vec::new();
        for (step, event, key) in requests.chain(commands) {
            let known = *of_step.entry((step, event)).or_insert(key);
            let owner = *of_key.entry(key).or_insert((step, event));
            if key.is_empty() || known != key || owner != (step, event) {
                wrong.push(format!("{step} {}: `{key}`", event.id()));
            }
        }
        for what in wrong {
            self.report(Promise::Keys, what);
        }
    }
}
