//! The numbers of minutes are kept, in order, and those of one minute are added up.

use super::{later, now};
use crate::store::{History, Minute, Percentiles, Store};

fn minute(seconds: i64, matched: u64) -> Minute {
    Minute {
        minute: Minute::number_of(later(seconds)),
        matched,
        failed: 2,
        attempts: Some(Percentiles { p50: 10, p99: 40 }),
        runs: [("queued".to_owned(), matched)].into(),
        ..Minute::default()
    }
}

pub async fn minutes_are_kept_and_added_up<S: Store, H: History>((store, history): (S, H)) {
    assert_eq!(history.minutes(now()).unwrap(), []);
    for (seconds, matched) in [(120, 3), (0, 1), (60, 2)] {
        store.record_minute(minute(seconds, matched)).await.unwrap();
    }
    let all = [minute(0, 1), minute(60, 2), minute(120, 3)];
    assert_eq!(history.minutes(now()).unwrap(), all);
    assert_eq!(history.minutes(later(61)).unwrap(), all[1..]);
    let first = Minute::number_of(now());
    assert_eq!(store.minutes_since(first + 1).await.unwrap(), all[1..]);
    // The daemon is restarted within the minute.
    let rest = Minute {
        attempts: Some(Percentiles { p50: 8, p99: 90 }),
        commits: Some(Percentiles { p50: 1, p99: 1 }),
        runs: [("waiting".to_owned(), 4)].into(),
        ..minute(120, 5)
    };
    store.record_minute(rest.clone()).await.unwrap();
    let expected = Minute {
        matched: 8,
        failed: 4,
        attempts: Some(Percentiles { p50: 10, p99: 90 }),
        ..rest
    };
    assert_eq!(history.minutes(later(120)).unwrap(), [expected]);
}
