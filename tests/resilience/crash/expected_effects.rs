//! Compares what the senders sent with what the receiver got and what the store says about each run. It counts;
//! the tests decide which counts are right.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use flowtrigger_core::run::RunState;
use flowtrigger_testing::receiver::{Received, Receiver};
use flowtrigger_testing::sandbox::Sandbox;

use super::desk::runs_of;
use super::senders::Sent;

/// The effects of a step in order: event, key, and whether the receiver accepted it.
#[derive(Debug, Default)]
struct Effects(Vec<Effect>);

#[derive(Debug, Clone)]
struct Effect {
    event: String,
    key: String,
    taken: bool,
}

/// The result of the comparison.
#[derive(Debug, Default, PartialEq)]
pub struct Comparison {
    pub accepted: usize,
    /// Requests and lines of commands, with repetitions.
    pub delivered: usize,
    /// Repetitions.
    pub repeated: usize,
    /// Held runs.
    pub held: usize,
    pub quarantined: usize,
    /// Accepted events whose run is neither done with its effects nor held.
    pub lost: Vec<String>,
    /// First attempts before those of an earlier event of the same lane.
    pub out_of_order: Vec<String>,
    /// Repetitions with another key than the first, and keys that two events share.
    pub wrong_keys: Vec<String>,
    /// Effects that must not happen: a second step before its first was accepted, a first step after its
    /// second, and repetitions of a command that must not run twice.
    pub wrong: Vec<String>,
}

pub const RULES: [&str; 4] = ["one", "two", "rerun", "hold"];

/// The rules that cause the effects. Their commands pause before and after the effect, so that kills interrupt
/// them.
pub fn rules(port: u16, sandbox: &str) -> String {
    let head = |name: &str| format!("name: {name}\nevent_source: desk\nevent_type: made\n");
    let request = |name: &str, path: &str| {
        format!(
            "- name: {name}\n  http: {{ url: 'http://127.0.0.1:{port}/{path}', json: {{ id: '{{{{ id }}}}' }} }}\n  retry: {{ attempts: 50, backoff: 10ms, max_delay: 40ms }}\n"
        )
    };
    let command = |name: &str| {
        format!(
            "{}when: {{ commands: true }}\nflow:\n- name: note\n  exec: [/bin/sh, {sandbox}/note.sh, {sandbox}/{name}.txt, '{{{{ id }}}}']\n  on_crash: {name}\n",
            head(name)
        )
    };
    [
        format!("{}flow:\n{}", head("one"), request("tell", "one")),
        format!(
            "{}flow:\n{}{}",
            head("two"),
            request("first", "two/first"),
            request("second", "two/second")
        ),
        command("rerun"),
        command("hold"),
    ]
    .join("---\n")
}

/// Appends a line with event and key.
pub const NOTE: &str =
    "sleep 0.02\nprintf '%s %s\\n' \"$2\" \"$FLOWTRIGGER_IDEMPOTENCY_KEY\" >> \"$1\"\nsleep 0.02\n";

/// Compares after all runs ended and the daemon was stopped.
pub fn compare(sandbox: &Sandbox, sent: &[Sent], receiver: &Receiver) -> Comparison {
    let got = receiver.received();
    let steps = BTreeMap::from([
        ("one", Effects::at(&got, "/one")),
        ("two/first", Effects::at(&got, "/two/first")),
        ("two/second", Effects::at(&got, "/two/second")),
        ("rerun", Effects::noted(&sandbox.read("rerun.txt"))),
        ("hold", Effects::noted(&sandbox.read("hold.txt"))),
    ]);
    let mut comparison = Comparison {
        accepted: sent.len(),
        ..Comparison::default()
    };
    for (step, effects) in &steps {
        effects.compare(step, sent, &mut comparison);
    }
    comparison.two_steps(&got);
    let twice = steps["hold"].repeated();
    comparison
        .wrong
        .extend(twice.map(|event| format!("hold ran twice: {event}")));
    comparison.find(sandbox, sent, &steps);
    comparison
}

impl Effects {
    fn at(got: &[Received], path: &str) -> Self {
        let at = got.iter().filter(|got| got.path == path);
        let effects = at.map(|got| Effect {
            event: got.id().to_owned(),
            key: got.key.clone(),
            taken: got.status == 200,
        });
        Self(effects.collect())
    }

    fn noted(text: &str) -> Self {
        let effects = text.lines().map(|line| {
            let (event, key) = line.split_once(' ').expect("an event and its key");
            Effect {
                event: event.to_owned(),
                key: key.to_owned(),
                taken: true,
            }
        });
        Self(effects.collect())
    }

