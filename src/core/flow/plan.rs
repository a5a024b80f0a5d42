//! What a flow would do for an event, as far as it can be told before anything is done: the calls with
//! secrets as names, the guards with their verdicts. It refuses to guess what a step would get back.

use serde_json::{Map, Value};

use crate::core::event::Event;
use crate::core::flow::call::Call;
use crate::core::flow::render_call;
use crate::core::flow::step::{Action, Flow, Step};
use crate::core::matching::evaluate::{Truth, evaluate};
use crate::core::matching::trace::Trace;
use crate::core::rule::condition::Condition;
use crate::core::rule::template::RenderError;
use crate::core::scope::Scope;

/// One step of a plan.
#[derive(Debug, Clone)]
pub struct Planned<'f> {
    pub step: &'f Step,
    pub what: What,
}

#[derive(Debug, Clone)]
pub enum What {
    Call(Call),
    /// A guard that can be judged now.
    Guard {
        truth: Truth,
        trace: Trace,
    },
    /// A value that later steps read.
    Set(Value),
    /// The run ends here; its message, if it has one.
    End(Option<String>),
    /// It reads what an earlier step gets, which is known only when that has run.
    Later,
    /// It cannot be rendered for this event: the run would die here.
    Fails(String),
}

/// The steps in order, up to where the run would end.
pub fn plan<'f>(flow: &'f Flow, event: &Event, vars: &Value) -> Vec<Planned<'f>> {
    let mut planned = Vec::with_capacity(flow.steps.len());
    let mut results = Map::new();
    for step in &flow.steps {
        let steps = Value::Object(results.clone());
        let scope = Scope {
            steps: &steps,
            ..Scope::new(event, vars)
        };
        let what = what(step, &scope);
        if let What::Set(value) = &what {
            results.insert(step.name.clone(), value.clone());
        }
        let ends = what.ends();
        planned.push(Planned { step, what });
        if ends {
            break;
        }
    }
    planned
}

impl What {
    fn ends(&self) -> bool {
        match self {
            What::Guard { truth, .. } => *truth != Truth::True,
            What::End(_) | What::Fails(_) => true,
            What::Call(_) | What::Set(_) | What::Later => false,
        }
    }
}

fn what(step: &Step, scope: &Scope<'_>) -> What {
    let rendered = match &step.action {
        Action::Http(_) | Action::Exec(_) => {
            render_call(step, scope).map(|call| call.map_or(What::End(None), What::Call))
        }
        Action::When(condition) => return guard(condition, scope),
        Action::Jq(_)
        | Action::Config(_)
        | Action::Choose(_)
        | Action::Each(_)
        | Action::Wait(_)
        | Action::Flow(_) => return What::Later,
        Action::Set(tree) => tree.render(scope).map(|tree| What::Set(tree.redacted())),
        Action::Succeed(message) | Action::Fail(message) => match message {
            Some(message) => message
                .render(scope)
                .map(|text| What::End(Some(text.to_string()))),
            None => Ok(What::End(None)),
        },
    };
    rendered.unwrap_or_else(|error| unrendered(&error))
}

/// A guard that reads results is open until there are any.
fn guard(condition: &Condition, scope: &Scope<'_>) -> What {
    let predicates = condition.predicates();
    let mut paths = predicates.iter().flat_map(|predicate| predicate.paths());
    let waits = paths.any(|path| {
        path.step()
            .is_some_and(|step| scope.steps.get(step).is_none())
    });
    if waits {
        return What::Later;
    }
    let mut trace = Trace::default();
    let truth = evaluate(condition, scope, &mut trace);
    What::Guard { truth, trace }
}

fn unrendered(error: &RenderError) -> What {
    match error.reads_step() {
        true => What::Later,
        false => What::Fails(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::event::catalogue::Catalogue;
    use crate::core::event::sample::sample;
    use crate::core::event::{decode::decode, json::accept};
    use crate::core::matching::ruleset::RuleSet;

    /// What is known of each step, in a word.
    fn words(steps: &str) -> Vec<&'static str> {
        let text = format!(
            "name: r\nevent_source: support\nevent_type: ticket.PriorityChanged\nflow:\n{steps}"
        );
        let set = RuleSet::of_text(&text);
        let sample = sample("support", "ticket.PriorityChanged").expect("a sample");
        let value = accept(sample.text.as_bytes()).expect("JSON").value;
        let event = decode(value, Catalogue::built_in()).expect("an event");
        let planned = plan(&set.rules[0].flow, &event, &set.rules[0].vars);
        let word = |planned: &Planned<'_>| match planned.what {
            What::Call(_) => "call",
            What::Guard { .. } => "guard",
            What::Set(_) => "set",
            What::End(_) => "end",
            What::Later => "later",
            What::Fails(_) => "fails",
        };
        planned.iter().map(word).collect()
    }

    const ORG: &str = "- { name: org, http: { url: 'https://a.example' } }\n";

    #[test]
    fn whatever_reads_a_result_is_known_later() {
        for step in [
            "- { when: { steps.org.status: 200 } }",
            "- { when: { current: { path: steps.org.body.priority } } }",
            "- { when: { current: { not: { contains: [{ path: steps.org.body.priority }] } } } }",
            "- { set: '{{ steps.org.body.name }}' }",
            "- { set: '{{ steps.org.body.name | default(7) }}' }",
            "- { exec: [page, '{{ steps.org.body.name | default(7) }} x'] }",
        ] {
            let steps = format!("{ORG}{step}\n- {{ succeed: done }}\n");
            assert_eq!(words(&steps), ["call", "later", "end"], "{step}");
        }
    }

    #[test]
    fn what_is_set_is_known_and_a_guard_that_does_not_hold_ends_the_plan() {
        let steps = "- { name: v, set: { a: 1 } }\n- { when: { steps.v.a: 1 } }\n- { when: { steps.v.a: 2 } }\n- { exec: [a] }\n";
        assert_eq!(words(steps), ["set", "guard", "guard"]);
    }
}
