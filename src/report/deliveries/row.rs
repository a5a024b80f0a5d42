//! A request as a line of a table, and as a sentence.

use crate::report::render::color::Tone;
use crate::report::render::diagnostics::{self, number};
use crate::report::render::escape::plain;
use crate::report::render::table::Table;
use crate::report::time_argument::seconds;
use crate::store::history::{DeliveryCount, DeliveryMatch, DeliveryRow, EventDeliveryRow};
use crate::store::{DeliveredEvents, Delivery, DeliveryKind, DeliveryOutcome};

/// The requests as a table with column names. Rejected ones are red on a terminal.
pub fn table(rows: &[DeliveryRow]) -> Table {
    let mut table = Table::default();
    table.row([
        "ID", "RECEIVED", "SOURCE", "REQUEST", "FROM", "SIZE", "STATUS", "RESULT", "DETAIL",
    ]);
    for row in rows {
        let delivery = &row.delivery;
        let cells = [
            delivery.id.0.to_string(),
            seconds(delivery.received),
            delivery.endpoint.as_deref().unwrap_or_default().to_owned(),
            request(delivery),
            delivery
                .peer
                .map(|peer| peer.to_string())
                .unwrap_or_default(),
            delivery
                .size
                .map(|size| size.to_string())
                .unwrap_or_default(),
            delivery.status.to_string(),
            delivery.reason().unwrap_or("accepted").to_owned(),
            describe(row),
        ];
        match delivery.kind() {
            DeliveryKind::Accepted => table.row(cells),
            DeliveryKind::Rejected => table.row_in(Tone::Red, cells),
        }
    }
    table
}

/// The method and the path. Empty if the request could not be read.
fn request(delivery: &Delivery) -> String {
    format!("{} {}", delivery.method, delivery.path)
        .trim()
        .to_owned()
}

/// What became of it, and how many like it followed.
pub fn describe(row: &DeliveryRow) -> String {
    let outcome = match &row.delivery.outcome {
        DeliveryOutcome::Accepted(events) => describe_events(events),
        DeliveryOutcome::Rejected { detail, .. } => detail.clone(),
    };
    format!("{outcome}{}", describe_omitted(row))
}

/// `; and 1,234 more accepted requests until 2026-01-07T09:05:10Z`: what became of their events is not known.
fn describe_omitted(row: &DeliveryRow) -> String {
    if row.omitted == 0 {
        return String::new();
    }
    let until = row.omitted_until;
    let until = until.map(|until| format!(" until {}", seconds(until)));
    let more = match row.delivery.kind() {
        DeliveryKind::Accepted => number(
            usize::try_from(row.omitted).unwrap_or(usize::MAX),
            "more accepted request",
        ),
        DeliveryKind::Rejected => format!("{} more for the same reason", grouped(row.omitted)),
    };
    format!("; and {more}{}", until.unwrap_or_default())
}

fn describe_events(events: &DeliveredEvents) -> String {
    let DeliveredEvents {
        count,
        matched,
        redelivered,
        differed,
        first,
    } = events;
    if *count == 1 {
        let what = match (matched, redelivered, differed) {
            (1.., _, _) => "matched",
            (0, 1.., 1..) => "redelivered with another body, for which nothing ran",
            (0, 1.., 0) => "redelivered",
            (0, 0, _) => "no rule matched",
        };
        return format!("event {}, {what}", plain(first));
    }
    let size = usize::try_from(*count).unwrap_or(usize::MAX);
    let mut parts = vec![format!("{} matched", grouped(*matched))];
    if *redelivered > 0 {
        parts.push(format!("{} redelivered", grouped(*redelivered)));
    }
    if *differed > 0 {
        parts.push(format!("{} of them with another body", grouped(*differed)));
    }
    format!(
        "{}, {}; the first is {}",
        number(size, "event"),
        parts.join(", "),
        plain(first)
    )
}

/// A rejected request as a sentence: what was sent where and when, and what was wrong.
pub fn sentence(row: &DeliveryRow) -> String {
    let delivery = &row.delivery;
    let target = match (&delivery.endpoint, request(delivery)) {
        (Some(endpoint), _) => format!(" to `{}`", plain(endpoint)),
        (None, request) if request.is_empty() => String::new(),
        (None, request) => format!(" `{}`", plain(&request)),
    };
    let peer = delivery.peer.map(|peer| format!(" from {peer}"));
    format!(
        "a request{target}{} was rejected at {}: {}",
        peer.unwrap_or_default(),
        seconds(delivery.received),
        plain(&describe(row))
    )
}

