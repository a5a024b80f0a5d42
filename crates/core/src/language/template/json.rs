//! Lowers and renders JSON templates: trees whose texts are templates, for `json:` and `set:`.
//! A text that is exactly one `{{ … }}` keeps the type of its value. Reports templates in keys; an absent
//! value is an error when it is rendered.

use std::fmt;
use std::sync::Arc;

use minijinja::Environment;
use serde_json::Value as Json;

use crate::diagnostic::{Code, Report};
use crate::document::{Entry, Node, Yaml};
use crate::language::rendered_text::RenderedJson;
use crate::language::resolver::NameResolver;
use crate::language::template::cache;
use crate::language::template::cache::Form;
use crate::language::template::engine::environment;
use crate::language::template::read_set::{ReadSet, to_json};
use crate::language::template::scan::Segment;
use crate::language::template::{Escape, RenderError, Template, TemplateSource};
use crate::path::scope::Scope;
use crate::path::{Path, Resolved};

#[derive(Debug, Clone)]
pub enum JsonTemplate {
    /// Null, a boolean or a number; in a bundle, any constant value.
    Value(Arc<Json>),
    /// The value of one path, with its type.
    Field(Arc<Path>),
    /// The value of one expression, with its type.
    Typed(Arc<TypedExpression>),
    Text(Template),
    List(Arc<Vec<JsonTemplate>>),
    Map(Arc<Mapping>),
}

/// A mapping. Its keys are shared, because thousands of rules send the same keys.
#[derive(Debug)]
pub struct Mapping {
    keys: Arc<[Arc<str>]>,
    values: Box<[JsonTemplate]>,
}

impl Mapping {
    pub fn entries(&self) -> impl Iterator<Item = (&Arc<str>, &JsonTemplate)> {
        self.keys.iter().zip(&self.values)
    }
}

/// An expression whose value keeps its type. The engine parses it at each evaluation, like a template.
pub struct TypedExpression {
    source: Box<str>,
    pub reads: Arc<ReadSet>,
}

impl fmt::Debug for TypedExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Typed").field(&self.source).finish()
    }
}

/// A key and its value.
pub(super) type LoweredEntry = (Arc<str>, JsonTemplate);

impl JsonTemplate {
    pub fn lower(node: &Node, names: &mut NameResolver<'_>) -> Option<Self> {
        Self::lower_with(node, names, lower_leaf, lower_entry)
    }

