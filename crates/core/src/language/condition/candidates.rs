//! Values of one field between which the verdicts of its predicates can differ: the constants of the rule, the
//! values between and around them, and a value of every other type. If no candidate fulfils a set of predicates,
//! no value does.

use std::cmp::Ordering;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Number, Value, json};

use crate::event::catalogue::field_type::FieldType;
use crate::event::time::{read_calendar_time, time_of_value};
use crate::language::condition::Predicate;
use crate::language::condition::spellings::with_spellings;
use crate::language::operator::operand::Operand;
use crate::language::operator::{Operator, Verdict};
use crate::number::{compare_numbers, double};
use crate::path::scope::Scope;
use crate::path::{Path, Resolved};

/// The values to try; `None` is an absent field.
#[derive(Debug)]
pub struct Candidates {
    values: Vec<Option<Value>>,
}

/// More constants than this are not compared with each other.
const MAX_CONSTANTS: usize = 64;
/// More list elements than this have too many combinations.
const MAX_ELEMENTS: usize = 6;
/// More combinations of text parts than this are not tried.
const MAX_TEXTS: usize = 256;
/// A character that no rule contains: a Unicode noncharacter.
const FRESH: char = '\u{fdd5}';

impl Candidates {
    /// Returns the candidates of the predicates' field; `None` if there may be more than can be tried.
    /// `types` are the known types of the field.
    pub fn of(predicates: &[&Predicate], types: &[FieldType], scope: &Scope<'_>) -> Option<Self> {
        Self::with_values(predicates, Vec::new(), types, scope)
    }

    /// The same, where verdicts can also differ at these values.
    pub fn with_values(
        predicates: &[&Predicate],
        values: Vec<Value>,
        types: &[FieldType],
        scope: &Scope<'_>,
    ) -> Option<Self> {
        let mut constants = values;
        constants.extend(
            predicates
                .iter()
                .flat_map(|predicate| predicate.operator.settled(scope.vars).constants(scope)),
        );
        constants = with_spellings(constants, predicates);
        if constants.len() > MAX_CONSTANTS {
            return None;
        }
        let mut values = constants.clone();
        values.extend(around_numbers(&constants));
        values.extend(around_times(&constants));
        values.extend(around_texts(&constants));
        values.extend(
            types
                .iter()
                .filter_map(FieldType::values)
                .flatten()
                .map(|value| json!(value)),
        );
        values.extend(lists(predicates, scope)?);
        values.extend(texts(predicates, scope)?);
        values.extend(of_every_type());
        let tests_null = constants.contains(&Value::Null);
        let boolean = |known: &FieldType| *known == FieldType::Boolean;
        let is_boolean = !types.is_empty() && types.iter().all(boolean);
        // A rule that does not mention null means a field that is true or false.
        values
            .retain(|value| fits(value, types) && !(is_boolean && value.is_null() && !tests_null));
        let mut all = vec![None];
        for value in values {
            if !all.contains(&Some(value.clone())) {
                all.push(Some(value));
            }
        }
        Some(Self { values: all })
    }

    pub fn iter(&self) -> impl Iterator<Item = Option<&Value>> {
        self.values.iter().map(Option::as_ref)
    }
}