/// The request that delivered an event, as a sentence.
pub fn describe_delivery(delivered: &EventDeliveryRow) -> String {
    match &delivered.request {
        DeliveryMatch::Listed(row) => {
            let delivery = &row.delivery;
            let peer = delivery.peer.map(|peer| format!(" from {peer}"));
            let size = delivery.size.and_then(|size| usize::try_from(size).ok());
            let size = size.map(|size| format!(", {}", number(size, "byte")));
            format!(
                "delivered by request {}{}{}{}",
                delivery.id.0,
                peer.unwrap_or_default(),
                size.unwrap_or_default(),
                describe_position(delivered.index, delivery)
            )
        }
        DeliveryMatch::Counted(row) => format!(
            "delivered by one of {} that were only counted, with request {}",
            number(
                usize::try_from(row.omitted).unwrap_or(usize::MAX),
                "request"
            ),
            row.delivery.id.0
        ),
    }
}

/// `, event 3 of 10`, counted from 1.
fn describe_position(index: Option<u64>, delivery: &Delivery) -> String {
    match (index, &delivery.outcome) {
        (Some(index), DeliveryOutcome::Accepted(events)) => {
            format!(
                ", event {} of {}",
                grouped(index + 1),
                grouped(events.count)
            )
        }
        (Some(_), DeliveryOutcome::Rejected { .. }) | (None, _) => String::new(),
    }
}

/// `3 rejected requests`, or `1,237 rejected requests, 1,234 of them only counted`.
pub fn describe_count(count: &DeliveryCount, noun: &str) -> String {
    let size = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let all = number(size(count.all()), noun);
    match count.omitted {
        0 => all,
        omitted => format!("{all}, {} of them only counted", grouped(omitted)),
    }
}

/// `1,234`.
pub fn grouped(count: u64) -> String {
    diagnostics::grouped(usize::try_from(count).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::store::conformance::history::deliveries::{accepted, rejected};

    fn row(delivery: Delivery, omitted: u64) -> DeliveryRow {
        DeliveryRow {
            delivery,
            omitted,
            omitted_until: (omitted > 0).then_some(Timestamp::UNIX_EPOCH),
        }
    }

    #[test]
    fn requests_that_were_only_counted_are_said_with_their_like() {
        let unsound = row(rejected("desk", 400, "unsound"), 1_234);
        assert_eq!(
            describe(&unsound),
            "not JSON: line 1, column 44; and 1,234 more for the same reason until 1970-01-01T00:00:00Z"
        );
        assert_eq!(
            sentence(&row(unsound.delivery, 0)),
            "a request to `desk` from 192.0.2.1 was rejected at 2027-01-15T08:00:00Z: not JSON: line 1, column 44"
        );
    }

    #[test]
    fn accepted_requests_that_were_only_counted_are_not_described_by_the_listed_one() {
        let unmatched = row(accepted("desk", "e1"), 69);
        assert_eq!(
            describe(&unmatched),
            "event e1, matched; and 69 more accepted requests until 1970-01-01T00:00:00Z"
        );
    }

    #[test]
    fn a_known_id_with_another_body_is_told_apart() {
        let mut repeat = accepted("desk", "e1");
        for (differed, expected) in [
            (0, "event e1, redelivered"),
            (
                1,
                "event e1, redelivered with another body, for which nothing ran",
            ),
        ] {
            repeat.outcome = DeliveryOutcome::Accepted(DeliveredEvents {
                count: 1,
                matched: 0,
                redelivered: 1,
                differed,
                first: "e1".into(),
            });
            assert_eq!(describe(&row(repeat.clone(), 0)), expected);
        }
    }

    #[test]
    fn an_event_names_its_request_and_its_place() {
        let mut delivery = accepted("desk", "e1");
        delivery.outcome = DeliveryOutcome::Accepted(DeliveredEvents {
            count: 10,
            matched: 4,
            redelivered: 1,
            differed: 1,
            first: "e1".into(),
        });
        let listed = row(delivery, 0);
        assert_eq!(
            describe(&listed),
            "10 events, 4 matched, 1 redelivered, 1 of them with another body; the first is e1"
        );
        let third = |request| EventDeliveryRow {
            index: Some(2),
            request,
        };
        assert_eq!(
            describe_delivery(&third(DeliveryMatch::Listed(listed))),
            "delivered by request 0 from 192.0.2.1, 1,204 bytes, event 3 of 10"
        );
        assert_eq!(
            describe_delivery(&third(DeliveryMatch::Counted(row(
                accepted("desk", "e"),
                7
            )))),
            "delivered by one of 7 requests that were only counted, with request 0"
        );
    }
}