    /// Lowers every text and every entry of a mapping with the given functions.
    pub(super) fn lower_with(
        node: &Node,
        names: &mut NameResolver<'_>,
        text: fn(&Node, &mut NameResolver<'_>) -> Option<Self>,
        entry: fn(&Entry, &mut NameResolver<'_>) -> Option<LoweredEntry>,
    ) -> Option<Self> {
        match &node.value {
            Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) => {
                Some(Self::Value(Arc::new(node.to_json())))
            }
            Yaml::Text(_) => text(node, names),
            Yaml::List(items) => {
                let items: Vec<_> = items
                    .iter()
                    .map(|item| Self::lower_with(item, names, text, entry))
                    .collect();
                let items: Option<Vec<_>> = items.into_iter().collect();
                items.map(|items| Self::List(Arc::new(items)))
            }
            Yaml::Map(entries) => {
                let entries: Vec<_> = entries.iter().map(|one| entry(one, names)).collect();
                let entries: Option<Vec<_>> = entries.into_iter().collect();
                entries.map(|entries| Self::Map(Arc::new(mapping(entries, names))))
            }
        }
    }

    pub fn render(&self, scope: &Scope<'_>) -> Result<RenderedJson, RenderError> {
        Ok(match self {
            Self::Value(value) => RenderedJson::Value(Json::clone(value)),
            Self::Field(path) => RenderedJson::Value(field(path, scope)?),
            Self::Typed(typed) => RenderedJson::Value(typed.evaluate(scope)?),
            Self::Text(template) => match template.render(scope)? {
                text if text.secrets().next().is_none() => {
                    RenderedJson::Value(text.to_string().into())
                }
                text => RenderedJson::Text(text),
            },
            Self::List(items) => RenderedJson::List(
                items
                    .iter()
                    .map(|item| item.render(scope))
                    .collect::<Result<_, _>>()?,
            ),
            Self::Map(mapping) => RenderedJson::Map(
                mapping
                    .entries()
                    .map(|(key, value)| Ok((key.to_string(), value.render(scope)?)))
                    .collect::<Result<_, RenderError>>()?,
            ),
        })
    }

    /// Returns the template under these keys; `None` if one of them does not exist in the text.
    pub fn at(&self, keys: &[&str]) -> Option<&Self> {
        let Some((first, rest)) = keys.split_first() else {
            return Some(self);
        };
        let Self::Map(mapping) = self else {
            return None;
        };
        let mut entries = mapping.entries();
        let (_, value) = entries.find(|(key, _)| &***key == *first)?;
        value.at(rest)
    }

    /// Returns the rendered value if it is the same for every event.
    pub fn constant(&self) -> Option<Json> {
        match self {
            Self::Value(value) => Some(Json::clone(value)),
            Self::Field(_) | Self::Typed(_) => None,
            Self::Text(template) => template.constant().map(Json::from),
            Self::List(items) => items.iter().map(Self::constant).collect(),
            Self::Map(mapping) => mapping
                .entries()
                .map(|(key, value)| Some((key.to_string(), value.constant()?)))
                .collect(),
        }
    }

    /// Replaces the placeholders for which `find` has another text.
    pub fn with_parts(&self, find: &dyn Fn(&Path) -> Option<Template>) -> Self {
        match self {
            Self::Field(path) => match find(path) {
                Some(template) => Self::Text(template),
                None => self.clone(),
            },
            Self::Text(template) => Self::Text(template.with_parts(find)),
            Self::List(items) => {
                let items = items.iter().map(|item| item.with_parts(find));
                Self::List(Arc::new(items.collect()))
            }
            Self::Map(mapping) => Self::Map(Arc::new(Mapping {
                keys: Arc::clone(&mapping.keys),
                values: mapping
                    .values
                    .iter()
                    .map(|value| value.with_parts(find))
                    .collect(),
            })),
            Self::Value(_) | Self::Typed(_) => self.clone(),
        }
    }

    /// Returns the names of the secrets that it contains.
    pub fn secrets(&self) -> Vec<&str> {
        match self {
            Self::Value(_) | Self::Field(_) | Self::Typed(_) => Vec::new(),
            Self::Text(template) => template.secrets().collect(),
            Self::List(items) => items.iter().flat_map(Self::secrets).collect(),
            Self::Map(mapping) => mapping.values.iter().flat_map(Self::secrets).collect(),
        }
    }
}

fn lower_entry(entry: &Entry, names: &mut NameResolver<'_>) -> Option<LoweredEntry> {
    if entry.key.contains("{{") || entry.key.contains("{%") {
        let help = "templates are allowed only in values";
        let message = format!("the key `{}` is a template", entry.key);
        return names.reject(Code::BadTemplate, entry.key_at, message, help);
    }
    let value = JsonTemplate::lower(&entry.value, names)?;
    Some((names.interner.words.share(entry.key.as_str()), value))
}

/// Creates a mapping with interned keys.
pub fn mapping(entries: Vec<(Arc<str>, JsonTemplate)>, names: &mut NameResolver<'_>) -> Mapping {
    let (keys, values): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
    Mapping {
        keys: names.interner.keys.share(keys),
        values: values.into_boxed_slice(),
    }
}

fn lower_leaf(node: &Node, names: &mut NameResolver<'_>) -> Option<JsonTemplate> {
    let source = TemplateSource::new(node, Escape::None, names)?;
    cache::lower_cached(&source, Form::Leaf, names, |source, names| {
        lower_uncached_leaf(node, source, names)
    })
}

fn lower_uncached_leaf(
    node: &Node,
    source: &TemplateSource<'_>,
    names: &mut NameResolver<'_>,
) -> Option<JsonTemplate> {
    let [Segment::Expression { inner, .. }] = source.segments.as_slice() else {
        return source.compile_uncached(names).map(JsonTemplate::Text);
    };
    let reading = source.check(names)?;
    if reading.reads.secrets().next().is_some() {
        return source.compile_uncached(names).map(JsonTemplate::Text);
    }
    if let Some(path) = reading.single {
        return Some(JsonTemplate::Field(Arc::new(path)));
    }
    let text = source.text[inner.clone()].trim();
    let environment: &Environment<'_> = environment(Escape::None);
    match environment.compile_expression(text) {
        Ok(_) => Some(JsonTemplate::Typed(Arc::new(TypedExpression {
            source: text.into(),
            reads: names.interner.reads.share(reading.reads),
        }))),
        Err(error) => names.reject(Code::BadTemplate, node.at, error.to_string(), ""),
    }
}

fn field(path: &Path, scope: &Scope<'_>) -> Result<Json, RenderError> {
    match path.resolve(scope) {
        Resolved::Absent => Err(RenderError::Absent {
            name: path.text.clone(),
        }),
        found => Ok(found
            .to_json()
            .expect("a resolved path has a value")
            .into_owned()),
    }
}

impl TypedExpression {
    fn evaluate(&self, scope: &Scope<'_>) -> Result<Json, RenderError> {
        RenderError::check_steps(&self.reads, scope)?;
        let environment: &Environment<'_> = environment(Escape::None);
        let expression = environment.compile_expression(&self.source);
        expression
            .and_then(|expression| expression.eval(self.reads.context(scope)))
            .and_then(|value| to_json(&value))
            .map_err(|error| RenderError::new(&error, &self.source))
    }
}
