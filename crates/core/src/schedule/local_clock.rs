//! The clock of a zone as business hours see it: it never goes back, and times that it skips come at once.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// The furthest time that a clock in the zone has shown until `at`. It differs from the civil time only while a clock
/// repeats a time, after it was set back.
pub fn furthest(zone: &TimeZone, at: Timestamp) -> DateTime {
    let shown = zone.to_datetime(at);
    let AmbiguousOffset::Fold { before, after } = zone.to_ambiguous_timestamp(shown).offset()
    else {
        return shown;
    };
    if zone.to_offset(at) != after {
        return shown;
    }
    let changes = zone.preceding(at.checked_add(INSTANT).unwrap_or(at));
    let mut shown_last = changes
        .take(CHANGES)
        .filter_map(|change| change.timestamp().checked_sub(INSTANT).ok());
    // The last time that was shown before the clock was set back.
    let last = shown_last.find(|last| zone.to_offset(*last) == before);
    last.map_or(shown, |last| before.to_datetime(last).max(shown))
}

/// The first time at which a clock in the zone shows `local` or a later time. `None` beyond the last timestamp.
pub fn first_at(zone: &TimeZone, local: DateTime) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(local).ok(),
        AmbiguousOffset::Gap { before, after } => {
            // Read with the later offset, the time is before the gap.
            let earlier = after.to_timestamp(local).ok()?;
            let mut next = zone.following(earlier).take(CHANGES);
            let set = next.find(|change| change.offset() == after);
            set.map_or_else(
                || before.to_timestamp(local).ok(),
                |set| Some(set.timestamp()),
            )
        }
    }
}

/// How many changes of a zone are looked at for the one that repeats or skips a time: others at most rename the zone.
const CHANGES: usize = 4;

/// The shortest time.
const INSTANT: SignedDuration = SignedDuration::from_nanos(1);
