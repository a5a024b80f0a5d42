//! Executes one run with simulated calls whose results depend only on step and attempt, interrupts it anywhere
//! and continues it from the kept part of its log.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::time::Duration;

use flowtrigger_core::event::Event;
use flowtrigger_core::flow::call::Call;
use flowtrigger_core::flow::decide::{Decision, RunInput, StepCall, claimed_entry, decide};
use flowtrigger_core::flow::jq::JqProgram;
use flowtrigger_core::flow::step::Flow;
use flowtrigger_core::run::answer_link::AnswerLinks;
use flowtrigger_core::run::call_result::{CallEffect, CallFailure, CallResult, Reply};
use flowtrigger_core::run::{Attempt, EventIdentity, LogEntry, idempotency_key};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Decisions for one run at most: a run that needs more never ends.
const LOOKS: usize = 30_000;
/// The number of interruptions of one run.
const CUTS: usize = 24;

/// One run of one flow, and the seed of its call results.
pub struct World<'a> {
    pub flow: &'a Flow,
    pub event: &'a Event,
    pub vars: &'a Value,
    pub luck: u64,
    /// How many of ten calls fail.
    pub failures: u64,
}

pub struct Ended {
    /// Without the entries that are not stored.
    pub log: Vec<LogEntry>,
    pub end: Decision,
    /// Every call, by its idempotency key.
    pub called: Vec<(String, Call)>,
}

impl World<'_> {
    fn subject(&self) -> RunInput<'_> {
        RunInput {
            event: self.event,
            vars: self.vars,
            error: &Value::Null,
            locals: &Value::Null,
            seed: "seed",
            links: AnswerLinks::Test,
        }
    }

    /// Executes a run from the stored part of its log.
    pub fn live(&self, kept: &[LogEntry]) -> Ended {
        let subject = self.subject();
        let (mut log, mut called) = (kept.to_vec(), Vec::new());
        let mut now = kept.iter().map(at).max().unwrap_or(Timestamp::UNIX_EPOCH);
        log.push(claimed_entry(self.flow, &subject, &log));
        for _ in 0..LOOKS {
            match decide(self.flow, &subject, &log, now) {
                Decision::Perform { tasks, .. } => match started(&tasks, now) {
                    lines if lines.is_empty() => {
                        let task = &tasks[self.pick(&log, tasks.len())];
                        let key =
                            idempotency_key(EventIdentity::of(self.event), "rule", &task.step, 0);
                        called.push((key, task.call.clone()));
                        log.push(self.attempt(task, now));
                        now += SignedDuration::from_millis(20);
                    }
                    lines => log.extend(lines),
                },
                Decision::Record(line) => log.push(line),
                Decision::Retry { until } | Decision::Wait { until } => {
                    now = until;
                    log.push(claimed_entry(self.flow, &subject, &log));
                }
                Decision::Await { step, until } => {
                    now = until;
                    log.push(LogEntry::Expired { step, at: now });
                }
                Decision::Hold { .. } => {
                    log.extend([
                        LogEntry::Revived { at: now },
                        LogEntry::Claimed { over: None },
                    ]);
                }
                end
                @ (Decision::Skipped { .. } | Decision::Done { .. } | Decision::Dead { .. }) => {
                    log.retain(|line| !matches!(line, LogEntry::Claimed { .. }));
                    return Ended { log, end, called };
                }
            }
        }
        panic!("the run never ends: {:?}", self.flow);
    }

    /// Chooses which of the active calls ends first.
    fn pick(&self, log: &[LogEntry], under_way: usize) -> usize {
        let attempts = log.iter().filter_map(LogEntry::attempt).count();
        self.draw(&("pick", attempts), under_way as u64) as usize
    }

    fn attempt(&self, task: &StepCall, now: Timestamp) -> LogEntry {
        LogEntry::Attempt(Attempt {
            step: task.step.clone(),
            number: task.number,
            started: now,
            took: Duration::from_millis(20),
            outcome: self.outcome(task),
        })
    }

    fn outcome(&self, task: &StepCall) -> CallResult {
        if let Call::Jq(call) = &task.call {
            return calculated(&call.program, &call.input);
        }
        let place = (&task.step, task.number);
        if self.draw(&("fails", place), 10) < self.failures {
            let retryable = self.draw(&("passes", place), 3) > 0;
            return failed(format!("no luck with `{}`", task.step), retryable);
        }
        let number = self.draw(&("number", place), 4);
        let body = json!({"n": number, "list": vec!["x"; number as usize]});
        Ok(Reply {
            value: json!({"status": 200, "headers": {}, "body": body, "stdout": "", "stderr": ""}),
        })
    }

    fn draw(&self, what: &impl Hash, bound: u64) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.luck, what).hash(&mut hasher);
        hasher.finish() % bound.max(1)
    }

    /// Interrupts the run after entries of its log, and each continued run once more at `second`.
    pub fn cut_everywhere(&self, second: usize) -> Result<Ended, String> {
        let whole = self.live(&[]);
        if let Some(step) = repeats(&whole.log) {
            return Err(format!("`{step}` ran again after it was done"));
        }
        // In a long log only some entries, starting at a different one each time.
        let every = whole.log.len().div_ceil(CUTS).max(1);
        for cut in (second % every..=whole.log.len()).step_by(every) {
            let kept = &whole.log[..cut];
            let again = self.live(kept);
            self.compare(&whole, &again, &format!("cut at {cut}"))?;
            let twice = second % (again.log.len() + 1);
            let third = self.live(&again.log[..twice]);
            self.compare(&whole, &third, &format!("cut at {cut}, then at {twice}"))?;
        }
        Ok(whole)
    }

    fn compare(&self, whole: &Ended, again: &Ended, when: &str) -> Result<(), String> {
        let told = |what: &str, expected: &dyn std::fmt::Debug, got: &dyn std::fmt::Debug| {
            Err(format!("{when}: {what}: {got:#?}, not {expected:#?}"))
        };
        if let Some(step) = repeats(&again.log) {
            return told("it ran again after it was done", &"nothing", &step);
        }
        // Retrying a held run grants all attempts again: it may succeed where the other failed.
        if again
            .log
            .iter()
            .any(|line| matches!(line, LogEntry::Revived { .. }))
        {
            return Ok(());
        }
        if again.end != whole.end {
            return told("it ends", &whole.end, &again.end);
        }
        if results(&again.log) != results(&whole.log) {
            return told("results", &results(&whole.log), &results(&again.log));
        }
        let (of_whole, of_again) = (calls(whole), calls(again));
        for (key, call) in &of_again {
            if of_whole.get(key) != Some(call) {
                return told("it calls", &of_whole.get(key), call);
            }
        }
        Ok(())
    }
}

