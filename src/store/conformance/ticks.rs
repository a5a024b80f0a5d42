//! The last ticks of rules are kept, replaced and deleted.

use jiff::Timestamp;

use super::{later, now};
use crate::store::{LastTick, Store};

fn tick(rule: &str, expression: &str, at: Timestamp) -> LastTick {
    LastTick {
        rule: rule.to_owned(),
        expression: expression.to_owned(),
        at,
    }
}

pub async fn the_last_tick_of_each_rule_is_kept<S: Store>(store: S) {
    assert_eq!(store.last_ticks().await.unwrap(), []);
    let first = [tick("b", "0 9 * * *", now()), tick("a", "@daily", later(1))];
    store.note_ticks(first.to_vec(), Vec::new()).await.unwrap();
    let [b, a] = first;
    assert_eq!(store.last_ticks().await.unwrap(), [a.clone(), b]);
    // A rule that changed starts anew, also at an earlier time.
    let changed = tick("b", "0 8 * * *", later(-60));
    store
        .note_ticks(vec![changed.clone()], vec!["unknown".to_owned()])
        .await
        .unwrap();
    assert_eq!(store.last_ticks().await.unwrap(), [a, changed.clone()]);
    store
        .note_ticks(Vec::new(), vec!["a".to_owned()])
        .await
        .unwrap();
    assert_eq!(store.last_ticks().await.unwrap(), [changed]);
}
