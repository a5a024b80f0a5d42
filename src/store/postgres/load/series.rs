//! What counts and sequences ask about: their values, and the events that they keep.

use super::{Loading, Rows};
use crate::store::postgres::cell::{COUNTED_EVENTS, COUNTED_VALUES};
use crate::store::postgres::scope::{BatchScope, SeriesScope};
use crate::store::postgres::session::Param;
use flowtrigger_core::gate::series::MAX_SERIES_EVENTS;
use flowtrigger_core::gate::series::check::SeriesCheck;

/// The events of a batch that count for one value.
struct ValueOfBatch {
    queue: i64,
    value: String,
    first: i64,
    /// Each event is not older than the one before it.
    is_sorted: bool,
    last: i64,
    events: i64,
    within: i64,
    settle_after: i64,
}

/// Without the older events of a value, if the batch has only newer ones.
pub fn add_series(loading: &mut Loading, scope: &BatchScope) {
    let mut values: Vec<ValueOfBatch> = Vec::new();
    for asked in &scope.series {
        add(&mut values, asked);
    }
    if values.is_empty() {
        return;
    }
    let numbers = |number: fn(&ValueOfBatch) -> i64| Param::ints(values.iter().map(number));
    let names = || Param::texts(values.iter().map(|of| &of.value));
    loading.add(
        Rows::Of(&COUNTED_VALUES),
        &format!(
            "SELECT {} FROM unnest($1::bigint[], $2::text[]) AS wanted(queue, value)
             JOIN counted_values AS k ON k.queue = wanted.queue AND k.value = wanted.value FOR UPDATE OF k",
            COUNTED_VALUES.list("k.")
        ),
        vec![numbers(|of| of.queue), names()],
    );
    loading.add(
        Rows::Of(&COUNTED_EVENTS),
        &format!(
            "SELECT {} FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
                 $7::bigint[]) AS wanted(queue, value, sorted, first, since, whole_before, events)
             JOIN counted_values AS k ON k.queue = wanted.queue AND k.value = wanted.value
             JOIN counted_events AS e ON e.queue = k.queue AND e.value = k.value AND e.time >= CASE
                 WHEN wanted.sorted = 1 AND k.newest <= wanted.first AND k.oldest >= wanted.whole_before
                     AND k.events + wanted.events < {MAX_SERIES_EVENTS}
                 THEN greatest(wanted.since, k.ends) ELSE k.floor END",
            COUNTED_EVENTS.list("e.")
        ),
        vec![
            numbers(|of| of.queue),
            names(),
            numbers(|of| of.is_sorted.into()),
            numbers(|of| of.first),
            numbers(|of| of.first.saturating_sub(of.within)),
            numbers(|of| of.last.saturating_sub(of.settle_after)),
            numbers(|of| of.events),
        ],
    );
}

fn add(values: &mut Vec<ValueOfBatch>, asked: &SeriesScope) {
    let Some(check) = SeriesCheck::from_gate_check(&asked.check) else {
        return;
    };
    let (queue, value) = (asked.queue, check.key());
    let time = check.time(asked.received).as_microsecond();
    let mut known = values.iter_mut();
    match known.find(|of| of.queue == queue && of.value == value) {
        Some(of) => {
            of.is_sorted &= time >= of.last;
            of.last = of.last.max(time);
            of.events += 1;
        }
        None => values.push(ValueOfBatch {
            queue,
            value,
            first: time,
            is_sorted: true,
            last: time,
            events: 1,
            within: check.series.within,
            settle_after: check.series.settle_after(),
        }),
    }
}
