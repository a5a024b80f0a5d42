//! Loads rules and configuration again: all new ones take effect together, or the previous ones stay.

use tracing::{debug, error, info, warn};

use super::consistent_read::{self, ConsistentRead};
use super::rules_source::RulesSource;
use super::watcher::FileWatcher;
use super::{log, read_blocking, service_manager};
use crate::engine::rulebook::changes::changes_between;
use crate::engine::rulebook::endpoints;
use crate::engine::rulebook::fingerprint::LoadedFiles;
use crate::engine::{Engine, EngineError, LoadedRulebook, ReloadablePerformer, RulebookPaths};
use crate::source::admin::{FoundMistakes, ReloadFailure, ReloadResult, RuleChanges};
use crate::store::{Store, short_digest};

/// Why rules are loaded again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReloadCause {
    Signal,
    Command,
    /// Files have changed.
    Files,
    /// Other rules were pushed.
    Pushed,
}

impl ReloadCause {
    fn as_str(self) -> &'static str {
        match self {
            ReloadCause::Signal => "signal",
            ReloadCause::Command => "command",
            ReloadCause::Files => "changed files",
            ReloadCause::Pushed => "pushed rules",
        }
    }
}

/// What was loaded, and what came of it.
struct Reloaded {
    changes: RuleChanges,
    found: FoundMistakes,
}

/// Loads the rules again, and notes and logs what came of it.
pub(super) async fn reload_from<S: Store>(
    rules: &mut RulesSource,
    watcher: &mut FileWatcher,
    engine: &Engine<S, ReloadablePerformer>,
    cause: ReloadCause,
) -> ReloadResult {
    engine.shared.reloads.begin();
    service_manager::reloading();
    let reloaded = load(rules, watcher, engine).await;
    let result = reloaded.as_ref().map(drop).map_err(drop);
    engine
        .metrics()
        .reloads()
        .count(result, engine.shared.now());
    let is_repeated = engine.note_reload(reloaded.as_ref().err());
    engine.shared.reloads.end();
    let rulebook = engine.rulebook();
    let count = rulebook.rules.rules.len();
    service_manager::reloaded(reloaded.is_ok().then_some(count));
    let active = engine.shared.active.load_full();
    let revision = active.revision(engine.store()).await.ok().map(|id| id.0);
    let cause_name = cause.as_str();
    match reloaded {
        Ok(Reloaded { changes, found }) => {
            let pushed = rulebook.pushed().map(|pushed| short_digest(&pushed.digest));
            info!(
                rules = count,
                pushed,
                cause = cause_name,
                rules_added = changes.added.len(),
                rules_changed = changes.changed.len(),
                rules_removed = changes.removed.len(),
                "reloaded"
            );
            ReloadResult {
                failure: None,
                rules: count,
                revision,
                changes,
                found,
            }
        }
        Err(error) => {
            match cause {
                // The same mistakes as before, which nobody asked for again.
                ReloadCause::Files if is_repeated => debug!(%error, "not reloaded, as before"),
                ReloadCause::Files
                | ReloadCause::Signal
                | ReloadCause::Command
                | ReloadCause::Pushed => log_failure(&error, cause_name),
            }
            ReloadResult {
                failure: Some(ReloadFailure {
                    reason: error.to_string(),
                    is_of_rules: is_of_rules(&error),
                }),
                rules: count,
                revision,
                changes: RuleChanges::default(),
                found: found(&error),
            }
        }
    }
}

async fn load<S: Store>(
    rules: &mut RulesSource,
    watcher: &mut FileWatcher,
    engine: &Engine<S, ReloadablePerformer>,
) -> Result<Reloaded, EngineError> {
    let read = match rules.load(|_| {}) {
        Ok(read) => read,
        Err(error) => {
            watcher.forget_loaded();
            return Err(error);
        }
    };
    watcher.note_loaded(read.files.clone(), read.fingerprint);
    let adopted = adopt(read, engine).await;
    if let Err(EngineError::Store(_)) = &adopted {
        watcher.forget_loaded();
    }
    adopted
}

