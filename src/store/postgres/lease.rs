//! The lease of a daemon: joins the daemons of the database, beats, leaves, and takes over what others left. The clock of the
//! database decides.

use std::time::Instant;

use super::error::PostgresError;
use super::executor::Executor;
use super::session::{Param, Pipeline, PostgresSession};
use super::shared::{Counter, Member};
use crate::store::RecoveryReport;
use crate::store::lease::LEASE;
use flowtrigger_core::run::RunId;

/// Daemons that may be live at the same time.
const MAX_SLOTS: i64 = 64;
/// A run whose daemon ended this often while it was running is executed alone.
const ALONE_AFTER: i64 = 2;
/// And held after this often.
const MAX_CRASHES: i64 = 3;
/// How long rows of daemons that have ended are kept.
const KEEP_ENDED_MICROS: i64 = 7 * 86_400 * 1_000_000;

const CLOCK: &str = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// Who a daemon is, for `status`.
#[derive(Debug, Clone, Default)]
pub struct DaemonIdentity {
    pub host: String,
    pub process: u32,
    pub address: Option<String>,
    /// Whether it uses the rules that people push.
    pub uses_pushed: bool,
    /// Whether its last reload failed.
    pub reload_failed: bool,
}

impl DaemonIdentity {
    /// Of this process, without an address.
    pub fn of_process() -> Self {
        let host = rustix::system::uname();
        Self {
            host: host.nodename().to_string_lossy().into_owned(),
            process: std::process::id(),
            address: None,
            uses_pushed: false,
            reload_failed: false,
        }
    }
}

fn lease_micros() -> i64 {
    i64::try_from(LEASE.as_micros()).unwrap_or(i64::MAX)
}

/// Joins the daemons under a new id, in the first free slot, with the revision that the daemon had under another id.
pub async fn join(
    session: &PostgresSession,
    identity: &DaemonIdentity,
    revision: Option<i64>,
) -> Result<Member, PostgresError> {
    let sql = format!(
        "INSERT INTO daemons (id, slot, host, process, address, version, started, beat, lease_until, revision, pushed, unloaded)
         SELECT nextval('daemon_ids'), free.slot, $1, $2, $3, $4, {CLOCK}, {CLOCK}, {CLOCK} + $5, $6, $7, $8
         FROM (SELECT min(slot) AS slot FROM generate_series(0, {MAX_SLOTS} - 1) AS slots(slot)
             WHERE slot NOT IN (SELECT slot FROM daemons WHERE live = 1)) AS free
         ON CONFLICT DO NOTHING RETURNING id, slot"
    );
    for _ in 0..MAX_SLOTS {
        let params = vec![
            Param::text(&*identity.host),
            Param::int(identity.process.into()),
            Param::Text(identity.address.clone()),
            Param::text(env!("CARGO_PKG_VERSION")),
            Param::int(lease_micros()),
            Param::Int(revision),
            Param::int(identity.uses_pushed.into()),
            Param::int(identity.reload_failed.into()),
        ];
        // Another daemon may have taken the slot meanwhile.
        if let Some(row) = session.query(&sql, params).await?.first() {
            return Ok(Member {
                daemon: row.try_get(0)?,
                slot: row.try_get(1)?,
                daemons: 1,
                rank: 0,
            });
        }
    }
    Err(PostgresError::Failed(format!(
        "{MAX_SLOTS} daemons use the database, its limit"
    )))
}

impl Executor {
    /// Renews the lease, or joins again if it has ended. The database can be written to if that succeeds.
    pub async fn beat(&mut self) -> Result<Member, PostgresError> {
        let place = self.shared.member();
        let was_failed = self.shared.health.is_failed();
        let identity = self.identity();
        let session = self.connector.session().await?;
        let sql = format!(
            "UPDATE daemons SET beat = {CLOCK}, lease_until = {CLOCK} + $2, address = coalesce($3, address), pushed = $4,
                unloaded = $5
             WHERE id = $1 AND live = 1 RETURNING beat"
        );
        let params = vec![
            Param::int(place.daemon),
            Param::int(lease_micros()),
            Param::Text(identity.address.clone()),
            Param::int(identity.uses_pushed.into()),
            Param::int(identity.reload_failed.into()),
        ];
        let began = Instant::now();
        let renewed = session.query(&sql, params).await?;
        let place = match renewed.first() {
            Some(row) => {
                self.shared.note_clock(row.try_get(0)?, began);
                place
            }
            None => {
                // All claims of the old id have ended.
                self.own.clear();
                let joined = join(session, &identity, self.shared.revision()).await?;
                tracing::warn!(
                    before = place.daemon,
                    daemon = joined.daemon,
                    "lease ended: other daemons have taken over the runs of this one; joined again"
                );
                joined
            }
        };
        let sql = format!(
            "SELECT count(*), count(*) FILTER (WHERE slot < $1) FROM daemons WHERE live = 1 AND lease_until > {CLOCK}"
        );
        let members = session.query(&sql, vec![Param::int(place.slot)]).await?;
        let number = |index: usize| -> Result<usize, PostgresError> {
            let count: i64 = members[0].try_get(index)?;
            Ok(usize::try_from(count).unwrap_or_default())
        };
        let place = Member {
            daemons: number(0)?,
            rank: number(1)?,
            ..place
        };
        self.shared.set_member(place);
        // Without events, nothing else would find out that writes succeed again. A failure during this beat stays.
        if was_failed {
            self.shared.health.recover();
        }
        Ok(place)
    }

