//! Describes what is under the cursor: keys, fields with a sample value, operators, event types, filters and names.

use lsp_types::{Hover, HoverContents, MarkupContent, MarkupKind, Position};

use super::cursor::{Cursor, TokenKind, TreeStep};
use super::file_view::FileView;
use super::known_event::{KnownEvent, KnownField, sample_value};
use super::schema_walk::SchemaPart;
use super::symbol::{SymbolKind, symbol_at};
use flowtrigger_core::event::catalogue::event_type::EventType;
use flowtrigger_core::language::operator::{self, OperatorSpec};
use flowtrigger_core::language::template::filter;
use flowtrigger_core::secret::SecretSource;

/// Examples of an operator that are shown.
const MAX_EXAMPLES: usize = 4;

pub fn hover(view: &FileView<'_>, position: Position) -> Option<Hover> {
    let indexed = view.indexed();
    let offset = indexed.offset(position);
    let (cursor, kind) = Cursor::around(&view.text, offset);
    let text = describe(view, &cursor, kind, offset)?;
    let contents = MarkupContent {
        kind: MarkupKind::Markdown,
        value: text,
    };
    Some(Hover {
        contents: HoverContents::Markup(contents),
        range: None,
    })
}

fn describe(
    view: &FileView<'_>,
    cursor: &Cursor,
    kind: TokenKind,
    offset: usize,
) -> Option<String> {
    let document = cursor.document_node(&view.text);
    let event = KnownEvent::at(view, cursor, document.as_ref());
    let word = view.text.get(cursor.token.clone())?;
    if let Some(template) = &cursor.template {
        return in_template(view, template, &event).or_else(|| named(view, offset));
    }
    if kind == TokenKind::Key {
        return key(view, cursor, word, &event);
    }
    if let Some(found) = named(view, offset) {
        return Some(found);
    }
    let last = cursor.path.iter().rev().find_map(TreeStep::key)?;
    if last == "event_type" {
        let catalogue = &view.config().catalogue;
        let mut types = event.types.iter();
        let named = types.find(|known| known.names().any(|name| name == word));
        let known = named
            .copied()
            .or_else(|| catalogue.types().find(|known| known.name == word));
        return known.map(event_type);
    }
    let known = event.field(word).map(|known| field(view, &known, &event));
    known.or_else(|| key(view, &parent(cursor), last, &event))
}

/// The cursor at the key of the value.
fn parent(cursor: &Cursor) -> Cursor {
    let mut parent = cursor.clone();
    while let Some(TreeStep::Item(_)) = parent.path.last() {
        parent.path.pop();
    }
    parent.path.pop();
    parent
}

fn key(view: &FileView<'_>, cursor: &Cursor, word: &str, event: &KnownEvent<'_>) -> Option<String> {
    let part = SchemaPart::at(view.schemas.of(view.role), &cursor.path);
    let is_field = part.is("condition") || part.is("element_condition");
    if let Some(known) = event.field(word).filter(|_| is_field) {
        return Some(field(view, &known, event));
    }
    let is_operator =
        part.is("test_of_field") || part.is("operators") || part.is("element_condition");
    if let Some(spec) = operator::SPECS.iter().find(|spec| spec.name == word)
        && is_operator
    {
        return Some(operator(spec));
    }
    let key = part.key(word)?;
    let below = SchemaPart::at(
        view.schemas.of(view.role),
        &[cursor.path.as_slice(), &[TreeStep::Key(word.to_owned())]].concat(),
    );
    let mut text = format!("**`{word}`**\n\n{}", key.description);
    let values = below.values();
    if !values.is_empty() {
        text.push_str(&format!("\n\nValues: `{}`", values.join("`, `")));
    }
    Some(text)
}

fn field(view: &FileView<'_>, known: &KnownField, event: &KnownEvent<'_>) -> String {
    let mut text = format!("**`{}`**: {}", known.path, known.field_type.describe());
    if let Some(values) = known.field_type.values() {
        text.push_str(&format!("\n\nValues: `{}`", values.join("`, `")));
    }
    if let Some(only) = &known.only {
        text.push_str(&format!("\n\n{only} only"));
    }
    if let Some(value) = sample_value(&known.path, &event.samples(view)) {
        text.push_str(&format!("\n\nExample: `{value}`"));
    }
    text
}

fn operator(spec: &OperatorSpec) -> String {
    let mut text = format!("**`{}`**\n\n{}", spec.name, spec.summary);
    let examples = spec.examples.iter().take(MAX_EXAMPLES);
    let lines = examples.map(|example| {
        let value = example.value.unwrap_or("absent");
        let verdict = example.verdict.describe();
        format!("{}: {}   # {value}: {verdict}", example.field, example.test)
    });
    let lines: Vec<String> = lines.collect();
    text.push_str(&format!("\n\n```yaml\n{}\n```", lines.join("\n")));
    text
}

fn event_type(known: &EventType) -> String {
    let mut text = format!("**`{}`**", known.name);
    if let Some(display) = &known.display {
        text.push_str(&format!(" ({display})"));
    }
    text.push_str(&format!("\n\n{}", known.summary));
    let own: Vec<&str> = known
        .fields
        .0
        .iter()
        .map(|(path, _)| path.as_str())
        .collect();
    if !own.is_empty() {
        text.push_str(&format!("\n\nIts own fields: `{}`", own.join("`, `")));
    }
    text
}

/// A filter, or a field.
fn in_template(view: &FileView<'_>, template: &str, event: &KnownEvent<'_>) -> Option<String> {
    let is_name = |c: char| c.is_alphanumeric() || "_.".contains(c);
    let start = template.rfind(|c| !is_name(c)).map_or(0, |index| index + 1);
    let name = template.get(start..)?;
    if template[..start].trim_end().ends_with('|') {
        let filter = filter::find(name)?;
        return Some(format!("**`{name}`**\n\n{}", filter.summary));
    }
    event.field(name).map(|known| field(view, &known, event))
}

/// What a name is the name of. A secret is described by where its value is, never by the value.
fn named(view: &FileView<'_>, offset: usize) -> Option<String> {
    let symbol = symbol_at(view, offset)?.symbol;
    let config = view.config();
    let name = &symbol.name;
    let text = match symbol.kind {
        SymbolKind::Connection => {
            config.connections.get(name)?;
            format!("Connection `{name}` of flowtrigger.yaml")
        }
        SymbolKind::Secret => {
            let default = SecretSource::default_for(name);
            let text = match config.secrets.get(name).unwrap_or(&default) {
                SecretSource::Env(variable) => format!("the environment variable `{variable}`"),
                SecretSource::File(path) => format!("the file `{}`", path.display()),
                SecretSource::Credential(name) => format!("the systemd credential `{name}`"),
            };
            format!("Secret `{name}`, read from {text}")
        }
        SymbolKind::Variable => match config.vars.get(name) {
            Some(value) => format!("Variable `{name}`\n\nIn flowtrigger.yaml: `{value}`"),
            None => format!("Variable `{name}`"),
        },
        SymbolKind::Schedule => {
            config.schedules.get(name)?;
            format!("Schedule `{name}` of flowtrigger.yaml")
        }
        SymbolKind::Flow => format!("Flow `{name}`"),
        SymbolKind::Source => {
            let known = config.sources.contains_key(name) || config.catalogue.has(name);
            known.then(|| format!("Source `{name}`"))?
        }
        SymbolKind::Rule | SymbolKind::Step | SymbolKind::BundleAction => return None,
    };
    Some(text)
}