/// Returns a candidate as a person would write it.
pub fn readable(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace(FRESH, "other")),
        Value::Array(items) => items.iter().map(readable).collect(),
        Value::Object(map) => {
            let entries = map
                .iter()
                .map(|(key, value)| (key.replace(FRESH, "other"), readable(value)));
            Value::Object(entries.collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// Evaluates a predicate for one value of its field. Operands that read the same field have that value too.
pub fn verdict(predicate: &Predicate, value: Option<&Value>, scope: &Scope<'_>) -> Verdict {
    let found = value.map_or(Resolved::Absent, Resolved::One);
    match value.filter(|_| compares_with(predicate, &predicate.path)) {
        Some(value) => {
            let operator = predicate.operator.with_value_at(&predicate.path, value);
            predicate.polarity.apply(operator.evaluate(&found, scope))
        }
        None => predicate.verdict(&found, scope),
    }
}

/// Whether an operand of the predicate is the value at the path.
pub fn compares_with(predicate: &Predicate, path: &Path) -> bool {
    let mut operands = predicate.operator.operands().into_iter();
    operands.any(|operand| matches!(operand, Operand::Path(read) if read.route == path.route))
}

fn of_every_type() -> Vec<Value> {
    let fresh = FRESH.to_string();
    vec![
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(0.5),
        json!(""),
        json!(fresh),
        json!([]),
        json!([fresh]),
        json!({}),
        json!({ fresh: 1 }),
    ]
}

/// Whether a field of these types can have the value. Null is possible for every type but a status: every
/// ticket has one.
pub fn fits(value: &Value, types: &[FieldType]) -> bool {
    let may_be_null = || types.iter().any(|field| *field != FieldType::Status);
    types.is_empty()
        || (value.is_null() && may_be_null())
        || types.iter().any(|field| is_of(value, field))
}

fn is_of(value: &Value, field: &FieldType) -> bool {
    match field {
        FieldType::Any => true,
        FieldType::Id | FieldType::Integer => {
            let whole = |number: &Number| double(number).fract() == 0.0;
            value.as_number().is_some_and(whole)
        }
        FieldType::Decimal => value.is_number() || value.is_string(),
        FieldType::Text => value.is_string(),
        FieldType::Time | FieldType::Date => time_of_value(value).is_some(),
        FieldType::Boolean => value.is_boolean(),
        FieldType::Priority | FieldType::Status | FieldType::TicketType => {
            let values = field.values().unwrap_or_default();
            value.as_str().is_some_and(|text| values.contains(&text))
        }
        FieldType::List(_) => value.is_array(),
        FieldType::Object => value.is_object(),
    }
}

/// Values before, between and after the numbers, whole where there is a whole number.
fn around_numbers(constants: &[Value]) -> Vec<Value> {
    let read = |value: &Value| match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => crate::language::operator::value_kind::number(text),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let mut numbers: Vec<Number> = constants.iter().filter_map(read).collect();
    numbers.sort_by(compare_numbers);
    let mut around: Vec<Value> = numbers.iter().cloned().map(Value::Number).collect();
    for number in &numbers {
        match number.as_i64() {
            Some(whole) => {
                let beside = [whole.checked_sub(1), whole.checked_add(1)];
                around.extend(beside.into_iter().flatten().map(Value::from));
            }
            None => {
                let near = double(number);
                around.extend(
                    [
                        near.floor() - 1.0,
                        near.floor(),
                        near.ceil(),
                        near.ceil() + 1.0,
                    ]
                    .map(Value::from),
                );
            }
        }
        around.extend([double(number).next_down(), double(number).next_up()].map(Value::from));
    }
    for pair in numbers.windows(2) {
        if compare_numbers(&pair[0], &pair[1]) != Ordering::Equal {
            let middle = double(&pair[0]) / 2.0 + double(&pair[1]) / 2.0;
            around.extend([
                Value::from(middle),
                Value::from(middle.floor()),
                Value::from(middle.ceil()),
            ]);
        }
    }
    around
}

fn around_times(constants: &[Value]) -> Vec<Value> {
    let written = |value: &Value| {
        let text = value.as_str()?;
        read_calendar_time(text, &jiff::tz::TimeZone::UTC)
    };
    let mut times: Vec<Timestamp> = constants.iter().filter_map(written).collect();
    times.sort_unstable();
    let mut around = Vec::new();
    let nearest = SignedDuration::from_nanos(1);
    for time in &times {
        around.extend([
            Some(*time),
            time.checked_sub(nearest).ok(),
            time.checked_add(nearest).ok(),
        ]);
    }
    around
        .into_iter()
        .flatten()
        .map(|time| Value::String(time.to_string()))
        .collect()
}

/// Each text, the next text in their order, and the text in other letter cases.
fn around_texts(constants: &[Value]) -> Vec<Value> {
    let texts = constants.iter().filter_map(Value::as_str);
    texts
        .flat_map(|text| {
            [
                format!("{text}\u{0}"),
                text.to_uppercase(),
                text.to_lowercase(),
                format!("{text}{FRESH}"),
            ]
        })
        .map(Value::String)
        .collect()
}

/// Lists with every combination of the elements that predicates look for.
fn lists(predicates: &[&Predicate], scope: &Scope<'_>) -> Option<Vec<Value>> {
    let mut elements: Vec<Value> = Vec::new();
    for predicate in predicates {
        let of_elements = match &*predicate.operator {
            Operator::Has(_) | Operator::HasAll(_) => true,
            Operator::AnyOf(any_of) => any_of.compares_elements(),
            _ => false,
        };
        if of_elements {
            // An element that no predicate looks for.
            if matches!(*predicate.operator, Operator::AnyOf(_))
                && !elements.contains(&json!(FRESH.to_string()))
            {
                elements.push(json!(FRESH.to_string()));
            }
            for element in predicate.operator.settled(scope.vars).constants(scope) {
                if !elements.contains(&element) {
                    elements.push(element);
                }
            }
        }
    }
    let elements = with_spellings(elements, predicates);
    if elements.len() > MAX_ELEMENTS {
        return None;
    }
    let subsets = 0..(1_usize << elements.len());
    let subset = |mask: usize| {
        let numbered = elements.iter().enumerate();
        let chosen = numbered.filter(|(at, _)| mask & (1 << at) != 0);
        Value::Array(chosen.map(|(_, element)| element.clone()).collect())
    };
    Some(subsets.map(subset).collect())
}

/// The parts that a text must have by one choice of operands.
#[derive(Clone, Default)]
struct TextParts {
    start: String,
    middle: String,
    end: String,
}

/// Texts with every combination of the parts that predicates look for.
fn texts(predicates: &[&Predicate], scope: &Scope<'_>) -> Option<Vec<Value>> {
    let mut choices = vec![TextParts::default()];
    let mut has_parts = false;
    for predicate in predicates {
        let operator = predicate.operator.settled(scope.vars);
        let add: fn(&mut TextParts, &str) = match &*operator {
            Operator::Contains(_) => |parts, text| parts.middle.push_str(&format!("{text}{FRESH}")),
            Operator::StartsWith(_) => |parts, text| {
                if text.len() > parts.start.len() {
                    text.clone_into(&mut parts.start);
                }
            },
            Operator::EndsWith(_) => |parts, text| {
                if text.len() > parts.end.len() {
                    text.clone_into(&mut parts.end);
                }
            },
            _ => continue,
        };
        has_parts = true;
        let constants = with_spellings(operator.constants(scope), predicates);
        let with = choices.iter().flat_map(|parts| {
            let texts = constants.iter().filter_map(Value::as_str);
            texts.map(|text| {
                let mut parts = parts.clone();
                add(&mut parts, text);
                parts
            })
        });
        let with: Vec<TextParts> = with.collect();
        choices.extend(with);
        if choices.len() > MAX_TEXTS {
            return None;
        }
    }
    // The order of texts with required parts has no such candidates.
    if has_parts
        && predicates
            .iter()
            .any(|predicate| orders_texts(predicate, scope))
    {
        return None;
    }
    let text = |parts: TextParts| {
        let TextParts { start, middle, end } = parts;
        Value::String(format!("{start}{FRESH}{middle}{end}"))
    };
    Some(choices.into_iter().map(text).collect())
}

fn orders_texts(predicate: &Predicate, scope: &Scope<'_>) -> bool {
    let orders = matches!(
        *predicate.operator,
        Operator::Lt(_)
            | Operator::Lte(_)
            | Operator::Gt(_)
            | Operator::Gte(_)
            | Operator::Between(_)
    );
    orders
        && predicate
            .operator
            .constants(scope)
            .iter()
            .any(Value::is_string)
}
