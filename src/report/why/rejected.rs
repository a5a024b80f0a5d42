//! The rejected requests that may have held an event: near the time that was asked for, or the newest ones.

use std::io::{self, Write};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::report::deliveries::json::row_json;
use crate::report::deliveries::row::{describe_count, grouped, sentence};
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::diagnostics::number;
use crate::report::render::escape::plain;
use crate::report::time_argument::seconds;
use crate::store::history::{DeliveryCount, DeliveryFilter, DeliveryRow};
use crate::store::{DeliveryKind, History};

/// Rejected requests that are listed.
const MAX_LISTED: usize = 5;
/// Those that are read to find the nearest ones.
const MAX_READ: usize = 1_000;
/// How far from the time that was asked for.
const MAX_DISTANCE: SignedDuration = SignedDuration::from_hours(1);

/// Rejected requests, and how many there are.
pub struct RejectedRequests {
    count: DeliveryCount,
    at: Option<Timestamp>,
    listed: Vec<DeliveryRow>,
}

impl RejectedRequests {
    /// The newest ones, or those nearest to a time and at most an hour away; to one source, or to all.
    pub fn read(
        history: &dyn History,
        source: Option<&str>,
        at: Option<Timestamp>,
    ) -> Result<Self, CommandError> {
        let shifted = |by: SignedDuration| at.and_then(|at| at.checked_add(by).ok());
        let filter = DeliveryFilter {
            source: source.map(str::to_owned),
            kind: Some(DeliveryKind::Rejected),
            since: shifted(-MAX_DISTANCE),
            until: shifted(MAX_DISTANCE),
            ..DeliveryFilter::default()
        };
        let mut listed = match at {
            Some(_) => history.deliveries(&filter, MAX_READ)?,
            None => history.deliveries(&filter, MAX_LISTED)?,
        };
        if let Some(at) = at {
            listed.sort_by_key(|row| distance(row, at));
            listed.truncate(MAX_LISTED);
        }
        Ok(Self {
            count: history.delivery_totals(&filter)?.rejected,
            at,
            listed,
        })
    }

    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// How many there are, in one line, with the command that lists them.
    pub fn describe(&self) -> String {
        match (self.at, self.count.oldest) {
            (None, Some(_)) => format!(
                "{}; `flowtrigger deliveries --rejected` lists them",
                self.sentence()
            ),
            (_, _) => self.sentence(),
        }
    }

    /// How many there are, in one line.
    pub fn sentence(&self) -> String {
        let count = describe_count(&self.count, "rejected request");
        let outside = match self.count.perhaps_outside {
            0 => String::new(),
            outside => format!(
                "; up to {} of those that are only counted were received earlier or later",
                grouped(outside)
            ),
        };
        match (self.at, self.count.oldest) {
            (None, None) => {
                "no rejected request is stored; they are kept for 7 days, at most 10,000".into()
            }
            (Some(at), None) => format!(
                "no rejected request within an hour of {} is stored; they are kept for 7 days, at most 10,000",
                seconds(at)
            ),
            (None, Some(oldest)) => format!(
                "{count} since {}, and one of them may have held it",
                seconds(oldest)
            ),
            (Some(at), Some(_)) => format!(
                "{count} within an hour of {}, and one of them may have held it{outside}",
                seconds(at)
            ),
        }
    }

    /// The newest or nearest ones, one per line.
    pub fn write(&self, indent: &str, out: &mut Output) -> io::Result<()> {
        self.listed
            .iter()
            .try_for_each(|row| writeln!(out, "{indent}{}", sentence(row)))
    }

    /// The newest or nearest ones, the same as in the text.
    pub fn listed(&self) -> &[DeliveryRow] {
        &self.listed
    }

    pub fn json(&self) -> Value {
        json!({
            "count": self.count.all(),
            "omitted": self.count.omitted,
            "perhaps_outside": self.count.perhaps_outside,
            "oldest": self.count.oldest.map(|oldest| oldest.to_string()),
            "newest": self.listed.iter().map(row_json).collect::<Vec<_>>(),
        })
    }
}

/// How far a request is from a time, or the nearest of those that are counted with it.
fn distance(row: &DeliveryRow, at: Timestamp) -> SignedDuration {
    let first = row.delivery.received;
    let last = row.omitted_until.unwrap_or(first).max(first);
    at.clamp(first, last).duration_since(at).abs()
}

/// The requests to a source that were rejected after an event, as one line; `None` if there is none.
pub fn rejected_since(
    history: &dyn History,
    source: &str,
    received: Timestamp,
) -> Result<Option<String>, CommandError> {
    let filter = DeliveryFilter {
        source: Some(source.to_owned()),
        kind: Some(DeliveryKind::Rejected),
        since: Some(received),
        ..DeliveryFilter::default()
    };
    let newest = history.deliveries(&filter, 1)?.pop();
    let Some(newest) = newest else {
        return Ok(None);
    };
    let count = history.delivery_totals(&filter)?.rejected;
    let all = usize::try_from(count.all()).unwrap_or(usize::MAX);
    let verb = if all == 1 { "was" } else { "were" };
    let bound = match count.perhaps_outside {
        0 => "",
        _ => "up to ",
    };
    Ok(Some(format!(
        "after this event, {bound}{} to `{}` {verb} rejected; the newest: {}",
        number(all, "request"),
        plain(source),
        sentence(&newest)
    )))
}
