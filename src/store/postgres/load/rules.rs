//! Rules, configurations and texts of runs, which stay in the workspace.

use std::collections::BTreeSet;

use crate::store::postgres::cell::{CONFIGS, RULES, TEXTS};
use crate::store::postgres::error::PostgresError;
use crate::store::postgres::session::{Param, Pipeline, PostgresSession};
use crate::store::postgres::workspace::Workspace;

/// The rules of some loaded runs and of all loaded waiters, with their configurations and texts, and the queues of all loaded runs: they stay in the
/// workspace.
pub async fn load_rules(
    session: &PostgresSession,
    workspace: &mut Workspace,
    runs: &[i64],
) -> Result<(), PostgresError> {
    let mut missing = BTreeSet::new();
    for run in runs.iter().filter(|run| workspace.runs.contains_key(run)) {
        let rule = workspace.run_cell(*run, "rule")?.int();
        if let Some(rule) = rule
            && !workspace.has_rule(rule)?
        {
            missing.insert(rule);
        }
    }
    for rule in workspace.rules_of_waiters()? {
        if !workspace.has_rule(rule)? {
            missing.insert(rule);
        }
    }
    let mut queues = workspace.queues_of_runs()?;
    let known: BTreeSet<i64> = workspace.state().queues.values().copied().collect();
    queues.retain(|queue| !known.contains(queue));
    if missing.is_empty() && queues.is_empty() {
        return Ok(());
    }
    let mut pipeline = Pipeline::default();
    let ids = || vec![Param::ints(missing.iter().copied())];
    pipeline.query(
        &format!("SELECT {} FROM rules WHERE id = ANY($1)", RULES.list("")),
        ids(),
    );
    pipeline.query(
        &format!(
            "SELECT {} FROM configs WHERE id IN (SELECT config FROM rules WHERE id = ANY($1))",
            CONFIGS.list("")
        ),
        ids(),
    );
    pipeline.query(
        &format!(
            "SELECT {} FROM texts WHERE id IN (
                 SELECT c.text FROM configs AS c JOIN rules AS r ON r.config = c.id WHERE r.id = ANY($1))",
            TEXTS.list("")
        ),
        ids(),
    );
    pipeline.query(
        "SELECT id, rule FROM queues WHERE id = ANY($1)",
        vec![Param::ints(queues)],
    );
    let answers = session.run(&pipeline).await?;
    for (table, answer) in [&RULES, &CONFIGS, &TEXTS].into_iter().zip(&answers) {
        for row in answer {
            workspace.keep(table, row)?;
        }
    }
    for row in &answers[3] {
        let rule: String = row.try_get(1)?;
        workspace.keep_queue(row.try_get(0)?, &rule)?;
    }
    Ok(())
}