    fn taken(&self) -> BTreeSet<&str> {
        let taken = self.0.iter().filter(|effect| effect.taken);
        taken.map(|effect| effect.event.as_str()).collect()
    }

    fn repeated(&self) -> impl Iterator<Item = &str> {
        let mut seen = BTreeSet::new();
        let events = self.0.iter().map(|effect| effect.event.as_str());
        events.filter(move |event| !seen.insert(*event))
    }

    fn compare(&self, step: &str, sent: &[Sent], comparison: &mut Comparison) {
        comparison.delivered += self.0.len();
        comparison.repeated += self.repeated().count();
        let sent: HashMap<&str, &Sent> = sent.iter().map(|s| (s.id.as_str(), s)).collect();
        let (mut keys, mut events) = (HashMap::new(), HashMap::new());
        let mut latest: HashMap<u64, u64> = HashMap::new();
        for Effect { event, key, .. } in &self.0 {
            let first = keys.insert(event, key);
            let whose = events.insert(key, event);
            if first.is_some_and(|k| k != key)
                || whose.is_some_and(|e| e != event)
                || key.is_empty()
            {
                comparison.wrong_keys.push(format!("{step} {event} {key}"));
            }
            let Some(sent) = sent.get(event.as_str()) else {
                comparison.wrong.push(format!("{step} of nothing: {event}"));
                continue;
            };
            let latest = latest.entry(sent.ticket).or_default();
            if first.is_none() && sent.number < *latest {
                comparison.out_of_order.push(format!("{step} {event}"));
            }
            *latest = sent.number.max(*latest);
        }
    }
}

impl Comparison {
    /// Checks the order of the two steps of a run.
    fn two_steps(&mut self, got: &[Received]) {
        let (mut first_taken, mut second_came) = (BTreeSet::new(), BTreeSet::new());
        for got in got {
            let event = got.id();
            match got.path.as_str() {
                "/two/first" if second_came.contains(event) => {
                    self.wrong.push(format!("the first step again: {event}"));
                }
                "/two/first" if got.status == 200 => drop(first_taken.insert(event)),
                "/two/second" => {
                    second_came.insert(event);
                    if !first_taken.contains(event) {
                        self.wrong.push(format!("the second step first: {event}"));
                    }
                }
                _ => {}
            }
        }
    }

    /// Finds the runs of each accepted event.
    fn find(&mut self, sandbox: &Sandbox, sent: &[Sent], steps: &BTreeMap<&str, Effects>) {
        let store = sandbox.store();
        let taken: BTreeMap<&str, BTreeSet<&str>> = steps
            .iter()
            .map(|(step, effects)| (*step, effects.taken()))
            .collect();
        for sent in sent {
            let runs = runs_of(&store, &sent.id);
            for rule in RULES {
                if !sent.commands && matches!(rule, "rerun" | "hold") {
                    continue;
                }
                let run = runs.iter().find(|run| run.rule.name == rule);
                let state = run.map(|run| run.state.clone());
                self.account(rule, sent, state, &taken);
            }
        }
    }

    fn account(
        &mut self,
        rule: &str,
        sent: &Sent,
        state: Option<RunState>,
        taken: &BTreeMap<&str, BTreeSet<&str>>,
    ) {
        let came = |step: &str| taken[step].contains(sent.id.as_str());
        let has_effects = match rule {
            "two" => came("two/first") && came("two/second"),
            step => came(step),
        };
        match state {
            Some(RunState::Done) if has_effects => {}
            Some(RunState::Held { why }) => {
                self.held += 1;
                self.quarantined += usize::from(why.starts_with("quarantined"));
            }
            state => self.lost.push(format!("{rule} {}: {state:?}", sent.id)),
        }
    }

    /// Checks what must hold after any fault.
    #[track_caller]
    pub fn expect_nothing_lost(&self) {
        let none = Vec::<String>::new();
        assert_eq!(self.lost, none, "lost");
        assert_eq!(self.out_of_order, none, "out of order");
        assert_eq!(self.wrong_keys, none, "keys");
        assert_eq!(self.wrong, none);
        assert!(self.delivered > 0 && self.accepted > 0, "{self:?}");
    }

    /// One line for the report.
    pub fn summary(&self) -> String {
        format!(
            "accepted {}, delivered {}, repeated {}, held {} (quarantined {}), lost {}, out of order {}",
            self.accepted,
            self.delivered,
            self.repeated,
            self.held,
            self.quarantined,
            self.lost.len(),
            self.out_of_order.len()
        )
    }
}
