//! Small tables that need no workspace: settings of integrations, commands, minutes, and counts of runs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::error::PostgresError;
use super::executor::Executor;
use super::scope::key;
use super::session::{Param, Pipeline};
use crate::store::integration_settings::SettingsScope;
use crate::store::sqlite::codec;
use crate::store::sqlite::codec::minute::{decode_minute, encode_minute};
use crate::store::{CommandTarget, GivenCommand, Minute, StoreError};
use flowtrigger_core::run::STATES;

/// Bytes of a reason that are kept.
const MAX_REASON: usize = 500;

fn failed(error: PostgresError) -> StoreError {
    StoreError::from(error)
}

fn column(error: tokio_postgres::Error) -> StoreError {
    StoreError::from(PostgresError::from(error))
}

impl Executor {
    pub async fn integration_scopes(
        &mut self,
        integration: String,
    ) -> Result<Vec<String>, StoreError> {
        let session = self.connector.session().await.map_err(failed)?;
        let sql = "SELECT scope FROM settings WHERE integration = $1 ORDER BY scope COLLATE \"C\"";
        let rows = session.query(sql, vec![Param::text(integration)]).await;
        let rows = rows.map_err(failed)?;
        rows.iter()
            .map(|row| row.try_get(0).map_err(column))
            .collect()
    }

    pub async fn integration_settings(
        &mut self,
        scope: &SettingsScope,
    ) -> Result<Option<Value>, StoreError> {
        let session = self.connector.session().await.map_err(failed)?;
        let sql = "SELECT value FROM settings WHERE integration = $1 AND scope = $2";
        let params = vec![Param::text(&*scope.integration), Param::text(&*scope.scope)];
        let rows = session.query(sql, params).await.map_err(failed)?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let text: String = row.try_get(0).map_err(column)?;
        Ok(Some(codec::json(&text, "settings of a bundle")?))
    }

    pub async fn patch_integration_settings(
        &mut self,
        scope: SettingsScope,
        patch: Value,
    ) -> Result<Value, StoreError> {
        let session = self.connector.session().await.map_err(failed)?;
        let mut begin = Pipeline::default();
        begin.plain("BEGIN");
        begin.query(
            "INSERT INTO keys (key) VALUES ($1) ON CONFLICT (key) DO UPDATE SET key = keys.key WHERE false",
            vec![Param::int(key(&["settings", &scope.integration]))],
        );
        session.run(&begin).await.map_err(failed)?;
        let result = self.patch_locked(&scope, patch).await;
        let session = self.connector.session().await.map_err(failed)?;
        let end = match &result {
            Ok(_) => "COMMIT",
            Err(_) => "ROLLBACK",
        };
        session.plain(end).await.map_err(failed)?;
        result
    }

    async fn patch_locked(
        &mut self,
        scope: &SettingsScope,
        patch: Value,
    ) -> Result<Value, StoreError> {
        let before = self.integration_settings(scope).await?;
        if before.is_none() {
            let scopes = self.integration_scopes(scope.integration.clone()).await?;
            scope.check_count(scopes.len())?;
        }
        let (settings, text) = scope.patched(before, patch)?;
        let session = self.connector.session().await.map_err(failed)?;
        let sql = "INSERT INTO settings (integration, scope, value) VALUES ($1, $2, $3)
            ON CONFLICT (integration, scope) DO UPDATE SET value = excluded.value";
        let params = vec![
            Param::text(&*scope.integration),
            Param::text(&*scope.scope),
            Param::text(text),
        ];
        session.query(sql, params).await.map_err(failed)?;
        Ok(settings)
    }

    pub async fn write_command(&mut self, command: GivenCommand) -> Result<(), StoreError> {
        let (run, event, target) = match &command.target {
            CommandTarget::Run(run) => (Some(run.0 as i64), None, None),
            CommandTarget::Event(event) => (None, Some(event.0), None),
            CommandTarget::Suspension(target) => (None, None, Some(target.key())),
        };
        let runs = command.result.as_ref().map_or(&[][..], Vec::as_slice);
        let runs: Vec<u64> = runs.iter().map(|run| run.0).collect();
        let rejected = command.result.as_ref().err();
        let rejected: Option<String> =
            rejected.map(|reason| reason.chars().take(MAX_REASON).collect());
        let session = self.connector.session().await.map_err(failed)?;
        let sql = "INSERT INTO commands
            (at, command, run, event, name, origin, runs, rejected, note, target)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        let params = vec![
            Param::int(codec::micros(command.at)),
            Param::text(command.kind.as_str()),
            Param::Int(run),
            Param::Int(event),
            Param::Text(command.by.name.clone()),
            Param::text(command.by.origin.as_str()),
            Param::text(json!(runs).to_string()),
            Param::Text(rejected),
            Param::text(command.by.note.clone()),
            Param::Text(target),
        ];
        session.query(sql, params).await.map_err(failed)?;
        Ok(())
    }

