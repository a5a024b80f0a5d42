//! Finds an event among the cells that a search left, and has the evaluator confirm it.

use serde_json::{Value, json};

use crate::analysis::cell_set::CellSet;
use crate::analysis::payload::{Assignment, Built, EventBuilder};
use crate::analysis::problem::{DecisionProblem, FieldVariables, TYPES};
use crate::config::Config;
use crate::event::Event;
use crate::language::operator::format_value;

/// An event that proves a statement: the evaluator confirmed it.
#[derive(Debug, Clone)]
pub struct Witness {
    pub event: Event,
    /// A payload that decodes to the event. `None` if no documented format has such an event.
    pub payload: Option<Value>,
    /// The fields that the conditions read, with their values.
    pub values: Vec<WitnessValue>,
}

/// One field of a witness.
#[derive(Debug, Clone, PartialEq)]
pub struct WitnessValue {
    pub path: String,
    /// `None` if the event does not have the field.
    pub value: Option<Value>,
}

impl Witness {
    /// Describes the event in one line: type and values.
    pub fn text(&self) -> String {
        let values = self.values.iter().map(|of| match &of.value {
            Some(value) => format!("{} = {}", of.path, format_value(value)),
            None => format!("{} absent", of.path),
        });
        let values: Vec<String> = values.collect();
        match values.is_empty() {
            true => self.event.event_type.clone(),
            false => format!("{} with {}", self.event.event_type, values.join(", ")),
        }
    }

    /// Returns the event as JSON: its type, the values, and the payload.
    pub fn to_json(&self) -> Value {
        let values = self.values.iter().map(|of| match &of.value {
            Some(value) => json!({"path": of.path, "value": value}),
            None => json!({"path": of.path, "absent": true}),
        });
        json!({
            "source": self.event.source,
            "type": self.event.event_type,
            "values": values.collect::<Vec<_>>(),
            "payload": self.payload,
        })
    }
}

/// If no field depends on another, more events than this are not built for one solution.
const MAX_PLAIN_EVENTS: usize = 4;

/// Returns an event of the cells that `confirm` accepts. `left` is the number of events that may still be built.
pub fn find(
    problem: &DecisionProblem,
    cells: &[CellSet],
    config: &Config,
    confirm: &dyn Fn(&Event) -> bool,
    left: &mut usize,
) -> Option<Witness> {
    let of = problem.types.first_known(cells[TYPES])?;
    let builder = EventBuilder::new(of, config);
    let mut choices: Vec<FieldChoice<'_>> = Vec::with_capacity(problem.fields.len());
    for field in &problem.fields {
        let values = values(field, cells);
        if values.is_empty() {
            return None;
        }
        choices.push(FieldChoice { field, values });
    }
    // Outer fields first, so that inner ones are set in them.
    choices.sort_by_key(|choice| choice.field.domain.path.text.split('.').count());
    let is_plain = choices.iter().all(|choice| !choice.field.is_entangled);
    let limit = match is_plain {
        true => MAX_PLAIN_EVENTS.min(*left),
        false => *left,
    };
    let mut numbers = vec![0; choices.len()];
    for _ in 0..limit {
        *left -= 1;
        let values: Vec<Assignment> = choices
            .iter()
            .zip(&numbers)
            .map(|(choice, number)| {
                let path = choice.field.domain.path.clone();
                (path, choice.values[*number].clone())
            })
            .collect();
        let confirmed = |built: Option<Built>| built.filter(|built| confirm(&built.event));
        let built = confirmed(builder.received(&values));
        if let Some(built) = built.or_else(|| confirmed(builder.normalised(&values))) {
            return Some(witness(built, values));
        }
        if !advance(&mut numbers, &choices) {
            return None;
        }
    }
    None
}

fn witness(built: Built, values: Vec<Assignment>) -> Witness {
    let mut values: Vec<WitnessValue> = values
        .into_iter()
        .map(|(path, value)| WitnessValue {
            path: path.text,
            value,
        })
        .collect();
    values.sort_by(|a, b| a.path.cmp(&b.path));
    Witness {
        event: built.event,
        payload: built.payload,
        values,
    }
}

/// The values of a field that are tried.
struct FieldChoice<'p> {
    field: &'p FieldVariables,
    values: Vec<Option<Value>>,
}

/// Chooses the next combination, that of entangled fields first. False after the last one.
fn advance(numbers: &mut [usize], choices: &[FieldChoice<'_>]) -> bool {
    let order = |entangled: bool| {
        let numbered = choices.iter().enumerate();
        numbered
            .filter(move |(_, choice)| choice.field.is_entangled == entangled)
            .map(|(number, _)| number)
    };
    for number in order(true).chain(order(false)) {
        if numbers[number] + 1 < choices[number].values.len() {
            numbers[number] += 1;
            return true;
        }
        numbers[number] = 0;
    }
    false
}

/// The values of a field's remaining cells, the most natural ones first.
fn values(field: &FieldVariables, cells: &[CellSet]) -> Vec<Option<Value>> {
    let mut remaining: Vec<usize> = cells[field.variable].iter().collect();
    remaining.retain(|cell| *cell < field.domain.cells.len());
    remaining.sort_by_key(|cell| field.domain.cells[*cell].rank);
    let mut values = Vec::new();
    for cell in remaining {
        if field.domain.list == Some(cell) {
            values.extend(list(field, cells).map(Some));
        } else {
            values.extend(field.domain.cells[cell].values.iter().cloned());
        }
    }
    values.truncate(if field.is_entangled { 48 } else { 2 });
    values
}

/// A list of the elements that must be in it, or of one that may be.
fn list(field: &FieldVariables, cells: &[CellSet]) -> Option<Value> {
    let elements = || {
        let numbered = field.domain.elements.iter().enumerate();
        numbered.map(|(number, element)| (cells[field.variable + 1 + number], element))
    };
    let needed = elements().filter(|(present, _)| !present.contains(0));
    let needed: Vec<Value> = needed.map(|(_, element)| element.clone()).collect();
    if !needed.is_empty() {
        return Some(Value::Array(needed));
    }
    let possible = elements().filter(|(present, _)| present.contains(1));
    // The last elements are those that no test looks for; the very last one is an object.
    let (_, element) = possible.rev().find(|(_, element)| !element.is_object())?;
    Some(json!([element]))
}