    /// Queues the runs of daemons whose lease has ended again. Returns also those to hold.
    pub async fn take_over(&mut self) -> Result<RecoveryReport, PostgresError> {
        let counter = self.shared.member().counter(Counter::Housekeeping);
        let session = self.connector.session().await?;
        let expired = format!(
            "UPDATE daemons SET live = 0, ended = {CLOCK}, stopped = 0 WHERE id IN (
                 SELECT id FROM daemons WHERE live = 1 AND lease_until < {CLOCK} ORDER BY id FOR UPDATE SKIP LOCKED)
             RETURNING id, host"
        );
        let mut pipeline = Pipeline::default();
        pipeline.plain("BEGIN");
        pipeline.query(&expired, Vec::new());
        let requeued = requeue(&mut pipeline, counter, Requeue::Dead);
        pipeline.plain("COMMIT");
        let answers = session.run(&pipeline).await?;
        for row in &answers[1] {
            let (daemon, host): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
            tracing::warn!(
                daemon,
                host,
                "daemon taken over: it has not beaten within its lease"
            );
        }
        let mut report = RecoveryReport::default();
        for row in &answers[requeued] {
            let (run, crashes): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            let run_id = RunId(run.unsigned_abs());
            match crashes >= MAX_CRASHES {
                true => report.quarantined.push(run_id),
                false => report.suspects.push(run_id),
            }
        }
        if !answers[requeued].is_empty() {
            self.shared.notifier.changed();
            self.shared.notifier.wake();
        }
        Ok(report)
    }

    /// Leaves: the runs that were running are queued for the other daemons.
    pub async fn leave(&mut self) -> Result<(), PostgresError> {
        let place = self.shared.member();
        let session = self.connector.session().await?;
        let left = format!(
            "UPDATE daemons SET live = 0, ended = {CLOCK}, stopped = 1 WHERE id = $1 AND live = 1"
        );
        let mut pipeline = Pipeline::default();
        pipeline.plain("BEGIN");
        pipeline.query(&left, vec![Param::int(place.daemon)]);
        requeue(
            &mut pipeline,
            place.counter(Counter::Housekeeping),
            Requeue::Left(place.daemon),
        );
        pipeline.query(
            "DELETE FROM daemons WHERE live = 0 AND ended < (SELECT max(beat) FROM daemons) - $1",
            vec![Param::int(KEEP_ENDED_MICROS)],
        );
        pipeline.plain("COMMIT; NOTIFY flowtrigger_ready");
        session.run(&pipeline).await?;
        Ok(())
    }
}

/// Whose running runs are queued again.
pub enum Requeue {
    /// Of all daemons that are not live: they ended without a word.
    Dead,
    /// Of a daemon that leaves.
    Left(i64),
    /// Of a daemon, those with other claims than it knows.
    Unknown { daemon: i64, known: Vec<i64> },
}

/// Queues running runs again, and counts them as queued. A run whose daemon ended without a word may be the reason: it is
/// executed alone if that happens again.
pub fn requeue(pipeline: &mut Pipeline, counter: i64, which: Requeue) -> usize {
    let (crashed, daemon, known) = match which {
        Requeue::Dead => (1, None, Vec::new()),
        Requeue::Left(daemon) => (0, Some(daemon), Vec::new()),
        Requeue::Unknown { daemon, known } => (0, Some(daemon), known),
    };
    let sql = format!(
        "WITH requeued AS (
             UPDATE live_runs SET state = 'queued', ready = 1, daemon = NULL, claim = NULL, crashes = crashes + $2,
                 suspect = CASE WHEN crashes + $2 >= {ALONE_AFTER} THEN 1 ELSE suspect END
             WHERE state = 'running' AND CASE WHEN $3::bigint IS NOT NULL THEN daemon = $3 AND claim <> ALL($4)
                 ELSE daemon IS NULL OR daemon NOT IN (SELECT id FROM daemons WHERE live = 1) END
             RETURNING id, queue, crashes),
         changes AS (
             SELECT queue, 'running' AS state, -count(*) AS count FROM requeued GROUP BY queue
             UNION ALL SELECT queue, 'queued', count(*) FROM requeued GROUP BY queue),
         counted AS (
             INSERT INTO run_counts (daemon, queue, state, count) SELECT $1, queue, state, count FROM changes
             ON CONFLICT (daemon, queue, state) DO UPDATE SET count = run_counts.count + excluded.count)
         SELECT id, crashes FROM requeued ORDER BY id"
    );
    pipeline.query(
        &sql,
        vec![
            Param::int(counter),
            Param::int(crashed),
            Param::Int(daemon),
            Param::ints(known),
        ],
    )
}
