//! What receivers answered in the last hour. One index has everything but the message of the newest failure.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::runs::number;
use super::{HistoryDatabase, SqlHistory};
use crate::store::history::{
    HistoryError, LastAttempt, RECEIVER_COLUMNS, RECEIVER_TIME, ReceiverActivity,
};
use crate::store::sql::params;
use crate::store::sqlite::codec::{micros, time};

/// Receivers that are read; those with an attempt in the last hour, or with a waiting run.
const MAX_RECEIVERS: i64 = 200;
/// The newest attempts of a receiver that are counted.
const MAX_ATTEMPTS: i64 = 10_000;
/// The newest dead and retrying runs that are looked at.
const MAX_WAITING: i64 = 10_000;

pub const ACTIVE: &str = "SELECT id, origin FROM receivers WHERE EXISTS
        (SELECT 1 FROM exchanges WHERE receiver = receivers.id AND started >= ?1) ORDER BY id DESC LIMIT ?2";
pub const ATTEMPTS: &str = "SELECT started, failed, status, took FROM exchanges
    WHERE receiver = ?1 AND started >= ?2 AND failed IS NOT NULL ORDER BY started DESC LIMIT ?3";
/// Receivers of the runs of a state, by the exchange that was written last. A dead run counts only if that exchange is
/// of the step that failed, which the reason names.
pub const WAITING: &str = "WITH page AS MATERIALIZED
        (SELECT id FROM runs WHERE state = ?1 ORDER BY id DESC LIMIT ?2)
    SELECT x.receiver, count(*) FROM page CROSS JOIN runs r CROSS JOIN exchanges x
    WHERE r.id = page.id AND x.id = (SELECT max(id) FROM exchanges WHERE run = page.id)
        AND x.receiver IS NOT NULL AND (?1 <> 'dead' OR instr(r.why, 'step `' || x.step || '`') > 0)
    GROUP BY x.receiver";
const LAST_ERROR: &str = "SELECT json_extract(l.detail, '$.message') FROM exchanges x
    JOIN log_entries l ON l.run = x.run AND l.step = x.step AND l.attempt = x.attempt
    WHERE x.receiver = ?1 AND x.started = ?2 AND x.failed = 1 AND l.outcome = 'failed'
    ORDER BY x.id DESC, l.number DESC LIMIT 1";

/// An attempt as the index has it.
struct IndexedAttempt {
    started: Timestamp,
    failed: bool,
    status: Option<u16>,
    took: Duration,
}

impl<D: HistoryDatabase> SqlHistory<D> {
    pub(super) fn find_receivers(
        &self,
        now: Timestamp,
    ) -> Result<Vec<ReceiverActivity>, HistoryError> {
        let hour = SignedDuration::try_from(RECEIVER_TIME).unwrap_or(SignedDuration::MAX);
        let since = now.checked_sub(hour).unwrap_or(Timestamp::MIN);
        let mut found = BTreeMap::new();
        let active = self
            .database
            .rows(ACTIVE, params![micros(since), MAX_RECEIVERS], |row| {
                Ok((row.get::<i64>(0)?, row.get::<String>(1)?))
            })?;
        for (id, origin) in active {
            found.insert(id, self.receiver(id, origin, since)?);
        }
        for state in ["dead", "retrying"] {
            let waiting = self
                .database
                .rows(WAITING, params![state, MAX_WAITING], |row| {
                    Ok((row.get::<i64>(0)?, number(row.get(1)?)))
                })?;
            for (id, count) in waiting.into_iter().take(MAX_RECEIVERS as usize) {
                let receiver = match found.entry(id) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(new) => {
                        let sql = "SELECT origin FROM receivers WHERE id = ?1";
                        let Some(origin) =
                            self.database.first(sql, params![id], |row| row.get(0))?
                        else {
                            continue;
                        };
                        new.insert(ReceiverActivity::none(origin))
                    }
                };
                match state {
                    "dead" => receiver.dead = count,
                    _ => receiver.retrying = count,
                }
            }
        }
        let mut receivers: Vec<ReceiverActivity> = found.into_values().collect();
        receivers.sort_by(|a, b| a.origin.cmp(&b.origin));
        Ok(receivers)
    }

    fn receiver(
        &self,
        id: i64,
        origin: String,
        since: Timestamp,
    ) -> Result<ReceiverActivity, HistoryError> {
        let values = params![id, micros(since), MAX_ATTEMPTS + 1];
        let mut attempts = self.database.rows(ATTEMPTS, values, |row| {
            Ok(IndexedAttempt {
                started: time(row.get(0)?),
                failed: row.get(1)?,
                status: row.get(2)?,
                took: Duration::from_micros(number(row.get::<Option<i64>>(3)?.unwrap_or_default())),
            })
        })?;
        let mut receiver = ReceiverActivity::none(origin);
        receiver.is_cut = attempts.len() as i64 > MAX_ATTEMPTS;
        attempts.truncate(MAX_ATTEMPTS as usize);
        summarise(&mut receiver, &attempts, since);
        if let Some(last) = receiver.last.as_mut().filter(|last| last.error.is_some()) {
            let values = params![id, micros(last.started)];
            let message = self
                .database
                .first(LAST_ERROR, values, |row| row.get::<Option<String>>(0))?;
            last.error = Some(message.flatten().unwrap_or_else(|| "failed".to_owned()));
        }
        Ok(receiver)
    }
}

/// Adds up attempts, the newest first. The message of a failure is not among them.
fn summarise(receiver: &mut ReceiverActivity, attempts: &[IndexedAttempt], since: Timestamp) {
    receiver.attempts = attempts.len() as u64;
    let succeeded = attempts.iter().filter(|attempt| !attempt.failed);
    receiver.succeeded = succeeded.count() as u64;
    receiver.last = attempts.first().map(|last| LastAttempt {
        started: last.started,
        status: last.status,
        error: last.failed.then(String::new),
    });
    let failing = attempts.iter().take_while(|attempt| attempt.failed).last();
    receiver.failing_since = failing.map(|attempt| attempt.started);
    let mut durations: Vec<Duration> = attempts.iter().map(|attempt| attempt.took).collect();
    durations.sort_unstable();
    receiver.median = durations
        .get(durations.len().saturating_sub(1) / 2)
        .copied();
    let width = RECEIVER_TIME.as_micros() as i64 / RECEIVER_COLUMNS as i64;
    for attempt in attempts {
        let column = (micros(attempt.started) - micros(since)) / width;
        let column = usize::try_from(column).unwrap_or_default();
        let column = &mut receiver.columns[column.min(RECEIVER_COLUMNS - 1)];
        match attempt.failed {
            true => column.failed += 1,
            false => column.succeeded += 1,
        }
    }
}
