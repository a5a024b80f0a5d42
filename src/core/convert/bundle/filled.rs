//! Values of a bundle with what is put into them, as values with templates.
//! It refuses what would make another text than the bundle's does.

use serde_json::{Map, Value};

use super::scene::{Expression, Key, Scene, keys};
use crate::core::convert::placeholder::literal;
use crate::core::rule::document::{Node, Yaml};
use crate::core::rule::template::placeholder::placeholders;

/// A value before it is written.
#[derive(Debug, Clone, PartialEq)]
pub enum Filled {
    Plain(Value),
    /// What stands at a path, with its type.
    Field(Expression),
    /// A text with templates in it.
    Text(String),
    List(Vec<Filled>),
    Map(Vec<(String, Filled)>),
}

/// What the paths of a value lead into.
pub enum Source<'s> {
    Document(&'s Scene),
    /// What the state passes to its action.
    Parameters(&'s Filled),
}

impl Source<'_> {
    fn find(&self, path: &str) -> Result<Filled, String> {
        let Some(keys) = keys(path) else {
            return Err(format!("`{path}` names more than one place"));
        };
        match self {
            Source::Document(scene) => scene.find(&keys).map(Filled::Field),
            Source::Parameters(parameters) => parameters
                .at(&keys)
                .ok_or_else(|| format!("no parameter gives `{path}`")),
        }
    }
}

impl Filled {
    pub fn of(node: &Node, source: &Source<'_>) -> Result<Self, String> {
        match &node.value {
            Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) => Ok(Filled::Plain(node.to_json())),
            Yaml::Text(text) => Self::of_text(text, source),
            Yaml::List(items) => {
                let items = items.iter().map(|item| Self::of(item, source));
                items.collect::<Result<_, _>>().map(Filled::List)
            }
            Yaml::Map(entries) => {
                let entries = entries
                    .iter()
                    .map(|entry| match entry.key.strip_suffix(".$") {
                        Some(key) => Ok((key.to_owned(), Self::reference(&entry.value, source)?)),
                        None => Ok((entry.key.clone(), Self::of(&entry.value, source)?)),
                    });
                entries.collect::<Result<_, String>>().map(Filled::Map)
            }
        }
    }

    /// What stands under a key that ends in `.$`.
    pub fn reference(node: &Node, source: &Source<'_>) -> Result<Self, String> {
        match node.as_text() {
            Some(path) if path.starts_with('$') => source.find(path),
            Some(text) => Self::of_text(text, source),
            None => Err("a key that ends in `.$` holds no text".into()),
        }
    }

    fn of_text(text: &str, source: &Source<'_>) -> Result<Self, String> {
        let found = placeholders(text);
        match found.as_slice() {
            [] => return Ok(Filled::Plain(text.into())),
            [only] if only.whole == (0..text.len()) => {
                return source.find(&text[only.path.clone()]);
            }
            _ => {}
        }
        let (mut filled, mut from) = (String::new(), 0);
        for placeholder in found {
            filled += &literal(&text[from..placeholder.whole.start]);
            filled += &source.find(&text[placeholder.path.clone()])?.as_text()?;
            from = placeholder.whole.end;
        }
        filled += &literal(&text[from..]);
        Ok(Filled::Text(filled))
    }

    fn at(&self, path: &[Key]) -> Option<Filled> {
        let Some((first, rest)) = path.split_first() else {
            return Some(self.clone());
        };
        match (self, first) {
            (Filled::Field(Expression(place)), _) => {
                Some(Filled::Field(Expression([place.as_slice(), path].concat())))
            }
            (Filled::Map(entries), Key::Name(name)) => {
                let (_, value) = entries.iter().find(|(key, _)| key == name)?;
                value.at(rest)
            }
            (Filled::List(items), Key::Index(index)) => items.get(*index)?.at(rest),
            (Filled::Plain(_) | Filled::Text(_) | Filled::List(_) | Filled::Map(_), _) => None,
        }
    }

    /// As part of a text.
    pub fn as_text(&self) -> Result<String, String> {
        match self {
            Filled::Plain(Value::Null) => Ok(String::new()),
            Filled::Plain(Value::String(text)) => Ok(literal(text)),
            Filled::Plain(value) => Ok(literal(&value.to_string())),
            Filled::Field(expression) => lone(expression),
            Filled::Text(text) => Ok(text.clone()),
            Filled::List(_) | Filled::Map(_) => {
                Err("a list or a mapping is put into a text".into())
            }
        }
    }

    /// As a value of YAML.
    pub fn to_value(&self) -> Result<Value, String> {
        Ok(match self {
            Filled::Plain(Value::String(text)) => literal(text).into(),
            Filled::Plain(value) => literals(value),
            Filled::Field(expression) => lone(expression)?.into(),
            Filled::Text(text) => text.clone().into(),
            Filled::List(items) => {
                let items = items.iter().map(Filled::to_value);
                items.collect::<Result<_, _>>().map(Value::Array)?
            }
            Filled::Map(entries) => {
                let mut map = Map::new();
                for (key, value) in entries {
                    map.insert(key.clone(), value.to_value()?);
                }
                Value::Object(map)
            }
        })
    }

    /// Whether any event value is in it.
    pub fn is_text(&self) -> bool {
        matches!(self, Filled::Text(_) | Filled::Plain(Value::String(_)))
    }
}

/// A value whose texts are sent as they stand.
pub fn literals(value: &Value) -> Value {
    match value {
        Value::String(text) => literal(text).into(),
        Value::Array(items) => items.iter().map(literals).collect(),
        Value::Object(entries) => {
            let entries = entries.iter();
            let entries = entries.map(|(key, value)| (key.clone(), literals(value)));
            Value::Object(entries.collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn lone(expression: &Expression) -> Result<String, String> {
    match expression.as_template() {
        Some(template) => Ok(format!("{{{{ {template} }}}}")),
        None => Err(format!(
            "`{expression}` has a name that a template cannot write"
        )),
    }
}
