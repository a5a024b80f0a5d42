//! Prints the catalogue as a list: one row per type, by source and group.
//! A type of several groups is listed in its first group.

use std::io::Write;

use crate::cli::options::Format;
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::diagnostics::number;
use crate::report::render::table::Table;
use flowtrigger_core::event::catalogue::event_type::EventType;
use serde_json::json;

pub fn write(types: &[&EventType], format: Format, out: &mut Output) -> Result<(), CommandError> {
    match format {
        Format::Json => writeln!(out, "{:#}", json!(types))?,
        Format::Text => text(types, out)?,
    }
    Ok(())
}

fn text(types: &[&EventType], out: &mut Output) -> Result<(), CommandError> {
    for source in distinct(types.iter().map(|t| t.source.as_str())) {
        let types: Vec<&EventType> = types
            .iter()
            .copied()
            .filter(|t| t.source == source)
            .collect();
        table(&types).write(out)?;
        writeln!(out)?;
    }
    let count = number(types.len(), "type");
    writeln!(
        out,
        "{count}: name, display name, webhook name or hook code, own fields."
    )?;
    writeln!(
        out,
        "`flowtrigger events TYPE` shows all fields of one and a sample."
    )?;
    Ok(())
}

/// The types of one source by their groups.
fn table(types: &[&EventType]) -> Table {
    let mut table = Table::default();
    for group in distinct(types.iter().map(|t| group(t))) {
        let members = || types.iter().filter(|t| self::group(t) == group);
        let source = members().next().map_or("", |t| &t.source);
        table.heading(format!("{source}: {}", group.replace('_', " ")));
        members().for_each(|event_type| table.row(row(event_type)));
    }
    table
}

fn row(event_type: &EventType) -> [String; 4] {
    let code = event_type.codes.first();
    let other = event_type.webhook.as_ref().or(code);
    let own = event_type.fields.0.iter().map(|(path, _)| path.as_str());
    [
        event_type.name.clone(),
        event_type.display.clone().unwrap_or_default(),
        other.cloned().unwrap_or_default(),
        own.collect::<Vec<_>>().join(", "),
    ]
}

fn group(event_type: &EventType) -> &str {
    let first = event_type.groups.first().map(String::as_str);
    first.unwrap_or(event_type.family())
}

/// The distinct values, in the order of first appearance.
fn distinct<'a>(values: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut distinct = Vec::new();
    for value in values {
        if !distinct.contains(&value) {
            distinct.push(value);
        }
    }
    distinct
}
