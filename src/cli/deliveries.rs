//! `deliveries`: lists the requests that were rejected, newest first, with the reason of each.
//! The database keeps a limited number of them, for a limited time, and nothing of their bodies.

use std::io::Write;
use std::num::NonZeroUsize;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::exit::{CommandError, Exit};
use super::output::Output;
use crate::cli::daemon_state::ArchiveState;
use crate::cli::options::{Format, GlobalOptions};
use crate::cli::render::message;
use crate::cli::render::table::Table;
use crate::cli::time_argument::{TimeArgument, seconds};
use crate::store::history::{DeliveryFilter, DeliveryRange, DeliveryRow};

const AFTER_HELP: &str = "\
Examples:
  flowtrigger deliveries                             the newest rejected requests
  flowtrigger deliveries --source desk --since -1h   those of one source in the last hour
  flowtrigger deliveries --reason unsound            bodies that are not JSON, or not an event

Rejected requests are kept for 7 days, at most 10,000, without headers and bodies.
Times are UTC. Exit codes: 0 success, 1 nothing was found.";

/// List the requests that were rejected, with the reasons
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Requests to this source.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Requests that were rejected for this reason, as the metrics name it: unsound, sender_stale.
    #[arg(long, value_name = "REASON")]
    reason: Option<String>,
    /// Requests received at this time or later: 2026-01-07T09:02 in UTC, or -2h.
    #[arg(long, value_name = "TIME", value_parser = TimeArgument::parse, allow_hyphen_values = true)]
    since: Option<TimeArgument>,
    /// Requests received before this time.
    #[arg(long, value_name = "TIME", value_parser = TimeArgument::parse, allow_hyphen_values = true)]
    until: Option<TimeArgument>,
    /// Maximum number of requests.
    #[arg(long, value_name = "N", default_value = "50", value_parser = super::runs::count)]
    limit: NonZeroUsize,
    /// Only requests older than this one, for the next page.
    #[arg(long, value_name = "ID")]
    before: Option<u64>,
    /// Output format; json prints one line per request.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let history = global.history()?;
    let archive = ArchiveState::flush(&global.socket());
    let now = Timestamp::now();
    let filter = DeliveryFilter {
        source: args.source,
        reason: args.reason,
        since: args.since.map(|since| since.from(now)),
        until: args.until.map(|until| until.from(now)),
        before: args.before,
    };
    let limit = args.limit.get();
    let mut rows = history.deliveries(&filter, limit.saturating_add(1))?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    match args.format {
        Format::Json => rows
            .iter()
            .try_for_each(|row| writeln!(out, "{}", row_json(row)))?,
        Format::Text if rows.is_empty() => {
            let range = history.delivery_range()?;
            writeln!(out, "{}", describe_nothing(&range))?;
        }
        Format::Text => {
            table(&rows).write(out)?;
            if let Some(last) = rows.last().filter(|_| more) {
                let last = last.id;
                writeln!(
                    out,
                    "\nolder requests: add `--before {last}`, or a larger `--limit`"
                )?;
            }
        }
    }
    if let Some(note) = archive.note() {
        out.flush()?;
        let mut stderr = Output::stderr(global.color);
        message::note(&mut stderr, &note, None)?;
        stderr.finish()?;
    }
    Ok(match rows.is_empty() {
        true => Exit::Negative,
        false => Exit::Fine,
    })
}

fn describe_nothing(range: &DeliveryRange) -> String {
    match range.oldest {
        Some(oldest) => format!(
            "no such rejected request is stored; there are {}, the oldest of {}",
            range.count,
            seconds(oldest)
        ),
        None => "no rejected request is stored; they are kept for 7 days, at most 10,000".into(),
    }
}

