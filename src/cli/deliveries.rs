//! `deliveries`: lists what senders posted and what became of it, newest first. Rejected requests have their reason,
//! accepted ones their events. The database keeps a limited number of each, for a limited time.

use std::io::Write;
use std::num::NonZeroUsize;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use jiff::Timestamp;

use super::exit::Exit;
use crate::cli::daemon_state::flush_archive;
use crate::cli::options::{Format, GlobalOptions};
use crate::report::deliveries::json::row_json;
use crate::report::deliveries::row;
use crate::report::deliveries::row::describe_count;
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::document::versioned;
use crate::report::render::escape::plain;
use crate::report::render::message;
use crate::report::time_argument::{TimeArgument, seconds};
use crate::source::REASONS;
use crate::store::history::{DeliveryFilter, DeliveryTotals};
use crate::store::{DeliveryKind, History};
use flowtrigger_core::document::suggest::nearest;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger deliveries                                what senders posted, newest first
  flowtrigger deliveries --rejected --since -1h         what was rejected in the last hour
  flowtrigger deliveries --source desk --status 400     what desk sent that is no event
  flowtrigger deliveries --reason sender_stale          one reason, as the metrics name it

Requests are kept for 7 days, at most 50,000 accepted and 10,000 rejected ones, without headers
and bodies. Of many equal ones most are only counted.
Times are UTC. Exit codes: 0 success, 1 nothing was found.";

fn after_help() -> String {
    let mut lines = vec![String::new()];
    for reason in REASONS {
        let last = lines.last_mut().expect("a line");
        match last.len() + reason.len() < MAX_LINE {
            true => last.push_str(&format!(" {reason}")),
            false => lines.push(format!(" {reason}")),
        }
    }
    format!("{AFTER_HELP}\n\nReasons:\n {}", lines.join("\n "))
}

/// Characters of a line of the help.
const MAX_LINE: usize = 90;

