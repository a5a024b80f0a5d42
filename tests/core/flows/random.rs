//! Random flows of every kind of step, written as rules and loaded like any rule. Each reaches the same end
//! however often it is interrupted, and repeats no finished step.

use std::fmt::Write;

use flowtrigger_core::config::Config;
use flowtrigger_core::flow::decide::Decision;
use flowtrigger_testing::rules;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

use super::event;
use super::machine::World;

/// The nesting of flows; the program allows more.
const DEEPEST: u32 = 2;

#[derive(Debug, Clone)]
struct Step {
    does: Does,
    caught: Option<Vec<Step>>,
}

#[derive(Debug, Clone)]
enum Does {
    Http { tries: u32 },
    Exec { tries: u32, holds: bool },
    Set,
    Jq,
    Guard(Holds),
    Wait(u32),
    Choose(Vec<(Option<Holds>, Vec<Step>)>),
    Each(Each),
    Named,
    Succeed,
    Fail,
}

#[derive(Debug, Clone)]
struct Each {
    concurrency: u32,
    goes_on: bool,
    steps: Vec<Step>,
}

/// Conditions on the event or on the result of the last request.
#[derive(Debug, Clone, Copy)]
enum Holds {
    Yes,
    No,
    AsLast(u32),
}

fn holds() -> impl Strategy<Value = Holds> {
    prop_oneof![
        3 => Just(Holds::Yes),
        1 => Just(Holds::No),
        2 => (0..3_u32).prop_map(Holds::AsLast),
    ]
}

