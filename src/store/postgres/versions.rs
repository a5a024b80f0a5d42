//! Rows of rules, queues, configurations and texts: each is inserted once, whichever daemon has it first.

use std::sync::Arc;

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

/// Makes sure that the workspace knows the rows of these rules and of their queues.
pub async fn intern(
    session: &PostgresSession,
    workspace: &mut Workspace,
    rules: &[Arc<Rule>],
) -> Result<(), PostgresError> {
    intern_queues(session, workspace, rules).await?;
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
    let insert =
        "INSERT INTO rules (digest, name, file, line, document, config, rule_name, included)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
    session.query(insert, params).await?;
    let find = "SELECT id FROM rules WHERE digest = $1";
    id(session, find, vec![digest(version.fingerprint)]).await
}

async fn config_row(
    session: &PostgresSession,
    source: &ConfigSource,
) -> Result<i64, PostgresError> {
    let find = "SELECT id FROM configs WHERE digest = $1";
    let key = || vec![digest(source.fingerprint)];
    if let Some(known) = session.query(find, key()).await?.first() {
        return Ok(known.try_get(0)?);
    }
    let text = text_row(session, &source.text).await?;
    let environment = serde_json::to_string(&source.environment).expect("a map of texts is JSON");
    let params = vec![
        digest(source.fingerprint),
        Param::text(&*source.file),
        Param::int(text),
        Param::text(environment),
    ];
    let insert = "INSERT INTO configs (digest, file, text, environment) VALUES ($1, $2, $3, $4)
        ON CONFLICT DO NOTHING";
    session.query(insert, params).await?;
    id(session, find, key()).await
}

async fn text_row(session: &PostgresSession, text: &str) -> Result<i64, PostgresError> {
    let key = fingerprint(&[text.as_bytes()]);
    let insert = "INSERT INTO texts (digest, text) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    session
        .query(insert, vec![digest(key), Param::text(text)])
        .await?;
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
    let insert = "INSERT INTO revisions (digest, config, files, since) VALUES ($1, $2, $3, $4)
        ON CONFLICT DO NOTHING";
    session.query(insert, params).await?;
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
