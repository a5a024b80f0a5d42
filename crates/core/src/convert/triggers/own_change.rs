//! Finds rules that their own change of the ticket would start again. A trigger does not run for its own
//! change, so such a rule would send its notifications twice.

use serde_json::Value;

use crate::convert::clause::Clause;
use crate::convert::placeholder::written::{FieldWrite, NewValue, WrittenFields};
use crate::convert::triggers::meaning::COMMENT;
use crate::convert::triggers::update_events::EventCoverage;

/// Whether an event of the rule's own change may match the rule.
pub fn starts_again(coverage: &EventCoverage, written: &WrittenFields) -> bool {
    let writes = &written.writes;
    writes.iter().enumerate().any(|(number, write)| {
        let listens = coverage.listens_to(write.event_type, write.custom);
        let done = match write.value {
            NewValue::TagsAdded(_) | NewValue::TagsRemoved(_) => &writes[..=number],
            NewValue::Is(_) | NewValue::Unknown => writes.as_slice(),
        };
        let facts = ChangeFacts { write, done };
        let guards = coverage.guards.iter().map(|guard| &guard.clause);
        let mut clauses = std::iter::once(&coverage.when).chain(guards);
        listens && clauses.all(|clause| facts.holds(clause) != Some(false))
    })
}

/// What is known about the event of one write.
struct ChangeFacts<'w> {
    write: &'w FieldWrite,
    /// The writes before the event: those of earlier requests and of its own.
    done: &'w [FieldWrite],
}

impl ChangeFacts<'_> {
    /// Whether the clause holds; `None` if that is not known.
    fn holds(&self, clause: &Clause) -> Option<bool> {
        match clause {
            Clause::Always => Some(true),
            Clause::Never => Some(false),
            Clause::Test(path, test) => self.test(path, test),
            Clause::All(clauses) => {
                let holds: Vec<Option<bool>> = clauses.iter().map(|c| self.holds(c)).collect();
                match holds.contains(&Some(false)) {
                    true => Some(false),
                    false => holds.iter().all(Option::is_some).then_some(true),
                }
            }
            Clause::Any(clauses) => {
                let holds: Vec<Option<bool>> = clauses.iter().map(|c| self.holds(c)).collect();
                match holds.contains(&Some(true)) {
                    true => Some(true),
                    false => holds.iter().all(Option::is_some).then_some(false),
                }
            }
        }
    }

    fn test(&self, path: &str, test: &Value) -> Option<bool> {
        match path {
            "event.type" => holds_for(&Value::from(self.write.event_type), test),
            "custom_field.id" => holds_for(&Value::from(self.write.custom?), test),
            // The change comes after the ticket was created.
            "ticket.updated_at" => Some(test.get("after").is_some()),
            "current" => match &self.write.value {
                NewValue::Is(value) => holds_for(value, test),
                NewValue::Unknown | NewValue::TagsAdded(_) | NewValue::TagsRemoved(_) => None,
            },
            "comment.author.is_staff" if self.write.event_type == COMMENT => {
                holds_for(&Value::Bool(true), test)
            }
            path => {
                let writes = self.done.iter();
                let known = writes.filter(|write| write.path == path);
                let holds = known.map(|write| value_holds(&write.value, test));
                holds.flatten().last()
            }
        }
    }
}

fn value_holds(value: &NewValue, test: &Value) -> Option<bool> {
    match value {
        NewValue::Is(value) => holds_for(value, test),
        NewValue::Unknown => None,
        NewValue::TagsAdded(tags) => tags_hold(test, |asked| {
            asked.iter().any(|tag| tags.contains(tag)).then_some(true)
        }),
        NewValue::TagsRemoved(tags) => tags_hold(test, |asked| {
            asked.iter().all(|tag| tags.contains(tag)).then_some(false)
        }),
    }
}

/// Whether a test of tags holds, given whether the ticket has any of some tags.
fn tags_hold(test: &Value, has: impl Fn(&[String]) -> Option<bool> + Copy) -> Option<bool> {
    let operators = test.as_object()?;
    let mut holds = operators
        .iter()
        .map(|(operator, operand)| match operator.as_str() {
            "has" => has(&texts(operand)),
            "not" => tags_hold(operand, has).map(|holds| !holds),
            _ => None,
        });
    let known: Vec<Option<bool>> = holds.by_ref().collect();
    match known.contains(&Some(false)) {
        true => Some(false),
        false => known.iter().all(Option::is_some).then_some(true),
    }
}

/// Whether a test holds for a known value.
fn holds_for(value: &Value, test: &Value) -> Option<bool> {
    match test {
        Value::Object(operators) => {
            let holds = operators
                .iter()
                .map(|(operator, operand)| match operator.as_str() {
                    "is" => holds_for(value, operand),
                    "not" => holds_for(value, operand).map(|holds| !holds),
                    "present" => {
                        let empty = [Value::Null, Value::from(""), Value::Array(Vec::new())];
                        Some(Value::Bool(!empty.contains(value)) == *operand)
                    }
                    "has" => {
                        let tags = texts(value);
                        Some(texts(operand).iter().any(|tag| tags.contains(tag)))
                    }
                    _ => None,
                });
            let known: Vec<Option<bool>> = holds.collect();
            match known.contains(&Some(false)) {
                true => Some(false),
                false => known.iter().all(Option::is_some).then_some(true),
            }
        }
        Value::Array(alternatives) => {
            let holds = alternatives.iter().map(|one| holds_for(value, one));
            let known: Vec<Option<bool>> = holds.collect();
            match known.contains(&Some(true)) {
                true => Some(true),
                false => known.iter().all(Option::is_some).then_some(false),
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(value == test),
    }
}

fn texts(value: &Value) -> Vec<String> {
    crate::convert::triggers::field::tags(value)
}