    /// Writes the numbers of a minute of this daemon, together with those that it wrote for it before.
    pub async fn write_minute(&mut self, mut minute: Minute) -> Result<(), StoreError> {
        let daemon = self.shared.member().daemon;
        let session = self.connector.session().await.map_err(failed)?;
        let of = || vec![Param::int(minute.minute), Param::int(daemon)];
        let sql = "SELECT content FROM minutes WHERE minute = $1 AND daemon = $2";
        if let Some(row) = session.query(sql, of()).await.map_err(failed)?.first() {
            let earlier: String = row.try_get(0).map_err(column)?;
            minute.add_earlier(&decode_minute(&earlier)?);
        }
        let sql = "INSERT INTO minutes (minute, daemon, content) VALUES ($1, $2, $3)
            ON CONFLICT (minute, daemon) DO UPDATE SET content = excluded.content";
        let params = vec![
            Param::int(minute.minute),
            Param::int(daemon),
            Param::text(encode_minute(&minute)),
        ];
        session.query(sql, params).await.map_err(failed)?;
        Ok(())
    }

    /// The numbers of all daemons by minute, the oldest first.
    pub async fn minutes_since(&mut self, since: i64) -> Result<Vec<Minute>, StoreError> {
        let session = self.connector.session().await.map_err(failed)?;
        let sql = "SELECT content FROM minutes WHERE minute >= $1 ORDER BY minute, daemon";
        let rows = session.query(sql, vec![Param::int(since)]).await;
        let mut minutes = Vec::new();
        for row in rows.map_err(failed)? {
            let content: String = row.try_get(0).map_err(column)?;
            minutes.push(decode_minute(&content)?);
        }
        Ok(Minute::merge(minutes))
    }

    /// Runs by state; states without runs are left out.
    pub async fn counts(&mut self) -> Result<BTreeMap<&'static str, u64>, StoreError> {
        let session = self.connector.session().await.map_err(failed)?;
        let sql = "SELECT state, sum(count)::bigint FROM run_counts GROUP BY state";
        let rows = session.query(sql, Vec::new()).await.map_err(failed)?;
        let mut counts = BTreeMap::new();
        for row in rows {
            let (state, count): (String, i64) = (
                row.try_get(0).map_err(column)?,
                row.try_get(1).map_err(column)?,
            );
            let known = STATES.iter().find(|known| **known == state);
            if let (Some(known), Ok(count @ 1..)) = (known, u64::try_from(count)) {
                counts.insert(*known, count);
            }
        }
        Ok(counts)
    }

    /// Events that runs wait for.
    pub async fn count_waiters(&mut self) -> Result<u64, StoreError> {
        let sql = "SELECT sum(count)::bigint FROM run_counts WHERE state = 'waiters'";
        let count = self.number(sql).await?;
        Ok(u64::try_from(count.unwrap_or_default()).unwrap_or_default())
    }

    pub async fn next_due(&mut self) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT min(due) FROM live_runs WHERE due IS NOT NULL";
        let due = self.number(sql).await?;
        Ok(due.map(codec::time))
    }

    pub async fn has_queued_before(&mut self, time: Timestamp) -> Result<bool, StoreError> {
        let sql = "SELECT 1::bigint FROM live_runs WHERE state = 'queued' AND changed < $1 LIMIT 1";
        let session = self.connector.session().await.map_err(failed)?;
        let params = vec![Param::int(time.as_microsecond())];
        let rows = session.query(sql, params).await.map_err(failed)?;
        Ok(!rows.is_empty())
    }

    pub async fn oldest_queued_at(&mut self) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT changed FROM live_runs WHERE state = 'queued' ORDER BY id LIMIT 1";
        let since = self.number(sql).await?;
        Ok(since.map(codec::time))
    }

    async fn number(&mut self, sql: &str) -> Result<Option<i64>, StoreError> {
        let session = self.connector.session().await.map_err(failed)?;
        let rows = session.query(sql, Vec::new()).await.map_err(failed)?;
        match rows.first() {
            Some(row) => row.try_get(0).map_err(column),
            None => Ok(None),
        }
    }

    /// The ids of the runs that an event led to, and of unfinished runs.
    pub async fn run_ids(&mut self, sql: &str, params: Vec<Param>) -> Result<Vec<i64>, StoreError> {
        let session = self.connector.session().await.map_err(failed)?;
        let rows = session.query(sql, params).await.map_err(failed)?;
        rows.iter()
            .map(|row| row.try_get(0).map_err(column))
            .collect()
    }
}