fn simple() -> impl Strategy<Value = Does> {
    prop_oneof![
        6 => (1..4_u32).prop_map(|tries| Does::Http { tries }),
        3 => (1..3_u32, any::<bool>()).prop_map(|(tries, holds)| Does::Exec { tries, holds }),
        2 => Just(Does::Set),
        2 => Just(Does::Jq),
        2 => (1..100_000_u32).prop_map(Does::Wait),
        1 => holds().prop_map(Does::Guard),
        1 => Just(Does::Named),
        1 => Just(Does::Succeed),
        1 => Just(Does::Fail),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let leaf = simple().prop_map(|does| Step { does, caught: None });
    leaf.prop_recursive(DEEPEST, 12, 3, |inner| {
        let steps = || vec(inner.clone(), 1..3);
        let each = (1..5_u32, any::<bool>(), steps()).prop_map(|(concurrency, goes_on, steps)| {
            Does::Each(Each {
                // With concurrency, the first item to fail depends on which ends first.
                concurrency: if goes_on { concurrency } else { 1 },
                goes_on,
                steps,
            })
        });
        let branch = (proptest::option::weighted(0.8, holds()), steps());
        let choose = vec(branch, 1..3).prop_map(Does::Choose);
        let does = prop_oneof![2 => each, 2 => choose, 3 => simple()];
        let caught = proptest::option::weighted(0.4, steps());
        (does, caught).prop_map(|(does, caught)| Step { does, caught })
    })
}

/// Writes steps as YAML, each with its own name.
#[derive(Default)]
struct Writer {
    text: String,
    named: u32,
    /// Requests whose results are in scope, innermost last.
    requests: Vec<String>,
    /// Enclosing items.
    items: u32,
}

impl Writer {
    fn steps(&mut self, steps: &[Step], indent: usize) {
        let in_reach = self.requests.len();
        for (index, step) in steps.iter().enumerate() {
            self.step(step, indent);
            // Steps after these are unreachable.
            let ends = matches!(step.does, Does::Succeed | Does::Fail);
            if ends && index + 1 < steps.len() {
                break;
            }
        }
        self.requests.truncate(in_reach);
    }

    fn step(&mut self, step: &Step, indent: usize) {
        self.named += 1;
        let (name, pad) = (format!("s{}", self.named), " ".repeat(indent));
        let takes_name = !matches!(step.does, Does::Guard(_) | Does::Succeed | Does::Fail);
        let dash = match takes_name {
            true => format!("{pad}- name: {name}\n{pad}  "),
            false => format!("{pad}- "),
        };
        self.text.push_str(&dash);
        self.does(&step.does, &name, indent);
        if let Some(caught) = step
            .caught
            .as_ref()
            .filter(|_| takes_name && can_fail(step))
        {
            self.put(&format!("{pad}  catch:\n"));
            self.steps(caught, indent + 2);
        }
        if matches!(step.does, Does::Http { .. }) {
            self.requests.push(name);
        }
    }

    fn put(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn does(&mut self, does: &Does, name: &str, indent: usize) {
        let pad = " ".repeat(indent + 2);
        let text = match does {
            Does::Http { tries } => {
                let item = match self.items {
                    0 => String::new(),
                    depth => format!("/{{{{ item{depth} }}}}"),
                };
                let body = match self.requests.last() {
                    Some(last) => {
                        format!(", json: {{ n: \"{{{{ steps.{last}.body.n | default(0) }}}}\" }}")
                    }
                    None => String::new(),
                };
                format!(
                    "http: {{ url: \"https://a.example/{name}{item}\"{body} }}\n{pad}retry: {{ attempts: {tries} }}\n"
                )
            }
            Does::Exec { tries, holds } => {
                let on_crash = if *holds { "hold" } else { "rerun" };
                format!(
                    "exec: [./do, {name}]\n{pad}on_crash: {on_crash}\n{pad}retry: {{ attempts: {tries} }}\n"
                )
            }
            Does::Set => "set: { id: \"{{ ticket.id }}\" }\n".into(),
            Does::Jq => {
                "set: { jq: '{tags: (.ticket.tags | length), steps: (.steps | tojson)}' }\n".into()
            }
            Does::Guard(holds) => format!("when: {}\n", self.condition(*holds)),
            Does::Wait(seconds) => format!("wait: {seconds}s\n"),
            Does::Named => "flow: other\n".into(),
            Does::Succeed => "succeed: well\n".into(),
            Does::Fail => "fail: badly\n".into(),
            Does::Choose(branches) => return self.branches(branches, indent),
            Does::Each(each) => return self.each(each, indent),
        };
        self.put(&text);
    }

    fn branches(&mut self, branches: &[(Option<Holds>, Vec<Step>)], indent: usize) {
        let pad = " ".repeat(indent + 2);
        self.put("choose:\n");
        for (index, (holds, steps)) in branches.iter().enumerate() {
            // The last branch always applies.
            let holds = match holds {
                None if index + 1 < branches.len() => Some(Holds::No),
                holds => *holds,
            };
            match holds {
                Some(holds) => {
                    let condition = self.condition(holds);
                    self.put(&format!("{pad}- when: {condition}\n{pad}  flow:\n"));
                }
                None => self.put(&format!("{pad}- flow:\n")),
            }
            self.steps(steps, indent + 4);
        }
    }

    fn each(&mut self, each: &Each, indent: usize) {
        let pad = " ".repeat(indent + 2);
        self.items += 1;
        let on_failure = if each.goes_on { "continue" } else { "stop" };
        let (item, concurrency) = (self.items, each.concurrency);
        let head = format!(
            "for_each: ticket.tags\n{pad}as: item{item}\n{pad}concurrency: {concurrency}\n{pad}on_failure: {on_failure}\n{pad}flow:\n"
        );
        self.put(&head);
        self.steps(&each.steps, indent + 2);
        self.items -= 1;
    }

    fn condition(&self, holds: Holds) -> String {
        match (holds, self.requests.last()) {
            (Holds::AsLast(least), Some(last)) => {
                format!("{{ steps.{last}.body.n: {{ gte: {least} }} }}")
            }
            (Holds::No, _) => "{ ticket.priority: low }".into(),
            (Holds::Yes | Holds::AsLast(_), _) => "{ ticket.priority: urgent }".into(),
        }
    }
}

/// Whether a step may have `catch`.
fn can_fail(step: &Step) -> bool {
    match step.does {
        Does::Http { .. } | Does::Exec { .. } | Does::Each(_) | Does::Named | Does::Choose(_) => {
            true
        }
        Does::Set | Does::Jq | Does::Guard(_) | Does::Wait(_) | Does::Succeed | Does::Fail => false,
    }
}

fn rule(steps: &[Step], caught: &Option<Vec<Step>>, other: &[Step]) -> String {
    let mut writer = Writer::default();
    writer.put("name: r\nevent_source: support\nevent_type: ticket.PriorityChanged\nflow:\n");
    writer.steps(steps, 0);
    if let Some(caught) = caught {
        writer.put("catch:\n");
        writer.steps(caught, 0);
    }
    let mut other_writer = Writer {
        named: writer.named,
        ..Writer::default()
    };
    other_writer.steps(other, 4);
    let mut text = writer.text;
    if text.contains("flow: other") {
        let _ = write!(
            text,
            "---\nflows:\n  other:\n    flow:\n{}",
            other_writer.text
        );
    }
    text
}

/// A flow that runs itself is rejected by the program.
fn without_named(mut step: Step) -> Step {
    let inner = |steps: Vec<Step>| steps.into_iter().map(without_named).collect();
    step.caught = step.caught.map(inner);
    step.does = match step.does {
        Does::Named => Does::Set,
        Does::Choose(branches) => {
            let branches = branches.into_iter();
            Does::Choose(
                branches
                    .map(|(holds, steps)| (holds, inner(steps)))
                    .collect(),
            )
        }
        Does::Each(each) => Does::Each(Each {
            steps: inner(each.steps),
            ..each
        }),
        other => other,
    };
    step
}

const EVENT: &str = r#"{"account_id": 1, "subdomain": "acme", "input": {"ticket_event": {
    "type": "Priority Changed", "previous": "low", "current": "urgent",
    "ticket": {"id": 7, "priority": "urgent", "tags": ["a", "b"]}},
    "meta": {}}}"#;

/// Fewer cases, because one case runs a flow dozens of times.
fn fewer() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases.div_ceil(4),
        failure_persistence: None,
        max_shrink_iters: 300,
        ..usual
    }
}

proptest! {
    #![proptest_config(fewer())]

    #[test]
    fn any_flow_reaches_the_same_end_after_interruptions(
        steps in vec(step(), 1..4),
        caught in proptest::option::weighted(0.3, vec(step(), 1..3)),
        other in vec(step().prop_map(without_named), 1..3),
        luck in any::<u64>(),
        failures in 0..5_u64,
        second in any::<usize>(),
    ) {
        let text = rule(&steps, &caught, &other);
        let set = rules::load(&[("r.yaml", &text)], &Config::default());
        let event = event(EVENT).expect("an event");
        let world = World {
            flow: &set.rules[0].flow,
            event: &event,
            vars: &json!({}),
            luck,
            failures,
        };
        let whole = world.cut_everywhere(second);
        let whole = whole.map_err(|why| TestCaseError::fail(format!("{why}\n{text}")))?;
        if failures == 0 && !text.contains("fail:") {
            prop_assert!(!matches!(whole.end, Decision::Dead { .. }), "{:?}\n{text}", whole.end);
        }
    }
}