/// Loads the rulebook again. New rules and their secrets take effect together or not at all.
pub async fn reload<S: Store>(
    paths: RulebookPaths,
    engine: &Engine<S, ReloadablePerformer>,
) -> Result<usize, EngineError> {
    let files = LoadedFiles::of(&paths);
    let read = read_blocking(move || consistent_read::read(&files, || paths.read())).await;
    adopt(read.map_err(|_| EngineError::FilesChanging)?, engine).await?;
    Ok(engine.rulebook().rules.rules.len())
}

async fn adopt<S: Store>(
    read: ConsistentRead,
    engine: &Engine<S, ReloadablePerformer>,
) -> Result<Reloaded, EngineError> {
    let loaded = read.loaded;
    if loaded.diagnostics.has_errors() {
        return Err(EngineError::Rules(Box::new(loaded)));
    }
    log::warnings(&loaded);
    endpoints::check_public_listener(
        &loaded.rulebook.config,
        engine.shared.options.public_address,
    )?;
    let secrets = read.secrets.map_err(EngineError::Secrets)?;
    let before = engine.rulebook();
    let started = engine.shared.reloads.started_with(&before.config);
    let at_next_start = started.changed(&loaded.rulebook.config);
    if !at_next_start.is_empty() {
        let keys = at_next_start.join(", ");
        warn!(keys, "changed settings take effect at the next start");
    }
    let performer = engine.performer().renewed(&secrets, &loaded.rulebook)?;
    let renew = |current: &ReloadablePerformer| current.replace(performer);
    let found = FoundMistakes::new(&loaded.rulebook.files, &loaded.diagnostics);
    let rulebook = engine.adopt(loaded, renew).await?;
    endpoints::log_endpoints(&rulebook);
    Ok(Reloaded {
        changes: RuleChanges {
            at_next_start: at_next_start.into_iter().map(str::to_owned).collect(),
            ..changes_between(&before, &rulebook)
        },
        found,
    })
}

fn log_failure(error: &EngineError, cause: &'static str) {
    match error {
        EngineError::Rules(loaded) => log::errors(loaded),
        EngineError::Listen(error) => error!("{error}"),
        EngineError::Secrets(missing) => {
            missing.iter().for_each(|secret| error!("{secret}"));
        }
        error => error!(%error, "failed to load the rules again"),
    }
    error!(cause, "not reloaded: the previous rules stay in use");
}

/// Whether the error is corrected in rules, configuration or secrets.
fn is_of_rules(error: &EngineError) -> bool {
    match error {
        EngineError::Rules(_) | EngineError::Secrets(_) | EngineError::Listen(_) => true,
        EngineError::FilesChanging
        | EngineError::Certificate(_)
        | EngineError::Activation(_)
        | EngineError::Store(_)
        | EngineError::Open(_)
        | EngineError::Action(_)
        | EngineError::Folder(_)
        | EngineError::Socket(_)
        | EngineError::Pushed(_)
        | EngineError::PushedWithoutDatabase
        | EngineError::Serve(_)
        | EngineError::Signals(_)
        | EngineError::Interrupted => false,
    }
}

fn found(error: &EngineError) -> FoundMistakes {
    match mistakes(error) {
        Some(LoadedRulebook {
            rulebook,
            diagnostics,
            ..
        }) => FoundMistakes::new(&rulebook.files, diagnostics),
        None => FoundMistakes::default(),
    }
}

/// The mistakes in rules and configuration, if they are the reason.
pub(super) fn mistakes(error: &EngineError) -> Option<&LoadedRulebook> {
    match error {
        EngineError::Rules(loaded) => Some(loaded),
        EngineError::FilesChanging
        | EngineError::Certificate(_)
        | EngineError::Activation(_)
        | EngineError::Secrets(_)
        | EngineError::Listen(_)
        | EngineError::Store(_)
        | EngineError::Open(_)
        | EngineError::Action(_)
        | EngineError::Folder(_)
        | EngineError::Socket(_)
        | EngineError::Pushed(_)
        | EngineError::PushedWithoutDatabase
        | EngineError::Serve(_)
        | EngineError::Signals(_)
        | EngineError::Interrupted => None,
    }
}
