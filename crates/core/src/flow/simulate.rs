//! Simulates a run with mocked replies on a virtual clock that skips waits (`test`).
//! The same `next` that decides for real runs decides here; no call leaves the process.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::flow::call::Call;
use crate::flow::decide::{Decision, RunInput, StepCall, decide};
use crate::flow::step::Flow;
use crate::run::call_result::{CallFailure, CallResult};
use crate::run::retry_after;
use crate::run::{Attempt, LogEntry, RunState};

/// What performing a step gives in a test.
#[derive(Debug, Clone, PartialEq)]
pub enum Mock {
    /// `{status, headers, body}` of an HTTP step, `{status, stdout, stderr, body}` of a command.
    Reply(Value),
    /// The step fails before any reply, for this reason.
    Fails(String),
    /// The event that a `wait_for` waits for comes: which one, from 1, and its fields.
    Arrives { number: u32, event: Value },
    /// A person gives this answer to a `wait_for`; `by` is what is known of the person.
    Answers { answer: String, by: Value },
}

/// A simulated run: how far it came, and what it did until then.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulation {
    /// All attempts in order.
    pub calls: Vec<StepCall>,
    pub log: Vec<LogEntry>,
    pub state: RunState,
    /// The path of the guard that ended it.
    pub guard: Option<String>,
}

/// The replies of steps, attempt by attempt, by step path or name.
pub type Mocks = BTreeMap<String, Vec<Mock>>;

/// What a run is simulated with.
pub struct Simulator<'s> {
    pub flow: &'s Flow,
    pub subject: RunInput<'s>,
    pub mocks: &'s Mocks,
    /// Is offered the calls without a mock; those that it does not run succeed with an empty reply.
    pub execute: &'s mut dyn FnMut(&Call) -> Option<CallResult>,
}

/// Simulates from `now` on, and skips all waits; a `wait_for` without a mock expires. A call without a mock is offered to `execute`, which may run it if it has no
/// external effect; otherwise it succeeds with an empty reply.
pub fn simulate(
    flow: &Flow,
    subject: &RunInput<'_>,
    mocks: &Mocks,
    mut now: Timestamp,
    execute: &mut dyn FnMut(&Call) -> Option<CallResult>,
) -> Simulation {
    let mut run = Simulation::default();
    let mut simulator = Simulator {
        flow,
        subject: *subject,
        mocks,
        execute,
    };
    loop {
        simulator.advance(&mut run, now);
        let Some(until) = run.state.due() else {
            return run;
        };
        now = until;
        if let Some(step) = run.state.awaited() {
            let step = step.to_owned();
            run.log.push(LogEntry::Expired { step, at: now });
        }
        run.log.push(LogEntry::Claimed { over: Some(until) });
    }
}

impl Default for Simulation {
    fn default() -> Self {
        Self {
            calls: Vec::new(),
            log: Vec::new(),
            state: RunState::Queued,
            guard: None,
        }
    }
}

impl Simulator<'_> {
    /// Continues a run until it ends or has to wait for a time.
    pub fn advance(&mut self, run: &mut Simulation, now: Timestamp) {
        run.state = loop {
            match decide(self.flow, &self.subject, &run.log, now) {
                Decision::Perform { tasks, .. } => {
                    for task in tasks {
                        run.log.push(LogEntry::Attempt(Attempt {
                            step: task.step.clone(),
                            number: task.number,
                            started: now,
                            took: Duration::ZERO,
                            outcome: self.outcome(&task, now),
                        }));
                        run.calls.push(task);
                    }
                }
                Decision::Record(line) => run.log.push(line),
                Decision::Retry { until } => break RunState::Retrying { until },
                Decision::Wait { until } => break RunState::Waiting { until },
                Decision::Await { step, until } => match awaited(self.mocks, &step, now) {
                    Some(line) => run.log.push(line),
                    None => break RunState::Awaiting { step, until },
                },
                Decision::Skipped { guard, why, .. } => {
                    run.guard = Some(guard);
                    break RunState::Skipped { why };
                }
                Decision::Done { .. } => break RunState::Done,
                Decision::Dead { why } => break RunState::Dead { why },
                Decision::Hold { why } => break RunState::Held { why },
            }
        };
    }

    fn outcome(&mut self, task: &StepCall, now: Timestamp) -> CallResult {
        answer(self.mocks, task, now)
            .map(|outcome| match has_further_mock(self.mocks, task) {
                true => outcome,
                // The last reply would be repeated for hours.
                false => task.outcome_without_waiting(outcome),
            })
            .or_else(|| (self.execute)(&task.call))
            .unwrap_or_else(|| empty_reply(&task.call))
    }
}

/// The mocked outcome of an attempt that is made now.
pub fn answer(mocks: &Mocks, task: &StepCall, now: Timestamp) -> Option<CallResult> {
    let replies = mocks.get(&task.step).or_else(|| mocks.get(&task.name))?;
    Some(outcome(&task.call, mock(replies, task.number)?, now))
}

