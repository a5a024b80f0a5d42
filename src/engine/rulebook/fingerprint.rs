//! Fingerprints the files that a load reads without opening them: path, device, inode, size and times of each.
//! Symbolic links are followed, so that the replacement of a link shows.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use super::{ConfigFile, Rulebook, RulebookPaths, folder};
use flowtrigger_core::secret::SecretSource;

/// The state of some files at one time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FilesFingerprint {
    digest: u64,
    /// When the last one changed, in nanoseconds since 1970.
    newest: i128,
}

/// The files that a load reads.
#[derive(Debug, Clone)]
pub struct LoadedFiles {
    /// `None` if the rules are not in files.
    rules: Option<PathBuf>,
    config: PathBuf,
    /// Files that the configuration names.
    named: Vec<PathBuf>,
}

impl LoadedFiles {
    /// Rules and configuration.
    pub fn of(paths: &RulebookPaths) -> Self {
        Self {
            rules: Some(paths.rules.clone()),
            ..Self::of_config(paths)
        }
    }

    /// The configuration alone.
    pub fn of_config(paths: &RulebookPaths) -> Self {
        let (ConfigFile::Named(config) | ConfigFile::IfThere(config)) = &paths.config;
        Self {
            rules: None,
            config: config.clone(),
            named: Vec::new(),
        }
    }

    /// The files that a configuration names: with secrets, with authorities and certificates of connections, and calendars.
    /// A path of a secret can be that of a folder.
    pub fn named_by(rulebook: &Rulebook) -> Vec<PathBuf> {
        let config = &rulebook.config;
        let sources = config.secrets.iter();
        let secrets = sources.filter_map(|(name, source)| match source {
            // Fixed at the start of the process.
            SecretSource::Env(_) | SecretSource::Credential(_) => None,
            SecretSource::File(path) => Some([path.join(name), path.clone()]),
        });
        let connections = config.connections.values();
        let tls = connections.filter_map(|connection| connection.tls.as_deref());
        let tls = tls.flat_map(|tls| {
            let identity = tls.identity.iter();
            let identity = identity.flat_map(|found| [&found.certificate, &found.key]);
            tls.ca.iter().chain(identity).cloned()
        });
        let calendars = rulebook.calendars().map(|(_, path)| path);
        secrets.flatten().chain(tls).chain(calendars).collect()
    }

    pub fn with_named(self, named: Vec<PathBuf>) -> Self {
        Self { named, ..self }
    }

    /// Looks at all files. Blocks: with many rules it takes some hundred milliseconds.
    pub fn look(&self) -> FilesFingerprint {
        let mut looked = Look::default();
        if let Some(rules) = &self.rules {
            looked.at_rules(rules);
        }
        looked.at(&self.config);
        for named in &self.named {
            looked.at(named);
        }
        looked.fingerprint()
    }
}

impl FilesFingerprint {
    /// How long ago the last file changed, at a time. A time of the file system that is ahead counts as now.
    pub fn age(&self, now: Timestamp) -> SignedDuration {
        let age = (now.as_nanosecond() - self.newest).max(0);
        SignedDuration::from_nanos(i64::try_from(age).unwrap_or(i64::MAX))
    }
}

#[derive(Default)]
struct Look {
    hasher: DefaultHasher,
    newest: i128,
}

impl Look {
    fn at_rules(&mut self, path: &Path) {
        let found = folder::find(path);
        for rule in &found.rules {
            self.at(rule);
        }
        // Their texts are read when they run.
        found.tests.hash(&mut self.hasher);
        for error in &found.errors {
            format!("{error:?}").hash(&mut self.hasher);
        }
    }

    fn at(&mut self, path: &Path) {
        path.hash(&mut self.hasher);
        match fs::metadata(path) {
            Ok(file) => {
                let changed =
                    i128::from(file.ctime()) * 1_000_000_000 + i128::from(file.ctime_nsec());
                // The time of the change shows new permissions too, and a file that keeps its times.
                let state = (file.dev(), file.ino(), file.size(), changed);
                (state, file.mtime(), file.mtime_nsec()).hash(&mut self.hasher);
                self.newest = self.newest.max(changed);
            }
            Err(error) => error.kind().hash(&mut self.hasher),
        }
    }

    fn fingerprint(self) -> FilesFingerprint {
        FilesFingerprint {
            digest: self.hasher.finish(),
            newest: self.newest,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn places(folder: &Path) -> RulebookPaths {
        RulebookPaths {
            config: ConfigFile::IfThere(folder.join("flowtrigger.yaml")),
            ..RulebookPaths::new(folder.join("rules"))
        }
    }

    /// Each change is seen, and nothing else.
    #[test]
    fn every_change_of_a_file_shows() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        let write = |path: &str, text: &str| fs::write(at(path), text).unwrap();
        let secrets = vec![at("secret")];
        let look = || {
            let files = LoadedFiles::of(&places(folder.path()));
            files.with_named(secrets.clone()).look()
        };
        let mut seen = vec![look()];
        let mut changed = |what: &str| {
            let now = look();
            assert!(!seen.contains(&now), "{what}");
            assert_eq!(now, look(), "{what}");
            seen.push(now);
        };
        fs::create_dir(at("rules")).unwrap();
        changed("an empty folder");
        write("rules/a.yaml", "one");
        changed("a new file");
        write("rules/a.yaml", "three");
        changed("another size");
        // As `cp --preserve` does it: the same size, and the time of the one before.
        let modified = fs::metadata(at("rules/a.yaml")).unwrap().modified();
        write("new", "seven");
        let file = fs::File::options().write(true).open(at("new")).unwrap();
        file.set_modified(modified.unwrap()).unwrap();
        fs::rename(at("new"), at("rules/a.yaml")).unwrap();
        changed("another file with the same size and time");
        fs::create_dir(at("rules/deep")).unwrap();
        fs::rename(at("rules/a.yaml"), at("rules/deep/a.yaml")).unwrap();
        changed("another path");
        let locked = fs::Permissions::from_mode(0o400);
        fs::set_permissions(at("rules/deep/a.yaml"), locked).unwrap();
        changed("other permissions");
        write("flowtrigger.yaml", "mode: live");
        changed("a configuration");
        write("secret", "a");
        changed("a secret");
        write("rules/a.test.yaml", "a");
        changed("a new test");
        fs::remove_file(at("rules/deep/a.yaml")).unwrap();
        changed("no file");
        let last = *seen.last().unwrap();
        write("rules/a.test.yaml", "what a load does not read");
        write("rules/notes.md", "no rule");
        assert_eq!(look(), last);
    }

    #[test]
    fn a_replaced_link_shows() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        // As Kubernetes mounts a ConfigMap.
        for version in ["..1", "..2"] {
            fs::create_dir_all(at("rules").join(version)).unwrap();
            fs::write(at("rules").join(version).join("a.yaml"), "rule").unwrap();
        }
        symlink("..1", at("rules/..data")).unwrap();
        symlink("..data/a.yaml", at("rules/a.yaml")).unwrap();
        let look = || LoadedFiles::of(&places(folder.path())).look();
        let before = look();
        assert_eq!(before, look());
        symlink("..2", at("rules/..new")).unwrap();
        fs::rename(at("rules/..new"), at("rules/..data")).unwrap();
        assert_ne!(before, look());
    }
}
