//! Replays after retention, of equal bodies, and the statements that read the archive.

use super::*;
use crate::store::history::{ArchiveFilter, ArchivedEvents};
use crate::store::sql::history::{UNMATCHED, page_query};
use crate::store::{History, IncomingEvent, ReplayId, UnmatchedEvent};
use jiff::SignedDuration;

async fn tidy(store: &SqliteStore) {
    let tidy = |transaction: &mut WriteTransaction<'_>| {
        for _ in 0..200 {
            transaction.tick()?;
        }
        Ok(())
    };
    store.writer.submit(Durability::Synced, tidy).await.unwrap();
}

fn part(replay: u64, event: EventRowId, arrival: IncomingEvent) -> IncomingEvent {
    let mark = ReplayMark {
        event: Some(event),
        replay: Some(ReplayId(replay)),
        seen: None,
    };
    IncomingEvent {
        occasion: ArrivalKind::Replay(mark),
        ..arrival
    }
}

#[tokio::test]
async fn a_key_is_not_used_again_after_retention_and_the_event_says_that_it_had_runs() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    let history = SqliteHistory::open(&folder.path).unwrap();
    let rule = live_rule("a");
    let events = |scope| {
        let filter = ArchiveFilter {
            scope,
            ..ArchiveFilter::default()
        };
        history.archive(&filter, None, 9).unwrap()
    };
    store.commit(arrival("e", &rule)).await.unwrap();
    let row = events(ArchivedEvents::All)[0].position.row;
    store
        .commit(part(1, row, arrival("e", &rule)))
        .await
        .unwrap();
    for run in claimed(&store).await {
        to(&store, run, RunState::Done).await;
    }
    for run in claimed(&store).await {
        to(&store, run, RunState::Done).await;
    }
    let old = Connection::open(&folder.path).unwrap();
    old.execute("UPDATE runs SET changed = 0", []).unwrap();
    tidy(&store).await;
    assert_eq!(folder.rows("SELECT count(*) FROM runs"), 0);
    let event = events(ArchivedEvents::All).remove(0);
    assert!(event.had_runs && !event.matched);
    assert_eq!(events(ArchivedEvents::Unmatched), []);
    let again = store
        .commit(part(2, row, arrival("e", &rule)))
        .await
        .unwrap();
    let record = store.run(again.runs[0].id).await.unwrap().unwrap();
    assert_eq!(record.generation, 2);
    assert!(!events(ArchivedEvents::All)[0].had_runs);
}

#[tokio::test]
async fn equal_bodies_within_ten_minutes_are_one_event_in_a_replay_too() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    let history = SqliteHistory::open(&folder.path).unwrap();
    let rule = live_rule("a");
    let hashed = |unique: u32| arrival(&format!("sha256-{}-{unique}", "a".repeat(64)), &rule);
    for (unique, second) in [(1, 0), (2, 300), (3, 4_000)] {
        let event = UnmatchedEvent::from(hashed(unique).event);
        let received = now() + SignedDuration::from_secs(second);
        store.archive_unmatched(event, RevisionId::default(), received, None);
    }
    store.flush().await.unwrap();
    let events = history.archive(&ArchiveFilter::default(), None, 9).unwrap();
    let mut runs = Vec::new();
    for (event, unique) in events.iter().zip(1..) {
        let mut replay = part(1, event.position.row, hashed(unique));
        replay.received = now() + SignedDuration::from_secs(90_000);
        let committed = store.commit(replay).await.unwrap();
        runs.push((committed.runs.len(), committed.repeated.len()));
    }
    assert_eq!(runs, [(1, 0), (0, 1), (1, 0)]);
}

#[tokio::test]
async fn a_late_page_of_the_archive_costs_no_more_than_the_first() {
    let folder = Folder::new();
    let connection = folder.with_events_apart(400).await;
    let filter = ArchiveFilter {
        since: Some(Timestamp::UNIX_EPOCH),
        ..ArchiveFilter::default()
    };
    let steps = |after: Option<i64>| {
        let after = after.map(|row| folder.position(row));
        steps(&connection, page_query(&filter, "matched = 1", after, 9))
    };
    let (first, late) = (steps(None), steps(Some(380)));
    assert!(late < 2 * first, "{late} steps, {first} for the first");
}

#[tokio::test]
async fn a_page_of_the_archive_uses_an_index() {
    let folder = Folder::new();
    drop(folder.open());
    let connection = database::open(&folder.path).unwrap();
    let time = Some(now());
    let after = Some(crate::store::history::ArchivePosition {
        received: now(),
        row: EventRowId(1),
    });
    for (part, key, index) in [
        (
            "matched = 0",
            None,
            "USING INDEX events_unmatched (received>",
        ),
        ("matched = 1", None, "USING INDEX events_matched (received>"),
        (
            UNMATCHED[0],
            None,
            "USING INDEX events_unmatched (received>",
        ),
        (
            UNMATCHED[1],
            None,
            "USING INDEX events_replayed (received_unmatched=? AND received>",
        ),
        (
            "matched = 1",
            Some("7"),
            "USING INDEX events_by_key (key=? AND received>",
        ),
    ] {
        let filter = ArchiveFilter {
            since: time,
            until: time,
            key: key.map(str::to_owned),
            ..ArchiveFilter::default()
        };
        let (sql, values) = page_query(&filter, part, after, 9);
        let mut plan = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let steps = plan.query_map(rusqlite::params_from_iter(values), |row| {
            row.get::<_, String>(3)
        });
        let steps: Vec<String> = steps.unwrap().map(Result::unwrap).collect();
        let steps = steps.join("\n");
        assert!(steps.contains(index), "{steps}");
        // Only events of one moment are sorted.
        let sorted = steps.replace("USE TEMP B-TREE FOR LAST TERM OF ORDER BY", "");
        assert!(
            !sorted.contains("SCAN") && !sorted.contains("TEMP B-TREE"),
            "{steps}"
        );
    }
}
