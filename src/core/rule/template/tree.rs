//! A YAML tree whose texts are templates: what `json:` and `set:` take. A text that is one `{{ … }}`
//! alone keeps the type of its value. It refuses templates in keys, and values that are absent.

use std::fmt;
use std::sync::Arc;

use minijinja::Environment;
use serde_json::Value as Json;

use crate::core::diagnostic::Code;
use crate::core::flow::call::Tree;
use crate::core::rule::document::{Entry, Node, Yaml};
use crate::core::rule::lowering::Lowering;
use crate::core::rule::path::{Found, Path};
use crate::core::rule::template::context::{Reads, to_json};
use crate::core::rule::template::engine::environment;
use crate::core::rule::template::scan::Segment;
use crate::core::rule::template::{Escape, RenderError, Source, Template};
use crate::core::scope::Scope;

#[derive(Debug, Clone)]
pub enum TreeTemplate {
    Value(Json),
    /// One field, as it is.
    Field(Path),
    /// The value of one expression, whatever its type.
    Typed(Typed),
    Text(Template),
    List(Vec<TreeTemplate>),
    Map(Vec<(String, TreeTemplate)>),
}

/// Read anew by the engine each time, as the text of a template is.
#[derive(Clone)]
pub struct Typed {
    source: Arc<str>,
    reads: Reads,
}

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Typed").field(&self.source).finish()
    }
}

impl TreeTemplate {
    pub fn lower(node: &Node, cx: &mut Lowering<'_>) -> Option<Self> {
        match &node.value {
            Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) => Some(Self::Value(node.to_json())),
            Yaml::Text(_) => lower_leaf(node, cx),
            Yaml::List(items) => {
                let items: Vec<_> = items.iter().map(|item| Self::lower(item, cx)).collect();
                items.into_iter().collect::<Option<_>>().map(Self::List)
            }
            Yaml::Map(entries) => {
                let entries: Vec<_> = entries.iter().map(|entry| lower_entry(entry, cx)).collect();
                entries.into_iter().collect::<Option<_>>().map(Self::Map)
            }
        }
    }

    pub fn render(&self, scope: &Scope<'_>) -> Result<Tree, RenderError> {
        Ok(match self {
            Self::Value(value) => Tree::Value(value.clone()),
            Self::Field(path) => Tree::Value(field(path, scope)?),
            Self::Typed(typed) => Tree::Value(typed.evaluate(scope)?),
            Self::Text(template) => match template.render(scope)? {
                text if text.secrets().next().is_none() => Tree::Value(text.to_string().into()),
                text => Tree::Text(text),
            },
            Self::List(items) => Tree::List(
                items
                    .iter()
                    .map(|item| item.render(scope))
                    .collect::<Result<_, _>>()?,
            ),
            Self::Map(entries) => Tree::Map(
                entries
                    .iter()
                    .map(|(key, value)| Ok((key.clone(), value.render(scope)?)))
                    .collect::<Result<_, RenderError>>()?,
            ),
        })
    }

    /// The names of the secrets that it writes out.
    pub fn secrets(&self) -> Vec<&str> {
        match self {
            Self::Value(_) | Self::Field(_) | Self::Typed(_) => Vec::new(),
            Self::Text(template) => template.secrets().collect(),
            Self::List(items) => items.iter().flat_map(Self::secrets).collect(),
            Self::Map(entries) => entries
                .iter()
                .flat_map(|(_, value)| value.secrets())
                .collect(),
        }
    }
}

fn lower_entry(entry: &Entry, cx: &mut Lowering<'_>) -> Option<(String, TreeTemplate)> {
    if entry.key.contains("{{") || entry.key.contains("{%") {
        let help = "templates stand in values alone";
        let message = format!("the key `{}` is a template", entry.key);
        cx.error(Code::BadTemplate, entry.key_at, message, help);
        return None;
    }
    let value = TreeTemplate::lower(&entry.value, cx)?;
    Some((entry.key.clone(), value))
}

fn lower_leaf(node: &Node, cx: &mut Lowering<'_>) -> Option<TreeTemplate> {
    let source = Source::of(node, Escape::None, cx)?;
    let [Segment::Expression { inner, .. }] = source.segments.as_slice() else {
        return source.compile(cx).map(TreeTemplate::Text);
    };
    let reading = source.check(cx)?;
    if !reading.secrets.is_empty() {
        return source.compile(cx).map(TreeTemplate::Text);
    }
    if let Some(path) = reading.single {
        return Some(TreeTemplate::Field(path));
    }
    let text = source.text[inner.clone()].trim();
    let environment: &Environment<'_> = environment(Escape::None);
    match environment.compile_expression(text) {
        Ok(_) => Some(TreeTemplate::Typed(Typed {
            source: text.into(),
            reads: reading.reads,
        })),
        Err(error) => {
            cx.error(Code::BadTemplate, node.at, error.to_string(), "");
            None
        }
    }
}

fn field(path: &Path, scope: &Scope<'_>) -> Result<Json, RenderError> {
    match path.resolve(scope) {
        Found::Absent => Err(RenderError::Absent {
            name: path.text.clone(),
        }),
        found => Ok(found
            .to_json()
            .map(|value| value.into_owned())
            .unwrap_or_default()),
    }
}

impl Typed {
    fn evaluate(&self, scope: &Scope<'_>) -> Result<Json, RenderError> {
        RenderError::unless_run(&self.reads, scope)?;
        let environment: &Environment<'_> = environment(Escape::None);
        let expression = environment.compile_expression(&self.source);
        expression
            .and_then(|expression| expression.eval(self.reads.context(scope)))
            .and_then(|value| to_json(&value))
            .map_err(|error| RenderError::of(&error, &self.source))
    }
}
