//! The events that a location in a document is about: their types, their fields and a sample value of each.

use std::path::Path;

use serde_json::Value;

use super::cursor::{Cursor, TreeStep, node_at};
use super::file_view::FileView;
use super::flow_caller::caller_events;
use super::workspace_root::FileRole;
use crate::report::event_sample::TypeSample;
use flowtrigger_core::document::{Node, Yaml};
use flowtrigger_core::event::Event;
use flowtrigger_core::event::catalogue::event_type::EventType;
use flowtrigger_core::event::catalogue::field_type::FieldType;
use flowtrigger_core::event::format::decode;
use flowtrigger_core::path::scope::Scope;
use flowtrigger_core::path::{Path as FieldPath, Resolved};
use flowtrigger_core::rule::Rule;

/// Samples that are decoded for one answer.
const MAX_SAMPLES: usize = 3;

/// The types of the events of a rule.
#[derive(Debug, Default)]
pub struct KnownEvent<'v> {
    pub types: Vec<&'v EventType>,
}

/// A field of these events.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownField {
    pub path: String,
    pub field_type: FieldType,
    /// The formats that have it, described, if not all do.
    pub only: Option<String>,
}

impl<'v> KnownEvent<'v> {
    /// The events that a cursor is about.
    pub fn at(view: &'v FileView<'_>, cursor: &Cursor, document: Option<&Node>) -> Self {
        match view.role {
            FileRole::Config => Self::default(),
            FileRole::Tests => match rule_of_test(view, cursor, document) {
                Some(rule) => Self::of_rule(view, rule),
                None => Self::default(),
            },
            FileRole::Rules => match cursor.path.as_slice() {
                [TreeStep::Key(section), TreeStep::Key(flow), _, ..]
                    if section == "flows" && !names_events(document) =>
                {
                    Self::of_callers(view, flow)
                }
                _ => Self::of_document(view, cursor, document),
            },
        }
    }

    /// The types that the nearest `event_type` around the cursor names.
    fn of_document(view: &'v FileView<'_>, cursor: &Cursor, document: Option<&Node>) -> Self {
        if let Some(document) = document {
            for length in (0..=cursor.path.len()).rev() {
                let around = node_at(document, &cursor.path[..length]);
                let Some(types) = around.and_then(|around| around.get("event_type")) else {
                    continue;
                };
                let own = around.and_then(|around| around.get("event_source"));
                let source = own.or_else(|| document.get("event_source"));
                let source = source.and_then(Node::as_text);
                return Self::named(view, source, &texts(types));
            }
        }
        // The document cannot be read: its lines can.
        let text = &view.text[cursor.document.clone()];
        let line = |key: &str| {
            let found = text.lines().find_map(|line| line.strip_prefix(key));
            found.map(|value| value.trim_matches([' ', '[', ']', '"', '\'', '\r']))
        };
        let types = line("event_type:").unwrap_or_default().split(',');
        let types: Vec<String> = types.map(|name| name.trim().to_owned()).collect();
        Self::named(view, line("event_source:"), &types)
    }

    fn named(view: &'v FileView<'_>, source: Option<&str>, names: &[String]) -> Self {
        let catalogue = &view.config().catalogue;
        let source = source.unwrap_or("support");
        let mut types: Vec<&EventType> = Vec::new();
        for name in names.iter().filter(|name| !name.is_empty()) {
            let displayed = catalogue.by_display(source, name);
            types.extend(catalogue.matching(source, name));
            types.extend(displayed.filter(|_| catalogue.by_name(source, name).is_none()));
        }
        Self { types }
    }

    /// The events of all rules that execute a flow.
    fn of_callers(view: &'v FileView<'_>, flow: &str) -> Self {
        let mut types: Vec<&EventType> = Vec::new();
        for caller in caller_events(view, flow) {
            for known in Self::named(view, caller.source.as_deref(), &caller.types).types {
                if !types.iter().any(|other| std::ptr::eq(*other, known)) {
                    types.push(known);
                }
            }
        }
        Self { types }
    }

    fn of_rule(view: &'v FileView<'_>, rule: &Rule) -> Self {
        let names = rule.event_types.iter().map(|pattern| pattern.text());
        let names: Vec<String> = names.collect();
        Self::named(view, Some(&rule.event_source), &names)
    }

    /// Their fields, those of the types before those that every event has.
    pub fn fields(&self) -> Vec<KnownField> {
        let mut fields: Vec<KnownField> = Vec::new();
        for field in self.types.iter().flat_map(|known| known.fields()) {
            if !fields.iter().any(|known| known.path == field.path) {
                fields.push(KnownField {
                    path: field.path,
                    field_type: field.field_type,
                    only: field.only,
                });
            }
        }
        fields
    }

    pub fn field(&self, path: &str) -> Option<KnownField> {
        self.fields().into_iter().find(|field| field.path == path)
    }

    /// The sample events of the types, decoded.
    pub fn samples(&self, view: &FileView<'_>) -> Vec<Event> {
        let catalogue = &view.config().catalogue;
        let samples = self.types.iter().take(MAX_SAMPLES);
        let samples = samples.filter_map(|known| TypeSample::new(known, catalogue));
        let decoded = samples.filter_map(|sample| {
            let value: Value = serde_json::from_str(&sample.text).ok()?;
            decode(value, catalogue).ok()
        });
        decoded.collect()
    }
}

/// Whether a document is a rule, which names its events.
fn names_events(document: Option<&Node>) -> bool {
    document.is_some_and(|document| document.get("event_type").is_some())
}

/// The value that a path has in the first sample that has one, as JSON.
pub fn sample_value(path: &str, samples: &[Event]) -> Option<String> {
    let path = FieldPath::parse(path).ok()?;
    let found =
        samples.iter().find_map(
            |event| match path.resolve(&Scope::new(event, &Value::Null)) {
                Resolved::Absent => None,
                Resolved::One(value) => Some(value.to_string()),
                Resolved::Many(values) => Some(Value::Array(values).to_string()),
            },
        );
    found.map(|value| shortened(&value))
}

/// At most 80 characters of a value.
fn shortened(value: &str) -> String {
    match value.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

/// The rule that a test names, or the only rule of the file beside the test file.
pub fn rule_of_test<'v>(
    view: &'v FileView<'_>,
    cursor: &Cursor,
    document: Option<&Node>,
) -> Option<&'v Rule> {
    let loaded = view.workspace.loaded.as_ref()?;
    let rules = &loaded.rulebook.rules.rules;
    let test = cursor.path.first();
    let test = test.and_then(|step| node_at(document?, std::slice::from_ref(step)));
    if let Some(name) = test.and_then(|test| test.get("rule")?.scalar_text()) {
        return rules
            .iter()
            .find(|rule| rule.name == name)
            .map(|rule| &**rule);
    }
    let beside = view.path.to_string_lossy().replace(".test.", ".");
    let files = &loaded.rulebook.files;
    let is_beside =
        |rule: &&std::sync::Arc<Rule>| Path::new(files.name(rule.at.file)) == Path::new(&beside);
    rules.iter().find(is_beside).map(|rule| &**rule)
}

/// A text, or a list of texts.
pub fn texts(node: &Node) -> Vec<String> {
    match &node.value {
        Yaml::Text(text) => vec![text.clone()],
        Yaml::List(items) => items.iter().filter_map(Node::scalar_text).collect(),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Map(_) => Vec::new(),
    }
}
