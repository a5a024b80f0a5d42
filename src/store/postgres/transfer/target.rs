//! Writes the rows of a move to Postgres. A row that is there already is left as it is, so that each batch can be repeated.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{MoveSource, SourceRow, next_rows};
use super::tables::{ESSENTIAL, HISTORY, MovedTable};
use super::{MoveError, MoveExtent, MovedRows};
use crate::store::postgres::cell::{CellType, Cells};
use crate::store::postgres::error::PostgresError;
use crate::store::postgres::schema::{PARTITIONED, ensure_days};
use crate::store::postgres::session::{Param, PostgresSession};

/// The fact with the number of the move.
const MOVE: &str = "move";
/// The fact that the history was moved too.
const HISTORY_MOVED: &str = "move of history";

/// Tables whose ids the target makes: they go on behind those of the source.
const IDENTITIES: [&str; 11] = [
    "texts",
    "configs",
    "revisions",
    "activations",
    "rules",
    "queues",
    "request_urls",
    "receivers",
    "exchanges",
    "commands",
    "awaited",
];

pub struct MoveTarget<'a> {
    session: &'a PostgresSession,
    written: u64,
    on_rows: &'a mut dyn FnMut(u64),
}

impl<'a> MoveTarget<'a> {
    pub fn new(session: &'a PostgresSession, on_rows: &'a mut dyn FnMut(u64)) -> Self {
        Self {
            session,
            written: 0,
            on_rows,
        }
    }

    /// The number of the move that was begun, which must be this one.
    pub async fn begun(&self, id: i64) -> Result<Option<i64>, MoveError> {
        self.check_unused().await?;
        match self.fact(MOVE).await? {
            Some(other) if other != id => Err(MoveError::OtherFolder),
            known => Ok(known),
        }
    }

    /// Whether nothing remains to be moved.
    pub async fn is_complete(&self, extent: MoveExtent) -> Result<bool, MoveError> {
        let fact = match extent {
            MoveExtent::Unfinished => MOVE,
            MoveExtent::History => HISTORY_MOVED,
        };
        Ok(self.fact(fact).await?.is_some())
    }

    async fn check_unused(&self) -> Result<(), MoveError> {
        let sql = "SELECT host, process FROM daemons WHERE live = 1
            AND lease_until > (extract(epoch FROM clock_timestamp()) * 1000000)::bigint ORDER BY id";
        let live = self.session.query(sql, Vec::new()).await?;
        match live.first() {
            None => Ok(()),
            Some(row) => {
                let host: String = row.try_get(0).map_err(PostgresError::from)?;
                let process: i64 = row.try_get(1).map_err(PostgresError::from)?;
                Err(MoveError::InUse(format!(
                    "a daemon (process {process} on {host})"
                )))
            }
        }
    }

    /// Moves what decides about the future, all or nothing. `mark` is called right before the commit: from then on the
    /// source may not be used, because the answer to the commit may be lost.
    pub async fn move_essential(
        &mut self,
        source: &mut MoveSource,
        id: i64,
        tables: &[MovedTable],
        mark: &dyn Fn() -> Result<(), MoveError>,
    ) -> Result<(), MoveError> {
        self.create_days(source, tables).await?;
        self.session.plain("BEGIN").await?;
        let moved = self.move_in_transaction(source, id, tables).await;
        match moved.and_then(|()| mark()) {
            Ok(()) => Ok(self.session.plain("COMMIT").await?),
            Err(error) => {
                drop(self.session.plain("ROLLBACK").await);
                Err(error)
            }
        }
    }

    async fn move_in_transaction(
        &mut self,
        source: &MoveSource,
        id: i64,
        tables: &[MovedTable],
    ) -> Result<(), MoveError> {
        // No daemon joins before the end.
        let lock = "LOCK TABLE daemons IN SHARE ROW EXCLUSIVE MODE";
        self.session.plain(lock).await?;
        self.check_unused().await?;
        self.check_empty().await?;
        for moved in tables {
            self.move_table(source, moved, i64::MIN, BatchCommit::Later)
                .await?;
        }
        self.continue_numbers(source).await?;
        self.verify(source, tables).await?;
        self.set_fact(MOVE, id).await
    }

