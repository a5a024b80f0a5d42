//! Numbers between which the tests of a field differ: the constants of the tests, and a number between and around
//! them. Times count as numbers too, because a number can be Unix time.

use jiff::Timestamp;
use serde_json::{Number, Value};

use crate::analysis::comparands::Comparand;
use crate::event::time::unix_time;
use crate::language::operator::Operator;
use crate::number::{double, fits_double};

/// Values of one kind, and whether there is one for every combination of verdicts.
#[derive(Debug, Clone, Default)]
pub struct KindValues {
    pub values: Vec<Value>,
    pub is_complete: bool,
}

/// Integers beyond this are not all doubles, so that numbers in their neighbourhood are not all known.
const LARGEST: f64 = 9_007_199_254_740_992.0;
/// The limits of what is read as Unix seconds, and as milliseconds.
const UNIX_LIMITS: [f64; 3] = [1e8, 1e11, 1e14];

/// Returns the numbers that the tests tell apart.
pub fn numbers(operators: &[Operator], comparands: &[Comparand]) -> KindValues {
    let mut points: Vec<f64> = Vec::new();
    let mut written: Vec<Value> = Vec::new();
    let mut is_complete = true;
    for number in constants(operators, comparands) {
        is_complete &= is_plain(&number);
        points.push(double(&number));
        written.push(Value::Number(number));
    }
    let times: Vec<Timestamp> = comparands.iter().filter_map(Comparand::time).collect();
    for time in &times {
        #[allow(clippy::cast_precision_loss)]
        let milliseconds = time.as_millisecond() as f64;
        is_complete &= time.subsec_nanosecond() % 1_000_000 == 0;
        points.extend([milliseconds / 1e3, milliseconds]);
    }
    if !times.is_empty() || written.iter().any(is_unix_time) {
        points.extend(UNIX_LIMITS);
    }
    points.retain(|point| point.is_finite());
    points.sort_by(f64::total_cmp);
    points.dedup();
    let mut values = written;
    values.extend(around(&points));
    if points.is_empty() {
        values.push(Value::from(1));
    }
    KindValues {
        values,
        is_complete,
    }
}

/// Whether the number equals only numbers of the same value.
pub fn is_plain(number: &Number) -> bool {
    fits_double(number) && double(number).abs() < LARGEST
}

fn is_unix_time(value: &Value) -> bool {
    value
        .as_number()
        .is_some_and(|number| unix_time(number).is_some())
}

/// The numbers with which values are compared for equality or order.
fn constants(operators: &[Operator], comparands: &[Comparand]) -> Vec<Number> {
    let equal = operators.iter().filter_map(|operator| match operator {
        Operator::Is(is) => Some(is),
        _ => None,
    });
    let equal = equal.flat_map(|is| is.operands.literals().cloned().collect::<Vec<_>>());
    let equal = equal.filter_map(|value| match value {
        Value::Number(number) => Some(number),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    });
    equal
        .chain(comparands.iter().filter_map(Comparand::number))
        .collect()
}

/// Each point, a number between each two neighbours, and one beyond each end.
fn around(points: &[f64]) -> Vec<Value> {
    let mut values = Vec::with_capacity(points.len() * 2 + 2);
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return values;
    };
    values.push(as_value(first.floor() - 1.0));
    values.push(as_value(last.ceil() + 1.0));
    values.extend(points.iter().map(|point| as_value(*point)));
    for pair in points.windows(2) {
        let [low, high] = [pair[0], pair[1]];
        let whole = low.floor() + 1.0;
        let middle = low / 2.0 + high / 2.0;
        for between in [whole, middle] {
            if low < between && between < high {
                values.push(as_value(between));
            }
        }
    }
    values
}

/// Whole numbers are written without a fraction.
#[allow(clippy::cast_possible_truncation)]
fn as_value(number: f64) -> Value {
    match number.fract() == 0.0 && number.abs() < LARGEST {
        true => Value::from(number as i64),
        false => Value::from(number),
    }
}
