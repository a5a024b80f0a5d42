//! Records which values a template reads, and copies only these from the scope for the engine.
//! Converts values between JSON and the engine, within limits.

use std::collections::BTreeMap;

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind};
use serde_json::Value as Json;

use crate::event::format::has_envelope_field;
use crate::language::template::engine::undefined;
use crate::language::template::exact_number::{ExactNumber, NumberForm, from_number};
use crate::language::template::secret::{SecretNamespace, SecretReference};
use crate::number::parse_number;
use crate::path::scope::Scope;

/// The name of the zone of times without one, for the filter `date`. No template can read this name.
pub const TIME_ZONE: &str = "time zone";

/// The values that a template reads, as a tree of names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ReadSet {
    /// Whether the value itself is read, not only the values below it.
    whole: bool,
    /// How the template receives numbers; set at the root.
    pub numbers: NumberForm,
    below: BTreeMap<String, ReadSet>,
}

impl ReadSet {
    /// Adds a value by its chain of names.
    pub fn add(&mut self, names: &[String]) {
        let mut node = self;
        for name in names {
            node = node.below.entry(name.clone()).or_default();
        }
        node.whole = true;
    }

    /// Returns the names of the secrets that are written out.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let secrets = self.below.get("secret").into_iter();
        secrets.flat_map(|secret| secret.below.keys().map(String::as_str))
    }

    /// Returns whether only the event is read: no variable, no step, no error.
    pub fn is_only_event(&self) -> bool {
        let others = ["vars", "steps", "error"];
        !others.iter().any(|other| self.below.contains_key(*other))
    }

    /// Returns the values in scope, reduced to those that are read.
    pub fn context(&self, scope: &Scope<'_>) -> Value {
        let values = self.below.iter().filter_map(|(name, reads)| {
            let value = reads.root(name, scope, self.numbers)?;
            Some((name.clone(), value))
        });
        let zone = scope.event.time_zone();
        let zone = zone.map(|name| (TIME_ZONE.to_owned(), Value::from(name)));
        Value::from_pairs(values.chain(zone))
    }

    /// Returns a step whose result is read but does not exist. `default` replaces values that a result
    /// lacks, not the result itself.
    pub fn missing_step(&self, scope: &Scope<'_>) -> Option<&str> {
        let steps = &self.below.get("steps")?.below;
        let mut names = steps.keys().map(String::as_str);
        names.find(|name| scope.steps.get(*name).is_none())
    }

    fn root(&self, name: &str, scope: &Scope<'_>, form: NumberForm) -> Option<Value> {
        if let Some(local) = scope.locals.get(name) {
            return self.pick(Some(local), form);
        }
        match name {
            "secret" => Some(Value::from_object(SecretNamespace)),
            // `event` alone is the sender's field, if there is one.
            "event" if self.below.is_empty() && scope.event.body.get(name).is_some() => {
                self.pick(scope.event.body.get(name), form)
            }
            "event" => self.pick(Some(&scope.event.header_with_body()), form),
            // `body` alone is a field of that name, if there is one.
            "body" if self.below.is_empty() && scope.event.body.get(name).is_some() => {
                self.pick(scope.event.body.get(name), form)
            }
            "body" => self.pick(Some(&scope.event.body), form),
            "vars" => self.pick(Some(scope.vars), form),
            "steps" => self.pick(Some(scope.steps), form),
            // Without an error in scope, `error` is an ordinary field of the event.
            "error" if !scope.error.is_null() => self.pick(Some(scope.error), form),
            name if has_envelope_field(scope.event.format, name) => {
                self.pick(scope.event.envelope.get(name), form)
            }
            _ => self.pick(scope.event.body.get(name), form),
        }
    }

    /// Copies what is read of a value. An absent value that is read only through names below becomes an
    /// empty mapping, so that `default` and `is defined` work for each of these names.
    fn pick(&self, found: Option<&Json>, form: NumberForm) -> Option<Value> {
        match found {
            None if self.whole => None,
            None => Some(Value::from_pairs(std::iter::empty::<(String, Value)>())),
            Some(Json::Object(map)) if !self.whole => {
                let values = self.below.iter().filter_map(|(name, reads)| {
                    let value = reads.pick(map.get(name), form)?;
                    Some((name.clone(), value))
                });
                Some(Value::from_pairs(values))
            }
            Some(value) => Some(from_json(value, form)),
        }
    }
}