    /// Moves everything else in batches. What an interrupted command has moved is not read again.
    pub async fn move_history(
        &mut self,
        source: &MoveSource,
        tables: &[MovedTable],
    ) -> Result<(), MoveError> {
        self.create_days(source, tables).await?;
        for moved in tables {
            let from = self.fact(&progress(moved)).await?.unwrap_or(i64::MIN);
            self.move_table(source, moved, from, BatchCommit::EachBatch)
                .await?;
        }
        self.verify(source, tables).await?;
        self.set_fact(HISTORY_MOVED, 1).await
    }

    async fn create_days(
        &self,
        source: &MoveSource,
        tables: &[MovedTable],
    ) -> Result<(), MoveError> {
        let mut days = BTreeSet::new();
        for moved in tables {
            if PARTITIONED.contains(&moved.target) {
                days.extend(source.days(moved)?);
            }
        }
        let days: Vec<i64> = days.into_iter().collect();
        Ok(ensure_days(self.session, &days).await?)
    }

    /// Ids of the source are used for what it has, so nothing else may have any.
    async fn check_empty(&self) -> Result<(), MoveError> {
        for table in ["runs", "events", "texts", "rules", "queues", "settings"] {
            let sql = format!("SELECT 1::bigint FROM {table} LIMIT 1");
            if !self.session.query(&sql, Vec::new()).await?.is_empty() {
                return Err(MoveError::NotEmpty);
            }
        }
        Ok(())
    }

    async fn move_table(
        &mut self,
        source: &MoveSource,
        moved: &MovedTable,
        from: i64,
        commit: BatchCommit,
    ) -> Result<(), MoveError> {
        let mut statement = source.prepare(moved)?;
        let mut rows = statement.query([from])?;
        loop {
            let chunk = next_rows(&mut rows, moved)?;
            let Some(last) = chunk.last() else {
                return Ok(());
            };
            let position = moved.position_of(&last.cells);
            match commit {
                BatchCommit::Later => self.insert(moved, &chunk).await?,
                BatchCommit::EachBatch => {
                    self.session.plain("BEGIN").await?;
                    let inserted = self.insert_with_progress(moved, &chunk, position).await;
                    if inserted.is_err() {
                        drop(self.session.plain("ROLLBACK").await);
                    }
                    inserted?;
                    self.session.plain("COMMIT").await?;
                }
            }
            self.written += chunk.len() as u64;
            (self.on_rows)(self.written);
        }
    }

    async fn insert_with_progress(
        &self,
        moved: &MovedTable,
        rows: &[SourceRow],
        position: Option<i64>,
    ) -> Result<(), MoveError> {
        self.insert(moved, rows).await?;
        match position {
            Some(position) => self.set_fact(&progress(moved), position).await,
            None => Ok(()),
        }
    }

    async fn insert(&self, moved: &MovedTable, rows: &[SourceRow]) -> Result<(), MoveError> {
        let cells: Vec<&Cells> = rows.iter().map(|row| &row.cells).collect();
        let mut params = Param::columns(moved.table, &cells);
        let mut types: Vec<&str> = moved.table.columns.iter().map(|c| array(c.cell)).collect();
        for index in 0..moved.more.len() {
            params.push(Param::ints(rows.iter().map(|row| row.more[index])));
            types.push(array(CellType::Int));
        }
        let arrays = types.iter().enumerate();
        let arrays: Vec<String> = arrays
            .map(|(index, of)| format!("${}::{of}", index + 1))
            .collect();
        let (target, columns) = (moved.target, moved.target_columns());
        let mut sql = format!(
            "INSERT INTO {target} ({columns}) SELECT * FROM unnest({}) AS new({columns}) {} ON CONFLICT DO NOTHING",
            arrays.join(", "),
            unless_elsewhere(target)
        );
        if matches!(target, "live_runs" | "ended_runs") {
            sql = format!(
                "WITH inserted AS ({sql} RETURNING queue, state)
                 INSERT INTO run_counts (daemon, queue, state, count)
                 SELECT 0, queue, state, count(*) FROM inserted GROUP BY queue, state
                 ON CONFLICT (daemon, queue, state) DO UPDATE SET count = run_counts.count + excluded.count"
            );
        }
        if target == "waiters" {
            sql = format!(
                "WITH inserted AS ({sql} RETURNING closed)
                 INSERT INTO run_counts (daemon, queue, state, count)
                 SELECT 0, 0, 'waiters', count(*) FROM inserted WHERE closed IS NULL
                 ON CONFLICT (daemon, queue, state) DO UPDATE SET count = run_counts.count + excluded.count"
            );
        }
        self.session.query(&sql, params).await?;
        Ok(())
    }

