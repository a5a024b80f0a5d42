//! Rows of rules, queues, configurations and texts: each is inserted once, whichever daemon has it first.
//!
//! Rows without use are deleted after two days, so a row that is remembered is looked up again each hour, which notes its use.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::error::PostgresError;
use super::session::{Param, PostgresSession};
use super::workspace::Workspace;
use crate::store::sqlite::codec;
use crate::store::{Revision, RevisionId};
use flowtrigger_core::config::ConfigSource;
use flowtrigger_core::fingerprint::{Fingerprint, fingerprint};
use flowtrigger_core::rule::Rule;

/// Rules and queues whose rows are remembered.
const MAX_REMEMBERED: usize = 100_000;

/// How long rows are remembered without being looked up. By the clock of the machine, which also runs while it is paused.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(1);

/// Inserts a row; if it exists, notes that it is used, at most once per hour.
fn upsert(table: &str, columns: &str, values: &str) -> String {
    format!(
        "INSERT INTO {table} ({columns}) VALUES ({values})
         ON CONFLICT (digest) DO UPDATE SET used = excluded.used WHERE {table}.used < excluded.used - 3600000000"
    )
}

/// Makes sure that the workspace knows the rows of these rules and of their queues.
pub async fn intern(
    session: &PostgresSession,
    workspace: &mut Workspace,
    rules: &[Arc<Rule>],
) -> Result<(), PostgresError> {
    intern_queues(session, workspace, rules).await?;
    forget_old(workspace, Timestamp::now());
    for rule in rules {
        let digest = rule.version.fingerprint;
        if workspace.state().versions.contains_key(&digest) {
            continue;
        }
        let row = rule_row(session, rule).await?;
        let state = workspace.state();
        if state.versions.len() >= MAX_REMEMBERED {
            state.versions.clear();
            state.rules.clear();
        }
        state.versions.insert(digest, row);
        state.rules.insert(row, Arc::clone(rule));
    }
    Ok(())
}

/// Forgets the rows of rules that were looked up long ago.
fn forget_old(workspace: &mut Workspace, now: Timestamp) {
    let state = workspace.state();
    let age = state
        .versions_since
        .map(|since| now.duration_since(since).abs());
    if age.is_none_or(|age| age >= REMEMBERED) {
        state.versions.clear();
        state.versions_since = Some(now);
    }
}

async fn intern_queues(
    session: &PostgresSession,
    workspace: &mut Workspace,
    rules: &[Arc<Rule>],
) -> Result<(), PostgresError> {
    let queues = &workspace.state().queues;
    let mut missing: Vec<&str> = rules
        .iter()
        .map(|rule| rule.name.as_str())
        .filter(|name| !queues.contains_key(*name))
        .collect();
    missing.sort_unstable();
    missing.dedup();
    if missing.is_empty() {
        return Ok(());
    }
    let names = || vec![Param::texts(missing.iter().copied())];
    let insert =
        "INSERT INTO queues (rule) SELECT * FROM unnest($1::text[]) ON CONFLICT DO NOTHING";
    session.query(insert, names()).await?;
    let find = "SELECT id, rule FROM queues WHERE rule = ANY($1)";
    for row in session.query(find, names()).await? {
        let rule: String = row.try_get(1)?;
        workspace.keep_queue(row.try_get(0)?, &rule)?;
    }
    Ok(())
}

async fn rule_row(session: &PostgresSession, rule: &Rule) -> Result<i64, PostgresError> {
    let version = &rule.version;
    let config = config_row(session, version.config()).await?;
    let params = vec![
        digest(version.fingerprint),
        Param::text(rule.name.as_str()),
        Param::text(&**version.file()),
        Param::int(version.line as i64),
        Param::text(version.document()),
        Param::int(config),
        Param::Text(version.picked().map(str::to_owned)),
        Param::Text(codec::encode_included(version.parts())),
    ];
    let columns = "digest, name, file, line, document, config, rule_name, included";
    let insert = upsert("rules", columns, "$1, $2, $3, $4, $5, $6, $7, $8");
    session.query(&insert, params).await?;
    let find = "SELECT id FROM rules WHERE digest = $1";
    id(session, find, vec![digest(version.fingerprint)]).await
}

