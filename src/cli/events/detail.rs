//! Prints one event type in full: its names, all fields that its rules can read, and a sample.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::cli::events::sample::{SampleOrigin, TypeSample};
use crate::cli::options::Format;
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::document::versioned;
use crate::report::render::table::Table;
use flowtrigger_core::event::catalogue::Catalogue;
use flowtrigger_core::event::catalogue::event_type::{EventType, FieldInfo};

pub fn write(
    event_type: &EventType,
    catalogue: &Catalogue,
    format: Format,
    out: &mut Output,
) -> Result<(), CommandError> {
    let sample = TypeSample::new(event_type, catalogue);
    match format {
        Format::Json => writeln!(
            out,
            "{:#}",
            versioned(type_json(event_type, sample.as_ref()))
        )?,
        Format::Text => text(event_type, sample.as_ref(), out)?,
    }
    Ok(())
}

/// The type as in the configuration, with all fields and the sample.
fn type_json(event_type: &EventType, sample: Option<&TypeSample>) -> Value {
    let mut value = json!(event_type);
    value["fields"] = json!(event_type.fields());
    value["sample"] = sample
        .and_then(|sample| serde_json::from_str(&sample.text).ok())
        .unwrap_or(Value::Null);
    value
}

fn text(event_type: &EventType, sample: Option<&TypeSample>, out: &mut Output) -> io::Result<()> {
    writeln!(out, "{}", event_type.name)?;
    writeln!(out, "  {}\n", event_type.summary)?;
    names(event_type).write(out)?;
    writeln!(out)?;
    fields(event_type).write(out)?;
    if event_type.open {
        writeln!(
            out,
            "\n  Events of this type may hold fields that are not listed."
        )?;
    }
    match sample {
        Some(sample) => write_sample(sample, out),
        None => Ok(()),
    }
}

fn names(event_type: &EventType) -> Table {
    let mut table = Table::default();
    table.row(["event_source", &event_type.source]);
    table.row(["event_type", &event_type.name]);
    if let Some(display) = &event_type.display {
        table.row(["display name", display]);
    }
    if let Some(webhook) = &event_type.webhook {
        table.row(["event webhook", &format!("zen:event-type:{webhook}")]);
    }
    for code in &event_type.codes {
        table.row(["hook code", code]);
    }
    table.row(["groups", &event_type.groups.join(", ").replace('_', " ")]);
    table
}

fn fields(event_type: &EventType) -> Table {
    let own = event_type.fields.0.len();
    let all = event_type.fields();
    let (own, shared) = all.split_at(own.min(all.len()));
    let mut table = Table::default();
    if !own.is_empty() {
        table.heading("its own fields");
        own.iter().for_each(|field| table.row(row(field)));
    }
    table.heading("fields of every such event");
    shared.iter().for_each(|field| table.row(row(field)));
    table
}

fn row(field: &FieldInfo) -> [String; 3] {
    let values = field.field_type.values().map(|values| values.join(", "));
    let only = field.only.as_ref().map(|formats| format!("{formats} only"));
    [
        field.path.clone(),
        field.field_type.name(),
        [values, only]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("; "),
    ]
}

fn write_sample(sample: &TypeSample, out: &mut Output) -> io::Result<()> {
    let origin = match sample.origin {
        SampleOrigin::Shipped => format!("sample, {}", sample.file),
        SampleOrigin::Derived => format!("sample, made from {}", sample.file),
    };
    writeln!(out, "\n{origin}")?;
    for line in sample.text.lines() {
        writeln!(out, "  {line}")?;
    }
    Ok(())
}