/// What comes for a `wait_for` according to its mock.
fn awaited(mocks: &Mocks, step: &str, at: Timestamp) -> Option<LogEntry> {
    let mocks = mocks.get(step).or_else(|| mocks.get(name(step)))?;
    let step = step.to_owned();
    match mocks.first()? {
        Mock::Arrives { number, event } => Some(LogEntry::Arrived {
            step,
            at,
            number: *number,
            event: event.clone(),
        }),
        Mock::Answers { answer, by } => Some(LogEntry::Answered {
            step,
            at,
            answer: answer.clone(),
            by: by.clone(),
        }),
        Mock::Reply(_) | Mock::Fails(_) => None,
    }
}

/// Whether the mocks have a reply for the next attempt of the step.
fn has_further_mock(mocks: &Mocks, task: &StepCall) -> bool {
    let replies = mocks.get(&task.step).or_else(|| mocks.get(&task.name));
    replies
        .is_some_and(|replies| replies.len() > usize::try_from(task.number).unwrap_or(usize::MAX))
}

/// The name of a step, from its path in the flow.
pub fn name(path: &str) -> &str {
    let name = path.rsplit('.').next().unwrap_or(path);
    name.split('#').next().unwrap_or(name)
}

/// The reply to an attempt. The last reply is repeated.
fn mock(replies: &[Mock], number: u32) -> Option<Mock> {
    let index = usize::try_from(number).unwrap_or(1).saturating_sub(1);
    replies.get(index).or(replies.last()).cloned()
}

fn empty_reply(call: &Call) -> CallResult {
    call.result_of(json!({}))
}

fn outcome(call: &Call, mock: Mock, now: Timestamp) -> CallResult {
    match mock {
        Mock::Reply(reply) => {
            let mut asked = None;
            if let Call::Http(_) = call {
                asked = retry_after::in_headers(&reply["headers"], now);
            }
            call.result_of(reply).map_err(|failure| CallFailure {
                retry_after: asked,
                ..failure
            })
        }
        Mock::Fails(message) => Err(CallFailure::transient(message)),
        // They are for steps that make no call.
        Mock::Arrives { .. } | Mock::Answers { .. } => empty_reply(call),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::catalogue::Catalogue;
    use crate::event::catalogue::sample::sample;
    use crate::event::format::decode;
    use crate::event::json::parse::parse;
    use crate::matching::rule_set::RuleSet;
    use crate::run::answer_link::AnswerLinks;

    const RULE: &str = r#"
name: r
event_source: support
event_type: ticket.PriorityChanged
flow:
  - name: org
    http: { url: "https://desk.example/orgs/{{ ticket.organization_id }}" }
    retry: { attempts: 3, backoff: 1s }
  - when: { steps.org.body.vip: true }
  - name: page
    exec: [page, "{{ steps.org.body.name }}"]
"#;

    fn simulated(mocks: Value) -> Simulation {
        let set = RuleSet::of_text(RULE);
        let sample = sample("support", "ticket.PriorityChanged").expect("a sample");
        let value = parse(sample.text.as_bytes()).expect("JSON").value;
        let event = decode(value, Catalogue::built_in()).expect("an event");
        let subject = RunInput {
            event: &event,
            vars: &set.rules[0].vars,
            error: &Value::Null,
            locals: &Value::Null,
            seed: "",
            links: AnswerLinks::Hidden,
        };
        let mocks = mocks.as_object().cloned().unwrap_or_default();
        let mocks = mocks.into_iter().map(|(step, replies)| {
            let replies = replies.as_array().cloned().unwrap_or_default();
            (step, replies.into_iter().map(Mock::Reply).collect())
        });
        simulate(
            &set.rules[0].flow,
            &subject,
            &mocks.collect(),
            Timestamp::UNIX_EPOCH,
            &mut |_| None,
        )
    }

    fn steps(rehearsal: &Simulation) -> Vec<&str> {
        rehearsal
            .calls
            .iter()
            .map(|task| task.step.as_str())
            .collect()
    }

    #[test]
    fn replies_decide_guards_and_retries() {
        let run = simulated(json!({"org": [
            {"status": 503},
            {"status": 200, "body": {"vip": true, "name": "Acme"}},
        ]}));
        assert_eq!(run.state, RunState::Done);
        assert_eq!(steps(&run), ["org", "org", "page"]);
        let Call::Exec(call) = &run.calls[2].call else {
            panic!("a command");
        };
        assert_eq!(call.argv[1].to_string(), "Acme");
        // The clock skips the delay: about a second, with jitter.
        let attempts: Vec<&Attempt> = run.log.iter().filter_map(LogEntry::attempt).collect();
        let waited = attempts[1].started.duration_since(attempts[0].started);
        assert!((800..=1200).contains(&waited.as_millis()), "{waited:?}");
    }

    #[test]
    fn a_false_guard_skips_and_a_permanent_failure_ends_the_run() {
        let run = simulated(json!({"org": [{"body": {"vip": false}}]}));
        assert_eq!((run.state.as_str(), steps(&run)), ("skipped", vec!["org"]));
        let run = simulated(json!({"org": [{"status": 404}]}));
        assert_eq!((run.state.as_str(), steps(&run)), ("dead", vec!["org"]));
        let run = simulated(json!({"org": [{"status": 503}]}));
        assert_eq!(
            (run.state.as_str(), steps(&run)),
            ("dead", vec!["org", "org", "org"])
        );
    }
}