/// The requests as a table with column names.
pub fn table(rows: &[DeliveryRow]) -> Table {
    let mut table = Table::default();
    table.row([
        "ID", "RECEIVED", "SOURCE", "REQUEST", "FROM", "SIZE", "STATUS", "REASON", "DETAIL",
    ]);
    for row in rows {
        let delivery = &row.delivery;
        let request = format!("{} {}", delivery.method, delivery.path);
        table.row([
            row.id.to_string(),
            seconds(delivery.received),
            delivery.source.as_deref().unwrap_or_default().to_owned(),
            request.trim().to_owned(),
            delivery
                .peer
                .map(|peer| peer.to_string())
                .unwrap_or_default(),
            delivery
                .size
                .map(|size| size.to_string())
                .unwrap_or_default(),
            delivery.status.to_string(),
            delivery.reason.clone(),
            describe(row),
        ]);
    }
    table
}

/// What is wrong, and how many requests before this one were not kept.
fn describe(row: &DeliveryRow) -> String {
    match row.omitted {
        0 => row.delivery.detail.clone(),
        omitted => format!(
            "{}; {omitted} rejected requests before it were not kept",
            row.delivery.detail
        ),
    }
}

/// A rejected request as JSON, the same for every command. [`schema`] describes it.
pub fn row_json(row: &DeliveryRow) -> Value {
    let delivery = &row.delivery;
    json!({
        "id": row.id,
        "received": delivery.received.to_string(),
        "source": delivery.source.as_deref(),
        "method": delivery.method,
        "path": delivery.path,
        "peer": delivery.peer.map(|peer| peer.to_string()),
        "reason": delivery.reason,
        "status": delivery.status,
        "size": delivery.size,
        "detail": delivery.detail,
        "omitted_before": row.omitted,
    })
}

/// The JSON Schema of one line of the JSON output.
pub fn schema() -> Value {
    let text = |description: &str| json!({"type": "string", "description": description});
    let maybe =
        |kind: &str, description: &str| json!({"type": [kind, "null"], "description": description});
    let number =
        |description: &str| json!({"type": "integer", "minimum": 0, "description": description});
    let properties = json!({
        "id": number("Counts up; `--before` takes it."),
        "received": {"type": "string", "format": "date-time", "description": "When the request was rejected, in UTC."},
        "source": maybe("string", "The source at its path, if there is one."),
        "method": text("The HTTP method. Empty if the request could not be read."),
        "path": text("The path without the query, shortened. Empty if the request could not be read."),
        "peer": maybe("string", "The address of the sender, if it is known."),
        "reason": text("The reason, as in the metric `flowtrigger_requests_refused_total`."),
        "status": number("The status code of the answer."),
        "size": maybe("integer", "Bytes of the body, if the sender announced them."),
        "detail": text("What is wrong, in one sentence."),
        "omitted_before": number("Rejected requests just before this one that were not kept, because there were too many."),
    });
    let required: Vec<&String> = properties
        .as_object()
        .into_iter()
        .flat_map(|map| map.keys())
        .collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A rejected request, one line of `flowtrigger deliveries --format json`",
        "type": "object",
        "required": required,
        "additionalProperties": false,
        "properties": properties,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::RejectedDelivery;

    fn row() -> DeliveryRow {
        DeliveryRow {
            id: 3,
            delivery: RejectedDelivery {
                received: Timestamp::UNIX_EPOCH,
                source: Some("desk".into()),
                method: "POST".into(),
                path: "/events/desk".into(),
                peer: "192.0.2.1".parse().ok(),
                reason: "unsound".into(),
                status: 400,
                size: Some(12),
                detail: "invalid JSON".into(),
            },
            omitted: 2,
        }
    }

    #[test]
    fn the_schema_names_every_field_of_a_line() {
        let (line, schema) = (row_json(&row()), schema());
        let fields: Vec<&String> = line.as_object().unwrap().keys().collect();
        let described = schema["properties"].as_object().unwrap();
        assert_eq!(fields, described.keys().collect::<Vec<_>>());
        for (name, value) in line.as_object().unwrap() {
            let kinds = described[name]["type"].to_string();
            let kind = match value {
                Value::String(_) => "string",
                Value::Number(_) => "integer",
                other => panic!("{name}: {other}"),
            };
            assert!(kinds.contains(kind), "{name}: {kinds}");
        }
    }

    #[test]
    fn omitted_requests_are_said_beside_the_next_one() {
        let text = describe(&row());
        assert_eq!(
            text,
            "invalid JSON; 2 rejected requests before it were not kept"
        );
    }
}