fn from_json(value: &Json, form: NumberForm) -> Value {
    match value {
        Json::Null => Value::from(()),
        Json::Bool(b) => Value::from(*b),
        Json::Number(number) => from_number(number, form),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(|item| from_json(item, form)).collect(),
        Json::Object(map) => Value::from_pairs(
            map.iter()
                .map(|(key, value)| (key.clone(), from_json(value, form))),
        ),
    }
}

/// The maximum number of values in one result.
pub const MAX_VALUES: usize = 50_000;
/// The maximum size of all texts in one result, in bytes: the size of the largest accepted event.
const MAX_TEXT_BYTES: usize = 4 << 20;

/// The size of the result so far.
#[derive(Default)]
struct OutputBudget {
    values: usize,
    text: usize,
}

impl OutputBudget {
    fn value(&mut self) -> Result<(), Error> {
        self.values += 1;
        match self.values > MAX_VALUES {
            true => Err(too_much("it makes more than 50,000 values")),
            false => Ok(()),
        }
    }

    fn text(&mut self, text: &str) -> Result<String, Error> {
        self.text += text.len();
        match self.text > MAX_TEXT_BYTES {
            true => Err(too_much("it makes more than 4 MB of text")),
            false => Ok(text.to_owned()),
        }
    }
}

/// Converts a value of the engine to JSON. An undefined value or a secret anywhere in it is an error.
pub fn to_json(value: &Value) -> Result<Json, Error> {
    json(value, &mut OutputBudget::default())
}

fn json(value: &Value, budget: &mut OutputBudget) -> Result<Json, Error> {
    budget.value()?;
    match value.kind() {
        ValueKind::Undefined => Err(undefined(value)),
        ValueKind::None => Ok(Json::Null),
        ValueKind::Bool => Ok(Json::Bool(value.is_true())),
        ValueKind::Number => number(value),
        ValueKind::String => Ok(Json::String(
            budget.text(value.as_str().expect("a string is text"))?,
        )),
        ValueKind::Map => {
            let mut map = serde_json::Map::new();
            for key in value.try_iter()? {
                let item = value.get_item(&key)?;
                map.insert(budget.text(&key.to_string())?, json(&item, budget)?);
            }
            Ok(Json::Object(map))
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter()?.map(|item| json(&item, budget));
            Ok(Json::Array(items.collect::<Result<_, _>>()?))
        }
        _ => match value.downcast_object_ref::<ExactNumber>() {
            Some(ExactNumber(number)) => Ok(Json::Number(number.clone())),
            None => Err(not_json(value)),
        },
    }
}

fn number(value: &Value) -> Result<Json, Error> {
    if value.is_integer() {
        if let Some(n) = value.as_i64() {
            return Ok(n.into());
        }
        if let Some(n) = parse_number(&value.to_string()) {
            return Ok(Json::Number(n));
        }
    }
    let float = f64::try_from(value.clone())?;
    match serde_json::Number::from_f64(float) {
        Some(number) => Ok(Json::Number(number)),
        None => Err(not_json(value)),
    }
}

fn not_json(value: &Value) -> Error {
    let message = match value.downcast_object_ref::<SecretReference>() {
        Some(_) => "a secret can only be written out".to_owned(),
        None => format!("{} cannot be converted to JSON", value.kind()),
    };
    Error::new(ErrorKind::InvalidOperation, message)
}

/// Creates the error for an exceeded limit.
pub fn too_much(message: &'static str) -> Error {
    Error::new(ErrorKind::OutOfFuel, message)
}
