//! Holds the unfinished runs of a restored store, so that nothing that happened since the backup happens again.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use crate::cli::options::GlobalOptions;
use crate::cli::runs::offline;
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::diagnostics::{grouped, number};
use crate::report::render::table::Table;
use crate::report::time_argument::seconds;
use crate::store::{
    Advance, AnyStore, SqliteStore, Store, StoreError, StoreLocation, StoreSettings,
};
use flowtrigger_core::run::RunState;

/// Runs that are held with one question to the store.
const BATCH: usize = 1_000;

/// The runs that were held, by rule.
#[derive(Debug, Default)]
pub struct HeldRuns(BTreeMap<Arc<str>, u64>);

impl HeldRuns {
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    pub fn by_rule(&self) -> BTreeMap<String, u64> {
        let rules = self.0.iter();
        rules
            .map(|(rule, runs)| (rule.to_string(), *runs))
            .collect()
    }

    pub fn print(&self, out: &mut Output) -> Result<(), CommandError> {
        if self.0.is_empty() {
            return Ok(writeln!(out, "\nno run was unfinished")?);
        }
        writeln!(out, "\nheld, because they may have been executed since:")?;
        table(&self.by_rule()).write(out)?;
        let runs = usize::try_from(self.count()).unwrap_or(usize::MAX);
        writeln!(
            out,
            "\n{} in state `held`: `flowtrigger runs list --state held` lists them\n\
             `flowtrigger runs retry --all --state held --rule NAME` executes those of a rule, `runs cancel` ends them",
            number(runs, "run")
        )?;
        Ok(())
    }
}

/// The number of runs by rule.
pub fn table(runs: &BTreeMap<String, u64>) -> Table {
    let mut table = Table::default();
    table.row(["RULE", "RUNS"]);
    for (rule, runs) in runs {
        let runs = usize::try_from(*runs).unwrap_or(usize::MAX);
        table.row([rule.as_str(), &grouped(runs)]);
    }
    table
}

/// Holds the unfinished runs of a file that is not in use yet.
pub fn hold_staged(database: &Path, why: String) -> Result<HeldRuns, CommandError> {
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| CommandError::runtime(format!("failed to start: {error}")))?;
    let opened = SqliteStore::open(database, StoreSettings::keeping_everything());
    let (store, _) = opened.map_err(|error| CommandError::runtime(error.to_string()))?;
    let held = runtime.block_on(hold(&AnyStore::Sqlite(store), &why));
    held.map_err(|error| CommandError::runtime(error.to_string()))
}

/// Holds the unfinished runs of the store that the configuration names, which another tool has restored.
pub fn hold_current(global: &GlobalOptions) -> Result<HeldRuns, CommandError> {
    let location = global.checked_store_location()?;
    match &location {
        StoreLocation::Postgres(_) => check_no_daemon(&location)?,
        // A store would be created, and nothing held: a wrong `--data`.
        StoreLocation::File(path) if !path.exists() => {
            location.open_history()?;
        }
        StoreLocation::File(_) => {}
    }
    let store = offline::OfflineStore::open(global)?;
    let now = seconds(jiff::Timestamp::now());
    let why = format!("the store was restored before {now}; the run may have been executed since");
    let held = store.ask(async |store| hold(store, &why).await);
    held.map_err(|error| CommandError::runtime(error.to_string()))
}

/// A daemon would execute the runs before they are held.
fn check_no_daemon(location: &StoreLocation) -> Result<(), CommandError> {
    let daemons = location.open_history()?.daemons()?;
    match daemons.iter().find(|daemon| daemon.is_live) {
        None => Ok(()),
        Some(daemon) => Err(CommandError::runtime(format!(
            "a daemon (process {} on {}) uses the database",
            daemon.process, daemon.host
        ))
        .help("stop all daemons, and repeat the command")),
    }
}

async fn hold(store: &AnyStore, why: &str) -> Result<HeldRuns, StoreError> {
    let mut held = HeldRuns::default();
    let mut first = None;
    loop {
        let unfinished = store.unfinished(BATCH).await?;
        let next = unfinished.first().map(|run| run.id);
        if let Some(run) = next.filter(|_| next == first) {
            let why = format!("run {} cannot be held", run.0);
            return Err(StoreError::Broken(why));
        }
        first = next;
        if unfinished.is_empty() {
            store.flush().await?;
            return Ok(held);
        }
        let advances = unfinished.iter().map(|run| Advance {
            run: run.id,
            claim: None,
            entries: Vec::new(),
            state: Some(RunState::Held {
                why: format!(
                    "{why}: check it, then `flowtrigger runs retry {0}` or `flowtrigger runs cancel {0}`",
                    run.id.0
                ),
            }),
        });
        for result in store.advance_all(advances.collect()).await {
            result?;
        }
        for run in unfinished {
            *held.0.entry(run.rule).or_default() += 1;
        }
    }
}
