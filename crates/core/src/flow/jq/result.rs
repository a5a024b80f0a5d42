//! Converts the result of a jq program to JSON.
//! Byte strings, keys that are not text and infinite numbers are errors, because JSON cannot represent them.

use jaq_json::{Num, Val};
use serde_json::{Map, Number, Value};

use crate::number::{RESERVED_KEY, parse_number};

/// The maximum depth of an event.
const MAX_DEPTH: usize = 126;

pub(super) fn to_json(value: &Val) -> Result<Value, String> {
    nested(value, 0)
}

fn nested(value: &Val, depth: usize) -> Result<Value, String> {
    if depth > MAX_DEPTH {
        return Err(format!("its result is nested more than {MAX_DEPTH} deep"));
    }
    Ok(match value {
        Val::Null => Value::Null,
        Val::Bool(truth) => Value::Bool(*truth),
        Val::Num(number) => self::number(number)?,
        Val::TStr(text) => Value::String(String::from_utf8_lossy(text).into_owned()),
        Val::BStr(_) => return Err("its result contains bytes that are not text".into()),
        Val::Arr(items) => {
            let items = items.iter().map(|item| nested(item, depth + 1));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        Val::Obj(entries) => {
            let entries = entries.iter().map(|(key, value)| match key {
                Val::TStr(key) => {
                    let key = String::from_utf8_lossy(key).into_owned();
                    if key == RESERVED_KEY {
                        return Err(format!("its result has the key {key}, which is reserved"));
                    }
                    Ok((key, nested(value, depth + 1)?))
                }
                other => Err(format!("its result has the key {other}, which is not text")),
            });
            Value::Object(entries.collect::<Result<Map<_, _>, _>>()?)
        }
    })
}

/// Whole numbers stay whole, also after a division. A number that is written with a fraction keeps it.
fn number(number: &Num) -> Result<Value, String> {
    match number {
        Num::Int(whole) => Ok(Value::from(*whole)),
        Num::BigInt(_) | Num::Dec(_) => {
            let text = number.to_string();
            let number = parse_number(&text).map(Value::Number);
            number.ok_or_else(|| infinite(&text))
        }
        // jq writes NaN as null.
        Num::Float(number) if number.is_nan() => Ok(Value::Null),
        Num::Float(number) => {
            let number = *number;
            if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 {
                #[allow(clippy::cast_possible_truncation)]
                return Ok(Value::from(number as i64));
            }
            let text = number.to_string();
            let number = Number::from_f64(number).map(Value::Number);
            number.ok_or_else(|| infinite(&text))
        }
    }
}

fn infinite(number: &str) -> String {
    format!("its result contains {number}, which is not a JSON number")
}