/// List what senders posted and what became of it
#[derive(Debug, clap::Args)]
#[command(after_help = after_help())]
pub struct Args {
    /// Requests to this source: an entry of `sources`, or its event_source.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Requests that were answered with this status: 200, 400, 401.
    #[arg(long, value_name = "CODE", value_parser = status)]
    status: Option<u16>,
    /// Requests that were rejected for this reason, as the metrics name it, or for one of several: unsound,sender_stale.
    /// `sender_` may be left out.
    #[arg(long, value_name = "REASON", conflicts_with = "accepted", value_delimiter = ',', value_parser = reasons(), hide_possible_values = true)]
    reason: Vec<String>,
    /// Only rejected requests.
    #[arg(long, conflicts_with = "accepted")]
    rejected: bool,
    /// Only accepted requests.
    #[arg(long)]
    accepted: bool,
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

/// The reasons, with their short names as aliases.
fn reasons() -> impl TypedValueParser<Value = String> {
    let reasons =
        REASONS.map(|reason| PossibleValue::new(reason).aliases(reason.strip_prefix(SENDER)));
    PossibleValuesParser::new(reasons).map(|word| {
        let long = format!("{SENDER}{word}");
        match REASONS.contains(&long.as_str()) {
            true => long,
            false => word,
        }
    })
}

/// How the reasons begin that are about the sender.
const SENDER: &str = "sender_";

fn status(text: &str) -> Result<u16, String> {
    let help = "write a status code of HTTP: 200, 400";
    let status = text.parse().ok();
    status
        .filter(|status| (100..600).contains(status))
        .ok_or_else(|| help.to_owned())
}

impl Args {
    fn filter(&self, now: Timestamp) -> DeliveryFilter {
        DeliveryFilter {
            source: self.source.clone(),
            kind: match (self.accepted, self.rejected) {
                (true, _) => Some(DeliveryKind::Accepted),
                (false, true) => Some(DeliveryKind::Rejected),
                (false, false) => None,
            },
            status: self.status,
            reasons: self.reason.clone(),
            text: None,
            since: self.since.map(|since| since.from(now)),
            until: self.until.map(|until| until.from(now)),
            before: self.before,
        }
    }
}

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let history = global.history()?;
    let archive = flush_archive(&global.socket());
    let filter = args.filter(Timestamp::now());
    if let (Some(since), Some(until)) = (filter.since, filter.until)
        && since >= until
    {
        let error = format!(
            "`--since` is not before `--until`: {} and {}",
            seconds(since),
            seconds(until)
        );
        return Err(CommandError::usage(error).help("give the earlier time to `--since`"));
    }
    let limit = args.limit.get();
    let mut rows = history.deliveries(&filter, limit.saturating_add(1))?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    match args.format {
        Format::Json => rows
            .iter()
            .try_for_each(|row| writeln!(out, "{}", versioned(row_json(row))))?,
        Format::Text if rows.is_empty() => {
            writeln!(out, "{}", describe_nothing(&filter, &*history)?)?;
        }
        Format::Text => {
            row::table(&rows).write(out)?;
            let totals = history.delivery_totals(&filter)?;
            write!(out, "\n{}", describe_totals(&totals, filter.kind))?;
            match filter.before {
                Some(before) => writeln!(out, "; all older than request {before}")?,
                None => writeln!(out)?,
            }
            if let Some(note) = describe_outside(&totals) {
                writeln!(out, "{note}")?;
            }
            if let Some(last) = rows.last().filter(|_| more) {
                let last = last.delivery.id.0;
                writeln!(
                    out,
                    "older requests: add `--before {last}`, or a larger `--limit`"
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

/// How many requests the filter selects, rejected ones first.
fn describe_totals(totals: &DeliveryTotals, kind: Option<DeliveryKind>) -> String {
    let rejected = describe_count(&totals.rejected, "rejected request");
    let accepted = describe_count(&totals.accepted, "accepted request");
    match (totals.rejected.listed, totals.accepted.listed) {
        (0, _) => accepted,
        (_, 0) => rejected,
        (_, _) if kind.is_some() => format!("{rejected}, {accepted}"),
        (_, _) => format!("{rejected}, {accepted}; `--rejected` lists the rejected ones only"),
    }
}

/// Says that requests which were counted together may have been received outside the time that was asked for.
fn describe_outside(totals: &DeliveryTotals) -> Option<String> {
    let outside = totals.accepted.perhaps_outside + totals.rejected.perhaps_outside;
    (outside > 0).then(|| {
        format!(
            "up to {} of those that are only counted were received before or after the time that was asked for",
            row::grouped(outside)
        )
    })
}

const KEPT: &str = "they are kept for 7 days, at most 50,000 accepted and 10,000 rejected ones";

fn describe_nothing(
    filter: &DeliveryFilter,
    history: &dyn History,
) -> Result<String, CommandError> {
    let totals = history.delivery_totals(&DeliveryFilter::default())?;
    let oldest = [DeliveryKind::Accepted, DeliveryKind::Rejected]
        .into_iter()
        .filter_map(|kind| totals.of(kind).oldest)
        .min();
    let Some(oldest) = oldest else {
        return Ok(format!("no request is stored; {KEPT}"));
    };
    let similar = similar_source(filter, history)?;
    Ok(format!(
        "no such request is stored; there are {} and {}, the oldest of {}{}",
        describe_count(&totals.rejected, "rejected request"),
        describe_count(&totals.accepted, "accepted request"),
        seconds(oldest),
        similar.unwrap_or_default()
    ))
}

/// The source that was probably meant, if no entry has the name.
fn similar_source(
    filter: &DeliveryFilter,
    history: &dyn History,
) -> Result<Option<String>, CommandError> {
    let (Some(asked), Some(config)) = (&filter.source, history.latest_config()?) else {
        return Ok(None);
    };
    let known = config.sources.values();
    let known = known.flat_map(|entry| [entry.name.as_str(), entry.source()]);
    let near = nearest(asked, known).filter(|near| near != asked);
    Ok(near.map(|near| format!("; did you mean `--source {}`?", plain(near))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::history::DeliveryCount;

    fn count(listed: u64, omitted: u64) -> DeliveryCount {
        DeliveryCount {
            listed,
            omitted,
            perhaps_outside: 0,
            oldest: None,
        }
    }

    #[test]
    fn totals_name_rejected_requests_first_and_what_was_only_counted() {
        let totals = |rejected, accepted| DeliveryTotals { rejected, accepted };
        for (totals, expected) in [
            (totals(count(0, 0), count(1, 0)), "1 accepted request"),
            (
                totals(count(3, 1_234), count(0, 0)),
                "1,237 rejected requests, 1,234 of them only counted",
            ),
            (
                totals(count(1, 0), count(2, 0)),
                "1 rejected request, 2 accepted requests; `--rejected` lists the rejected ones only",
            ),
        ] {
            assert_eq!(describe_totals(&totals, None), expected);
        }
    }
}
