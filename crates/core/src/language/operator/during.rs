//! The operator `during`: the time is within the open hours of a schedule, or with `{ not: … }` outside of them.
//! Reports unknown schedules, and fields that have no time of day.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::document::Node;
use crate::event::catalogue::field_type::FieldType;
use crate::event::time::time_of_value;
use crate::language::during::lower_during;
use crate::language::operator::{
    Example, OperandContext, Operator, OperatorImpl, OperatorSpec, Verdict, examples, format_value,
};
use crate::path::Resolved;
use crate::path::scope::Scope;
use crate::schedule::{During, ScheduleState};

/// A schedule, or the times outside of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DuringSchedule {
    during: During,
}

pub const SPEC: OperatorSpec = OperatorSpec {
    name: "during",
    summary: "The time is within the open hours of this [schedule](schedules.md), or with `{ not: NAME }` outside of them.",
    compares_text: false,
    parse,
    schema,
    examples: EXAMPLES,
};

const EXAMPLES: &[Example] = examples! {
    "ticket.created_at", "{ during: office }", r#""2026-03-02T10:00:00Z""# => Match;
    "ticket.created_at", "{ during: office }", r#""2026-03-01T10:00:00Z""# => NoMatch;
    "ticket.created_at", "{ during: { not: office } }", r#""2026-03-01T10:00:00Z""# => Match;
    "field", "{ during: office }", r#""2026-03-02T17:00:00+01:00""# => NoMatch;
    "field", "{ during: { not: office } }", r#""2026-03-02T17:00:00+01:00""# => Match;
    "field", "{ not: { during: office } }", r#""2026-03-02T17:00:00+01:00""# => Match;
    "field", "{ during: office }", "1772445600" => Match;
    "field", "{ during: office }", "null" => NoMatch;
    "field", "{ during: { not: office } }", "null" => NoMatch;
    "field", "{ during: office }", r#""soon""# => WrongType;
    "field", "{ during: office }", absent => Missing;
};

/// A schedule in the schema of rules.
pub fn schema() -> Value {
    json!({
        "description": "A schedule of flowtrigger.yaml, or { not: SCHEDULE }.",
        "oneOf": [
            {"type": "string"},
            {
                "type": "object",
                "properties": {"not": {"type": "string"}},
                "required": ["not"],
                "additionalProperties": false
            }
        ]
    })
}

fn parse(node: &Node, context: &mut OperandContext<'_, '_>) -> Option<Operator> {
    if !context.applies(node, SPEC.name, has_time_of_day, instead) {
        return None;
    }
    let during = lower_during(node, context.names)?;
    Some(Operator::During(DuringSchedule { during }))
}

fn has_time_of_day(field: &FieldType) -> bool {
    matches!(field, FieldType::Time | FieldType::Any)
}

fn instead(field: &FieldType) -> &'static str {
    match field {
        FieldType::Date => "a date has no time of day; test `event.time`, or another time",
        _ => "only times can be within a schedule; `event.time` is the time of the event",
    }
}

impl DuringSchedule {
    pub fn during(&self) -> &During {
        &self.during
    }

    /// The state of the schedule at the time that was found.
    pub fn state(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Option<ScheduleState> {
        let at = time(found, scope)?;
        Some(self.during.schedule.state(at))
    }

    /// Another time with the wanted verdict: the next one, or for a value that is no time none.
    fn next(&self, found: &Resolved<'_>, scope: &Scope<'_>, wanted: &During) -> Option<Value> {
        let next = wanted.next(time(found, scope)?)?;
        let local = next.to_zoned(wanted.schedule.zone.clone());
        Some(Value::String(local.strftime("%FT%T%:z").to_string()))
    }
}

/// The time that a path resolved to, if it is one.
fn time(found: &Resolved<'_>, scope: &Scope<'_>) -> Option<Timestamp> {
    match found.values() {
        [value] => scope.event.read_time(value),
        _ => None,
    }
}

impl OperatorImpl for DuringSchedule {
    fn test(&self, value: &Value, scope: &Scope<'_>) -> Verdict {
        if value.is_null() {
            return Verdict::NoMatch;
        }
        match scope.event.read_time(value) {
            Some(at) => Verdict::from_bool(self.during.contains(at)),
            None => Verdict::WrongType,
        }
    }

    fn operand_json(&self, _: &Scope<'_>) -> Value {
        let name = &self.during.schedule.name;
        match self.during.negated {
            true => json!({ "not": name }),
            false => name.as_str().into(),
        }
    }

    fn expected(&self, _: &Scope<'_>) -> String {
        self.during.text()
    }

    fn hint(&self, found: &Resolved<'_>, _: &Scope<'_>) -> Option<String> {
        match found.values() {
            [Value::Null] | [] => None,
            [value] if time_of_value(value).is_some() => None,
            [value] => Some(format!("{} is not a time", format_value(value))),
            _ => None,
        }
    }

    fn value_note(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Option<String> {
        self.state(found, scope).map(|state| state.text())
    }

    fn satisfying_values(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Vec<Value> {
        self.next(found, scope, &self.during).into_iter().collect()
    }

    fn violating_value(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Option<Value> {
        let opposite = During {
            negated: !self.during.negated,
            ..self.during.clone()
        };
        self.next(found, scope, &opposite)
    }
}