    /// New rows get ids and positions that the source never used.
    async fn continue_numbers(&self, source: &MoveSource) -> Result<(), MoveError> {
        for table in IDENTITIES {
            let sequence = format!("pg_get_serial_sequence('{table}', 'id')");
            self.continue_behind(&sequence, source.last_id(table, "id")?)
                .await?;
        }
        for (sequence, last) in [
            ("'event_ids'", source.last_id("events", "id")?),
            ("'run_ids'", source.last_id("runs", "id")?),
            ("'positions'", source.last_position()?),
        ] {
            self.continue_behind(sequence, last).await?;
        }
        Ok(())
    }

    async fn continue_behind(&self, sequence: &str, last: i64) -> Result<(), MoveError> {
        if last > 0 {
            let sql = format!("SELECT setval({sequence}, greatest(nextval({sequence}), $1))");
            self.session.query(&sql, vec![Param::int(last)]).await?;
        }
        Ok(())
    }

    /// Compares the counts of source and target.
    async fn verify(&self, source: &MoveSource, tables: &[MovedTable]) -> Result<(), MoveError> {
        let mut expected: BTreeMap<&str, (&'static str, u64)> = BTreeMap::new();
        for moved in tables {
            let entry = expected.entry(moved.target).or_insert((moved.kind, 0));
            entry.1 += source.count(moved)?;
        }
        for (target, (kind, expected)) in expected {
            let found = self.count(target).await?;
            if found < expected {
                return Err(MoveError::Count {
                    kind,
                    expected,
                    found,
                });
            }
        }
        Ok(())
    }

    /// The rows in the target, by kind.
    pub async fn counts(&self, extent: MoveExtent) -> Result<Vec<MovedRows>, MoveError> {
        let mut tables: Vec<&MovedTable> = ESSENTIAL.iter().collect();
        if extent == MoveExtent::History {
            tables.extend(HISTORY);
        }
        let mut targets = BTreeSet::new();
        let mut counts: Vec<MovedRows> = Vec::new();
        for moved in tables {
            if !targets.insert(moved.target) {
                continue;
            }
            let rows = self.count(moved.target).await?;
            match counts.iter_mut().find(|known| known.kind == moved.kind) {
                Some(known) => known.rows += rows,
                None => counts.push(MovedRows {
                    kind: moved.kind,
                    rows,
                }),
            }
        }
        Ok(counts)
    }

    async fn count(&self, table: &str) -> Result<u64, MoveError> {
        let sql = format!("SELECT count(*) FROM {table}");
        let rows = self.session.query(&sql, Vec::new()).await?;
        let count: Option<i64> = match rows.first() {
            Some(row) => row.try_get(0).map_err(PostgresError::from)?,
            None => None,
        };
        Ok(count.unwrap_or_default().unsigned_abs())
    }

    async fn fact(&self, name: &str) -> Result<Option<i64>, MoveError> {
        let sql = "SELECT value FROM facts WHERE name = $1";
        let rows = self.session.query(sql, vec![Param::text(name)]).await?;
        let value = rows.first().map(|row| row.try_get(0));
        Ok(value.transpose().map_err(PostgresError::from)?)
    }

    async fn set_fact(&self, name: &str, value: i64) -> Result<(), MoveError> {
        let sql = "INSERT INTO facts (name, value) VALUES ($1, $2)
            ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        let params = vec![Param::text(name), Param::int(value)];
        self.session.query(sql, params).await?;
        Ok(())
    }
}

/// When the rows of a batch are committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BatchCommit {
    /// With everything else.
    Later,
    EachBatch,
}

/// The fact with the position up to which a table was moved.
fn progress(moved: &MovedTable) -> String {
    format!("move of {}", moved.target)
}

fn array(cell: CellType) -> &'static str {
    match cell {
        CellType::Int => "bigint[]",
        CellType::Text => "text[]",
        CellType::Blob => "bytea[]",
    }
}

/// A row that was changed in the target since the first command may be in another table there.
fn unless_elsewhere(target: &str) -> &'static str {
    match target {
        "unmatched_events" => {
            "WHERE NOT EXISTS (SELECT 1 FROM matched_events WHERE matched_events.id = new.id)"
        }
        "ended_runs" => "WHERE NOT EXISTS (SELECT 1 FROM live_runs WHERE live_runs.id = new.id)",
        _ => "",
    }
}
