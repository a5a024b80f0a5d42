//! Tracers of the evaluator: no trace, a full trace, and a replay of recorded verdicts.
//! A full trace has the value, verdict and location of every predicate.

use serde_json::Value;

use crate::diagnostic::Span;
use crate::event::catalogue::Catalogue;
use crate::language::condition::{Polarity, Predicate};
use crate::language::operator::{CaseSensitivity, Verdict};
use crate::path::Resolved;
use crate::path::scope::Scope;
use crate::schedule::ScheduleState;

/// Supplies the evaluator with the verdict of each predicate, and may record it.
pub trait Tracer {
    /// Whether every predicate is evaluated, even after the result is decided.
    const EXHAUSTIVE: bool;

    fn verdict(&mut self, predicate: &Predicate, scope: &Scope<'_>) -> Verdict;
}

/// Records nothing and stops as early as possible.
pub struct NoTrace;

impl Tracer for NoTrace {
    const EXHAUSTIVE: bool = false;

    fn verdict(&mut self, predicate: &Predicate, scope: &Scope<'_>) -> Verdict {
        predicate.evaluate(scope)
    }
}

/// Replays recorded verdicts, in the order of the condition's predicates.
pub struct TraceReplay<I> {
    verdicts: I,
}

impl<I: Iterator<Item = Verdict>> TraceReplay<I> {
    pub fn new(verdicts: impl IntoIterator<IntoIter = I>) -> Self {
        Self {
            verdicts: verdicts.into_iter(),
        }
    }
}

impl<I: Iterator<Item = Verdict>> Tracer for TraceReplay<I> {
    // Each predicate consumes one verdict, so no predicate may be skipped.
    const EXHAUSTIVE: bool = true;

    fn verdict(&mut self, _: &Predicate, _: &Scope<'_>) -> Verdict {
        self.verdicts.next().unwrap_or(Verdict::Missing)
    }
}

/// All predicates that were evaluated, in the order of the rule.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trace {
    pub lines: Vec<TraceLine>,
}

/// One predicate of the explanation, with its polarity applied.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceLine {
    /// The group in the condition: `all`, `any[1].none[0]`.
    pub group: String,
    pub path: String,
    pub operator: &'static str,
    pub polarity: Polarity,
    /// The expected value as text: `"low" | "normal"`.
    pub want: String,
    /// The same as JSON, as a rule writes it.
    pub operand: Value,
    pub case: CaseSensitivity,
    /// The value at the path, if there is one.
    pub got: Option<Value>,
    pub verdict: Verdict,
    pub at: Span,
    /// Why it failed, if the value alone does not show it, and what to write.
    pub hint: Option<String>,
    /// The schedule at the time that was found.
    pub schedule: Option<ScheduleState>,
}

impl Tracer for Trace {
    const EXHAUSTIVE: bool = true;

    fn verdict(&mut self, predicate: &Predicate, scope: &Scope<'_>) -> Verdict {
        let found = predicate.path.resolve(scope);
        let verdict = predicate.verdict(&found, scope);
        self.lines.push(TraceLine {
            group: predicate.group.to_string(),
            path: predicate.path.text.clone(),
            operator: predicate.operator.name(),
            polarity: predicate.polarity,
            want: predicate.operator.want(scope),
            operand: predicate.operator.operand_json(scope),
            case: predicate.operator.case(),
            got: found.to_json().map(std::borrow::Cow::into_owned),
            verdict,
            at: predicate.at,
            hint: hint(predicate, &found, verdict, scope),
            schedule: predicate.operator.schedule_state(&found, scope),
        });
        verdict
    }
}

fn hint(
    predicate: &Predicate,
    found: &Resolved<'_>,
    verdict: Verdict,
    scope: &Scope<'_>,
) -> Option<String> {
    if predicate.path.is_of_document() {
        // Hints use the keys of a rule, which a bundle does not have.
        return None;
    }
    if let Some(note) = predicate.operator.value_note(found, scope) {
        return Some(note);
    }
    match verdict {
        Verdict::Match => match predicate.polarity {
            Polarity::Positive => predicate.operator.match_note(found, scope),
            Polarity::Negated => None,
        },
        Verdict::NoMatch => match predicate.polarity {
            Polarity::Positive => predicate.operator.hint(found, scope),
            // The operator holds; its hints explain why it does not.
            Polarity::Negated => predicate.operator.match_note(found, scope),
        },
        Verdict::WrongType => {
            let hint = predicate.operator.hint(found, scope)?;
            let is_list = matches!(found.values(), [Value::Array(_)]);
            Some(match (predicate.polarity, is_list) {
                (Polarity::Negated, true) => format!("{hint}; keep the `not` around it"),
                (Polarity::Positive | Polarity::Negated, _) => hint,
            })
        }
        Verdict::Missing => missing_hint(predicate, found, scope),
    }
}

fn missing_hint(predicate: &Predicate, found: &Resolved<'_>, scope: &Scope<'_>) -> Option<String> {
    if *found != Resolved::Absent {
        return predicate.operator.hint(found, scope);
    }
    let advice = "a missing field never matches, also under `not`; `exists: false` tests for it";
    let why = match predicate.path.neighbour(scope) {
        Some(near) => format!("did you mean `{near}`? "),
        None => other_formats(predicate, scope).unwrap_or_default(),
    };
    Some(format!("{why}{advice}"))
}

/// Returns a note if the field exists for this event type, but not in the format of this event.
fn other_formats(predicate: &Predicate, scope: &Scope<'_>) -> Option<String> {
    let event = scope.event;
    let known = Catalogue::built_in().by_name(&event.source, &event.event_type)?;
    let only = known.only_in(&predicate.path.dotted()?)?;
    Some(format!(
        "it exists only in {only}, and this event came as {}; ",
        event.format
    ))
}
