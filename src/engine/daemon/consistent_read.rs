//! Reads rules, configuration and secrets as they are at one time: if a file changes meanwhile, all are read again.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::load_all_secrets;
use crate::action::secret::{MissingSecret, SecretStore};
use crate::engine::LoadedRulebook;
use crate::engine::rulebook::fingerprint::{FilesFingerprint, LoadedFiles};

/// How often changing files are read, with a longer pause before each attempt.
const MAX_READS: u32 = 8;
const PAUSE: Duration = Duration::from_millis(100);
/// Two changes of a file within this time can leave the same times.
const TIME_GRAIN: Duration = Duration::from_millis(20);

/// Rules and configuration with the secrets of the same time.
pub(super) struct ConsistentRead {
    pub loaded: LoadedRulebook,
    /// Not read if the rules have errors.
    pub secrets: Result<SecretStore, Vec<MissingSecret>>,
    pub files: LoadedFiles,
    pub fingerprint: FilesFingerprint,
}

/// Every attempt found changed files.
#[derive(Debug)]
pub(super) struct FilesChanging;

/// Reads until nothing changes meanwhile. Blocks.
pub(super) fn read(
    files: &LoadedFiles,
    mut load: impl FnMut() -> LoadedRulebook,
) -> Result<ConsistentRead, FilesChanging> {
    for attempt in 0..MAX_READS {
        std::thread::sleep(PAUSE * attempt);
        let before = files.look();
        let age = before.age(Timestamp::now());
        if let Ok(rest) =
            Duration::try_from(SignedDuration::try_from(TIME_GRAIN).unwrap_or_default() - age)
        {
            std::thread::sleep(rest);
        }
        let mut loaded = load();
        let named = LoadedFiles::named_by(&loaded.rulebook);
        let with_named = files.clone().with_named(named);
        // The secrets are read after this look, the rest between both.
        let fingerprint = with_named.look();
        let secrets = match loaded.diagnostics.has_errors() {
            true => Ok(SecretStore::none()),
            false => load_all_secrets(&mut loaded.rulebook),
        };
        // The calendars were read before the look, with the configuration.
        let is_same = files.look() == before && with_named.look() == fingerprint;
        if is_same && loaded.rulebook.has_read_calendars() {
            return Ok(ConsistentRead {
                loaded,
                secrets,
                files: with_named,
                fingerprint,
            });
        }
    }
    Err(FilesChanging)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::fs;

    use super::*;
    use crate::engine::{ConfigFile, RulebookPaths};

    fn rule(name: &str) -> String {
        format!(
            "name: {name}\nevent_source: support\nevent_type: ticket.TicketCreated\nflow:\n  - succeed: fine\n"
        )
    }

    fn names(read: &ConsistentRead) -> Vec<&str> {
        let rules = read.loaded.rulebook.rules.rules.iter();
        rules.map(|rule| rule.name.as_str()).collect()
    }

    #[test]
    fn rules_that_change_while_they_are_read_are_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| fs::write(folder.path().join(path), text).unwrap();
        fs::create_dir(folder.path().join("rules")).unwrap();
        write("rules/a.yaml", &rule("a-1"));
        write("rules/b.yaml", &rule("b-1"));
        let paths = RulebookPaths {
            config: ConfigFile::IfThere(folder.path().join("flowtrigger.yaml")),
            ..RulebookPaths::new(folder.path().join("rules"))
        };
        let loads = Cell::new(0);
        let result = read(&LoadedFiles::of(&paths), || {
            loads.set(loads.get() + 1);
            let loaded = paths.read();
            if loads.get() == 1 {
                // The second half of a set that was read half written.
                write("rules/b.yaml", &rule("b-2"));
                write("rules/a.yaml", &rule("a-2"));
            }
            loaded
        });
        let result = result.expect("the files are stable");
        assert_eq!((names(&result), loads.get()), (vec!["a-2", "b-2"], 2));
    }

    #[test]
    fn a_secret_that_changes_while_it_is_read_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let secret = path("key");
        fs::write(path("rules.yaml"), rule("a")).unwrap();
        fs::write(&secret, "one").unwrap();
        let config = format!("secrets: {{ KEY: {{ file: '{}' }} }}\n", secret.display());
        fs::write(path("flowtrigger.yaml"), config).unwrap();
        let paths = RulebookPaths {
            config: ConfigFile::Named(path("flowtrigger.yaml")),
            ..RulebookPaths::new(path("rules.yaml"))
        };
        let files = LoadedFiles::of(&paths);
        let first = read(&files, || paths.read()).expect("the files are stable");
        fs::write(&secret, "another").unwrap();
        assert_ne!(first.files.look(), first.fingerprint);
        assert_eq!(files.look(), files.look(), "only the secret changed");
    }

    #[test]
    fn files_that_never_rest_are_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rules.yaml");
        fs::write(&path, rule("a")).unwrap();
        let paths = RulebookPaths::new(&path);
        let loads = Cell::new(0);
        let result = read(&LoadedFiles::of(&paths), || {
            loads.set(loads.get() + 1);
            fs::write(&path, rule(&"b".repeat(loads.get()))).unwrap();
            paths.read()
        });
        assert!(result.is_err());
    }
}
