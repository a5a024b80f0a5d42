//! Tests of crashes: a run whose log is cut at any entry reaches the same end.
//! No finished step is repeated.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::json;

use crate::compile::flow::tests::{event, flow, run_input};
use crate::flow::decide::{Decision, StepCall, claimed_entry, decide};
use crate::flow::step::{Flow, OnCrash};
use crate::run::call_result::{CallEffect, CallFailure, CallResult, Reply};
use crate::run::{Attempt, LogEntry};

/// Requests, a guard, a value and two commands; `CRASH` is replaced by their `on_crash`.
const STORY: &str = "flow:
- { name: org, http: { url: \"https://a.example/{{ ticket.id }}\" } }
- { name: first, exec: [./first], on_crash: CRASH, retry: { attempts: 2 } }
- when: { steps.org.body.vip: true }
- { name: note, set: { text: \"#{{ ticket.id }} {{ steps.org.body.name }}\" } }
- { name: page, http: { url: \"https://b.example\", json: { note: \"{{ steps.note.text }}\" } }, retry: { attempts: 3 } }
- { name: tell, exec: [./tell, \"{{ steps.page.status }}\"], on_crash: CRASH, retry: { attempts: 3 } }
- succeed: \"told {{ steps.note.text }}\"
";

fn story(on_crash: OnCrash) -> Flow {
    let value = match on_crash {
        OnCrash::Rerun => "rerun",
        OnCrash::Hold => "hold",
    };
    flow(&STORY.replace("CRASH", value))
}

/// A run that ended, with the number of times that it was held and retried.
struct CrashedRun {
    log: Vec<LogEntry>,
    end: Decision,
    held: usize,
}

impl CrashedRun {
    fn attempts(&self) -> Vec<(&str, u32, &CallResult)> {
        let attempts = self.log.iter().filter_map(LogEntry::attempt);
        attempts
            .map(|a| (a.step.as_str(), a.number, &a.outcome))
            .collect()
    }

    fn is_dead(&self) -> bool {
        matches!(self.end, Decision::Dead { .. })
    }
}

/// Continues a run from its stored log until it ends, with the given outcomes of its calls. A held run is
/// retried.
fn finish(flow: &Flow, kept: &[LogEntry], outcomes: &[bool]) -> CrashedRun {
    let (event, vars) = (event(), json!({}));
    let subject = run_input(&event, &vars);
    let mut log = kept.to_vec();
    let mut now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1);
    let mut held = 0;
    log.push(claimed_entry(flow, &subject, &log));
    for _ in 0..200 {
        match decide(flow, &subject, &log, now) {
            Decision::Perform { tasks, .. } => {
                let StepCall {
                    step,
                    number,
                    announce,
                    ..
                } = &tasks[0];
                if *announce {
                    log.push(LogEntry::Started {
                        step: step.clone(),
                        number: *number,
                        at: now,
                    });
                }
                log.push(performed(step, *number, now, outcomes, &log));
                now += SignedDuration::from_millis(20);
            }
            Decision::Record(line) => log.push(line),
            Decision::Retry { until } | Decision::Wait { until } => {
                now = until;
                log.push(claimed_entry(flow, &subject, &log));
            }
            Decision::Hold { .. } => {
                held += 1;
                log.extend([
                    LogEntry::Revived { at: now },
                    LogEntry::Claimed { over: None },
                ]);
            }
            end => {
                log.retain(|line| !matches!(line, LogEntry::Claimed { .. }));
                return CrashedRun { log, end, held };
            }
        }
    }
    panic!("the run never ends");
}

/// The attempt of a call: the n-th of a run has the n-th outcome.
fn performed(
    step: &str,
    number: u32,
    now: Timestamp,
    outcomes: &[bool],
    log: &[LogEntry],
) -> LogEntry {
    let attempts = log.iter().filter_map(LogEntry::attempt);
    let before = attempts.filter(|attempt| attempt.step != "note").count();
    let outcome = match outcomes.get(before).copied().unwrap_or(true) {
        true => Ok(Reply {
            value: json!({"status": 200, "body": {"vip": true, "name": "A"}}),
        }),
        false => Err(CallFailure {
            message: "reach `b.example`; check that it runs".into(),
            retryable: true,
            retry_after: None,
            status: None,
            effect: CallEffect::Possible,
            during_outage: false,
        }),
    };
    LogEntry::Attempt(Attempt {
        step: step.into(),
        number,
        started: now,
        took: Duration::from_millis(20),
        outcome,
    })
}

/// Whether a step is started or attempted again after it succeeded.
fn repeats(log: &[LogEntry]) -> Option<&str> {
    let mut succeeded = BTreeSet::new();
    for line in log {
        let step = match line {
            LogEntry::Started { step, .. } => step,
            LogEntry::Attempt(attempt) => &attempt.step,
            LogEntry::Revived { .. }
            | LogEntry::Caught { .. }
            | LogEntry::Waiting { .. }
            | LogEntry::Arrived { .. }
            | LogEntry::Answered { .. }
            | LogEntry::Expired { .. }
            | LogEntry::Claimed { .. } => continue,
        };
        if succeeded.contains(step) {
            return Some(step);
        }
        let attempt = line.attempt();
        if attempt.is_some_and(|a| a.outcome.is_ok()) {
            succeeded.insert(step);
        }
    }
    None
}

/// Whether a log ends after the start of a command whose result is unknown.
fn is_cut_off(log: &[LogEntry]) -> bool {
    matches!(log.last(), Some(LogEntry::Started { .. }))
}

/// Compares a run that was interrupted and continued with one that was not.
fn same(uninterrupted: &CrashedRun, again: &CrashedRun) -> Result<(), TestCaseError> {
    prop_assert_eq!(repeats(&again.log), None);
    if again.held == 0 {
        prop_assert_eq!(again.attempts(), uninterrupted.attempts());
        prop_assert_eq!(&again.end, &uninterrupted.end);
        return Ok(());
    }
    // A retried run has all its attempts again, so it may succeed where the other is dead.
    prop_assert!(again.attempts().starts_with(&uninterrupted.attempts()));
    if !uninterrupted.is_dead() {
        prop_assert_eq!(again.attempts(), uninterrupted.attempts());
        prop_assert_eq!(&again.end, &uninterrupted.end);
    }
    Ok(())
}

/// One case runs a flow some fifty times.
fn fewer() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: default.cases.div_ceil(10),
        failure_persistence: None,
        ..default
    }
}

proptest! {
    #![proptest_config(fewer())]

    #[test]
    fn a_run_cut_anywhere_goes_on_to_the_same_end(
        outcomes in proptest::collection::vec(any::<bool>(), 0..12),
        second in any::<Index>(),
    ) {
        for on_crash in [OnCrash::Hold, OnCrash::Rerun] {
            let flow = story(on_crash);
            let uninterrupted = finish(&flow, &[], &outcomes);
            prop_assert_eq!((repeats(&uninterrupted.log), uninterrupted.held), (None, 0));
            let started = uninterrupted.log.iter().any(|line| matches!(line, LogEntry::Started { .. }));
            let commands = uninterrupted.attempts().iter().any(|(step, ..)| *step == "first");
            prop_assert_eq!(started, commands && on_crash == OnCrash::Hold);
            for cut in 0..=uninterrupted.log.len() {
                let kept = &uninterrupted.log[..cut];
                let again = finish(&flow, kept, &outcomes);
                prop_assert_eq!(again.held, usize::from(is_cut_off(kept)));
                same(&uninterrupted, &again)?;
                // A second interruption, at any entry.
                let kept = &again.log[..second.index(again.log.len() + 1)];
                let third = finish(&flow, kept, &outcomes);
                let revived = kept.iter().any(|line| matches!(line, LogEntry::Revived { .. }));
                same(if revived { &again } else { &uninterrupted }, &third)?;
            }
        }
    }
}