/// A step that must not run twice is recorded before its call.
fn started(tasks: &[StepCall], now: Timestamp) -> Vec<LogEntry> {
    let announced = tasks.iter().filter(|task| task.announce);
    let lines = announced.map(|task| LogEntry::Started {
        step: task.step.clone(),
        number: task.number,
        at: now,
    });
    lines.collect()
}

thread_local! {
    /// Compiled once, because compiling takes longer than running.
    static PROGRAMS: RefCell<HashMap<String, Rc<JqProgram>>> = RefCell::default();
}

/// Runs a jq program in this process: those of the tests end.
pub fn calculated(text: &str, input: &Value) -> CallResult {
    let known = PROGRAMS.with_borrow(|programs| programs.get(text).cloned());
    let program = match known.map_or_else(|| JqProgram::compile(text).map(Rc::new), Ok) {
        Ok(program) => program,
        Err(mistake) => return failed(mistake.message, false),
    };
    PROGRAMS.with_borrow_mut(|programs| programs.insert(text.to_owned(), Rc::clone(&program)));
    match program.run(&input.to_string()) {
        Ok(result) => Ok(Reply { value: result }),
        Err(message) => failed(message, false),
    }
}

fn failed(message: String, retryable: bool) -> CallResult {
    Err(CallFailure {
        message,
        retryable,
        retry_after: None,
        status: Some(503),
        effect: CallEffect::Possible,
        during_outage: false,
    })
}

fn at(line: &LogEntry) -> Timestamp {
    match line {
        LogEntry::Started { at, .. }
        | LogEntry::Waiting { at, .. }
        | LogEntry::Arrived { at, .. }
        | LogEntry::Answered { at, .. }
        | LogEntry::Expired { at, .. }
        | LogEntry::Caught { at, .. }
        | LogEntry::Revived { at } => *at,
        LogEntry::Attempt(attempt) => attempt.started + SignedDuration::from_millis(20),
        LogEntry::Claimed { .. } => Timestamp::UNIX_EPOCH,
    }
}

/// The last outcome of every step, with the number of attempts.
fn results(log: &[LogEntry]) -> BTreeMap<&str, (u32, &CallResult)> {
    let attempts = log.iter().filter_map(LogEntry::attempt);
    attempts
        .map(|a| (a.step.as_str(), (a.number, &a.outcome)))
        .collect()
}

fn calls(ended: &Ended) -> BTreeMap<&str, &Call> {
    let called = ended.called.iter();
    called.map(|(key, call)| (key.as_str(), call)).collect()
}

/// A step that starts or is attempted again after it succeeded.
pub fn repeats(log: &[LogEntry]) -> Option<&str> {
    let mut done = BTreeSet::new();
    for line in log {
        let (step, ends) = match line {
            LogEntry::Started { step, .. } | LogEntry::Waiting { step, .. } => (step, false),
            LogEntry::Arrived { step, .. }
            | LogEntry::Answered { step, .. }
            | LogEntry::Expired { step, .. } => (step, true),
            LogEntry::Attempt(attempt) => {
                let well = attempt.outcome.is_ok();
                (&attempt.step, well)
            }
            LogEntry::Revived { .. } | LogEntry::Caught { .. } | LogEntry::Claimed { .. } => {
                continue;
            }
        };
        if done.contains(step) {
            return Some(step);
        }
        if ends {
            done.insert(step);
        }
    }
    None
}
