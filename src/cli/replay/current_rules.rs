//! The rules that a replay plans with: those that a running daemon has loaded, or those of the files.

use std::sync::Arc;

use jiff::Timestamp;

use crate::cli::options::GlobalOptions;
use crate::cli::runs::admin_client::AdminClient;
use crate::engine::Rulebook;
use crate::report::error::CommandError;
use crate::report::replay::current_rules::{CurrentRules, RulesOrigin};
use crate::store::history::PastRevision;
use crate::store::postgres::pushed::PushedWatcher;
use crate::store::{History, StoreLocation};
use flowtrigger_core::config::DaemonRules;
use flowtrigger_core::diagnostic::{Diagnostics, Files};

/// The rules of the running daemon, those that the daemons of a shared store loaded last, or those of the files.
pub fn load_rules(
    daemon: Option<&AdminClient>,
    history: &dyn History,
    global: &GlobalOptions,
) -> Result<CurrentRules, CommandError> {
    let is_shared = history.daemons()?.iter().any(|daemon| daemon.is_live);
    if daemon.is_none() && !is_shared {
        return Ok(CurrentRules {
            book: Arc::new(next_rules(global)?),
            origin: RulesOrigin::Files,
            files_differ: false,
        });
    }
    // Another daemon on the same store may have loaded other rules later.
    let loaded = daemon.and_then(|admin| admin.revision().ok());
    let revision = match loaded {
        Some(revision) => Some(revision),
        None => history.latest_revision()?.map(|found| found.id),
    };
    let texts = match revision {
        Some(revision) => history.revision_texts(revision)?,
        None => None,
    };
    let (Some(revision), Some(texts)) = (revision, texts) else {
        let failure = CommandError::runtime("the rules of the daemon are not stored");
        return Err(failure.help("restart the daemon, and repeat the command"));
    };
    let mut loaded: Vec<String> = texts.files.iter().map(|(_, text)| text.clone()).collect();
    loaded.sort_unstable();
    let past = PastRevision::compile_all(texts);
    if past.diagnostics.has_errors() {
        // Another version of the program has loaded them.
        return Err(CommandError::invalid(past.rules.files, past.diagnostics));
    }
    Ok(CurrentRules {
        files_differ: rule_texts(global).is_some_and(|files| files != loaded),
        origin: match (daemon, history.in_force_since(revision, Timestamp::now())?) {
            (Some(_), since) => RulesOrigin::Daemon { revision, since },
            (None, since) => RulesOrigin::Store { revision, since },
        },
        book: Arc::new(Rulebook {
            files: Arc::clone(&past.rules.files),
            config: past.config,
            rules: past.rules,
            ..Rulebook::default()
        }),
    })
}

/// The rules of the daemon, or those that the next one loads; `None` if they cannot be read.
pub fn rules_in_force(history: &dyn History, global: &GlobalOptions) -> Option<Arc<Rulebook>> {
    let daemon = AdminClient::connect(&global.socket()).ok()?;
    let rules = load_rules(daemon.as_ref(), history, global);
    rules.ok().map(|rules| rules.book)
}

/// The rules that the next daemon loads: those of the files, or those that were pushed.
fn next_rules(global: &GlobalOptions) -> Result<Rulebook, CommandError> {
    let paths = global.rulebook_paths(None);
    let config = paths.read_config(&mut Files::default(), &mut Diagnostics::default());
    let location = global.store_location()?;
    let (StoreLocation::Postgres(settings), DaemonRules::Pushed) =
        (location, config.store_options.rules)
    else {
        return global.rulebook(None);
    };
    let newest = PushedWatcher::start(settings).map(|mut watcher| watcher.newest());
    let pushed = newest.map_err(|error| CommandError::runtime(error.to_string()))?;
    let loaded = paths.read_pushed(&pushed).accepted();
    loaded.map_err(|loaded| CommandError::invalid(loaded.rulebook.files, loaded.diagnostics))
}

/// The sorted texts of the rule files; `None` if there are none that are valid.
fn rule_texts(global: &GlobalOptions) -> Option<Vec<String>> {
    let files = global.rulebook(None).ok()?.revision().files;
    let mut texts: Vec<String> = files.iter().map(|(_, text)| text.to_string()).collect();
    texts.sort_unstable();
    (!texts.is_empty()).then_some(texts)
}