async fn config_row(
    session: &PostgresSession,
    source: &ConfigSource,
) -> Result<i64, PostgresError> {
    let text = text_row(session, &source.text).await?;
    let environment = serde_json::to_string(&source.environment).expect("a map of texts is JSON");
    let calendars = serde_json::to_string(&source.calendars).expect("a map of texts is JSON");
    let params = vec![
        digest(source.fingerprint),
        Param::text(&*source.file),
        Param::int(text),
        Param::text(environment),
        Param::text(calendars),
    ];
    let insert = upsert(
        "configs",
        "digest, file, text, environment, calendars",
        "$1, $2, $3, $4, $5",
    );
    session.query(&insert, params).await?;
    let find = "SELECT id FROM configs WHERE digest = $1";
    id(session, find, vec![digest(source.fingerprint)]).await
}

async fn text_row(session: &PostgresSession, text: &str) -> Result<i64, PostgresError> {
    let key = fingerprint(&[text.as_bytes()]);
    let insert = upsert("texts", "digest, text", "$1, $2");
    let params = vec![digest(key), Param::text(text)];
    session.query(&insert, params).await?;
    let find = "SELECT id FROM texts WHERE digest = $1";
    id(session, find, vec![digest(key)]).await
}

/// Stores a revision and its activation by a daemon.
pub async fn store_revision(
    session: &PostgresSession,
    revision: &Revision,
    daemon: i64,
    now: i64,
) -> Result<RevisionId, PostgresError> {
    let config = config_row(session, &revision.config).await?;
    let mut files = Vec::with_capacity(revision.files.len());
    for (name, text) in &revision.files {
        files.push(json!([&**name, text_row(session, text).await?]));
    }
    let files = serde_json::Value::Array(files).to_string();
    let key = fingerprint(&[&revision.config.fingerprint, files.as_bytes()]);
    let params = vec![
        digest(key),
        Param::int(config),
        Param::text(files),
        Param::int(now),
    ];
    let insert = upsert(
        "revisions",
        "digest, config, files, since",
        "$1, $2, $3, $4",
    );
    session.query(&insert, params).await?;
    let find = "SELECT id FROM revisions WHERE digest = $1";
    let row = id(session, find, vec![digest(key)]).await?;
    let activate = "INSERT INTO activations (revision, at, daemon) VALUES ($1, $2, $3)";
    let params = vec![Param::int(row), Param::int(now), Param::int(daemon)];
    session.query(activate, params).await?;
    let mark = "UPDATE daemons SET revision = $2 WHERE id = $1";
    session
        .query(mark, vec![Param::int(daemon), Param::int(row)])
        .await?;
    Ok(RevisionId(row.unsigned_abs()))
}

fn digest(fingerprint: Fingerprint) -> Param {
    Param::Blob(Some(fingerprint.to_vec()))
}

async fn id(
    session: &PostgresSession,
    sql: &str,
    params: Vec<Param>,
) -> Result<i64, PostgresError> {
    let rows = session.query(sql, params).await?;
    let missing = || PostgresError::Failed("a row that was just inserted is missing".to_owned());
    Ok(rows.first().ok_or_else(missing)?.try_get(0)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreSettings;

    #[test]
    fn rows_are_forgotten_after_an_hour_and_when_the_clock_is_set_back() {
        let mut workspace = Workspace::new(StoreSettings::default()).unwrap();
        let start = Timestamp::UNIX_EPOCH;
        let mut knows_at = |minutes: i64| {
            forget_old(&mut workspace, start + SignedDuration::from_mins(minutes));
            let known = &mut workspace.state().versions;
            known.insert(fingerprint(&[b"a"]), 1).is_some()
        };
        assert!(!knows_at(0));
        assert!(knows_at(59));
        assert!(!knows_at(60));
        assert!(knows_at(61));
        assert!(!knows_at(-3_000));
    }
}
