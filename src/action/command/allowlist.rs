//! The programs that rules may run at all, where the configuration lists them.
//! It refuses to go by what a program is called: what is compared is the file that a path leads to.

use std::io;
use std::path::{Path, PathBuf};

use super::find_program;
use crate::action::preflight::Doubt;
use crate::core::config::Commands;
use crate::core::run::CallFailure;

/// The list as it was configured. Paths are followed when a program is to run, so that an update of
/// the system does not outdate them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs(Vec<Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    File(PathBuf),
    /// What stands directly in a folder.
    In(PathBuf),
}

impl Programs {
    /// None where any program may run. `folder` is the configuration file's.
    pub fn of(commands: &Commands, folder: &Path) -> Option<Self> {
        let allowed = commands.allow.as_ref()?;
        let entries = allowed.iter().map(|path| match path.strip_suffix("/*") {
            Some("") => Entry::In("/".into()),
            Some(parent) => Entry::In(folder.join(parent)),
            None => Entry::File(folder.join(path)),
        });
        Some(Self(entries.collect()))
    }

    /// The very file to run, with every link followed; or why it may not run.
    pub(super) fn admit(&self, found: &Path, shown: &str) -> Result<PathBuf, CallFailure> {
        match self.follow(found) {
            Ok(Some(file)) => Ok(file),
            Ok(None) => Err(CallFailure::lasting(refused(shown, found).to_string())),
            Err(error) => Err(CallFailure::passing(format!(
                "the command `{shown}` cannot be followed to its file ({error}); try again"
            ))),
        }
    }

    /// The file that a path leads to, where it may run.
    fn follow(&self, found: &Path) -> io::Result<Option<PathBuf>> {
        let real = found.canonicalize()?;
        let beside = found.parent().and_then(|parent| parent.canonicalize().ok());
        let admits = |entry: &Entry| match entry {
            Entry::File(path) => path.canonicalize().is_ok_and(|path| path == real),
            // Whoever may put a link there may put a program there.
            Entry::In(folder) => folder.canonicalize().is_ok_and(|folder| {
                real.parent() == Some(&*folder) || beside.as_deref() == Some(&*folder)
            }),
        };
        Ok(self.0.iter().any(admits).then_some(real))
    }

    /// Why a program that a rule names may not run, as far as this machine can tell. One that is not
    /// here is judged by its name.
    pub fn refusal(&self, name: &str, folder: &Path, path: Option<&str>) -> Option<Doubt> {
        match find_program::find(name, name, folder, path) {
            Ok(found) => match self.follow(&found) {
                Ok(Some(_)) | Err(_) => None,
                Ok(None) => Some(refused(name, &found)),
            },
            Err(_) if self.may_name(name) => None,
            Err(_) => Some(refused(name, Path::new(name))),
        }
    }

    fn may_name(&self, name: &str) -> bool {
        let name = Path::new(name).file_name();
        self.0.iter().any(|entry| match entry {
            Entry::File(path) => path.file_name() == name,
            Entry::In(_) => true,
        })
    }
}

fn refused(shown: &str, found: &Path) -> Doubt {
    // Without the `./` that a rule writes.
    let path: PathBuf = found.components().collect();
    let path = path.display();
    Doubt::new(
        format!("the command `{shown}` is not among the programs that may run"),
        format!("if it may, write `{path}` under `commands.allow` in flowtrigger.yaml"),
    )
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    /// `bin/a`, `bin/b`, `other/c`, links `bin/to-c` and `other/to-a`.
    fn house() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["bin", "bin/deep", "other"] {
            fs::create_dir(at(name)).unwrap();
        }
        for name in ["bin/a", "bin/b", "bin/deep/d", "other/c"] {
            fs::write(at(name), "").unwrap();
            fs::set_permissions(at(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        symlink(at("other/c"), at("bin/to-c")).unwrap();
        symlink("../bin/a", at("other/to-a")).unwrap();
        symlink("bin", at("linked")).unwrap();
        folder
    }

    fn programs(folder: &Path, allow: &[&str]) -> Programs {
        let commands = Commands {
            allow: Some(allow.iter().map(|path| (*path).to_owned()).collect()),
        };
        Programs::of(&commands, folder).unwrap()
    }

    #[test]
    fn a_program_is_known_by_the_file_that_its_path_leads_to() {
        let house = house();
        let root = house.path().canonicalize().unwrap();
        for (allow, run, wanted) in [
            (&["./bin/a"][..], "bin/a", true),
            (&["bin/a"], "bin/../bin/a", true),
            (&["bin/a"], "other/to-a", true),
            (&["other/to-a"], "bin/a", true),
            (&["linked/a"], "bin/a", true),
            (&["bin/a"], "bin/b", false),
            (&["bin/*"], "bin/b", true),
            (&["./linked/*"], "bin/b", true),
            (&["bin/*"], "linked/b", true),
            (&["bin/*"], "bin/to-c", true),
            (&["bin/*"], "bin/deep/d", false),
            (&["bin/*"], "other/c", false),
            (&["bin/*"], "other/../other/c", false),
            (&["other/c"], "bin/to-c", true),
            (&["bin"], "bin/a", false),
            (&["gone"], "bin/a", false),
            (&[], "bin/a", false),
        ] {
            let admitted = programs(&root, allow).admit(&root.join(run), run);
            assert_eq!(admitted.is_ok(), wanted, "{allow:?} {run}");
            if let Ok(file) = admitted {
                assert_eq!(file, root.join(run).canonicalize().unwrap());
            }
        }
    }

    #[test]
    fn a_refusal_lasts_and_says_what_to_write() {
        let house = house();
        let failure = programs(house.path(), &["bin/a"])
            .admit(&house.path().join("bin/b"), "./bin/b")
            .unwrap_err();
        assert!(!failure.retryable);
        assert_eq!(
            failure.message,
            format!(
                "the command `./bin/b` is not among the programs that may run; if it may, write \
                 `{}/bin/b` under `commands.allow` in flowtrigger.yaml",
                house.path().display()
            )
        );
    }

    #[test]
    fn what_is_not_here_is_judged_by_its_name() {
        let house = house();
        let programs = programs(house.path(), &["/usr/local/bin/only-there", "./bin/a"]);
        let refused = |name: &str| {
            programs
                .refusal(name, house.path(), Some("/nowhere"))
                .is_some()
        };
        assert!(!refused("only-there"));
        assert!(!refused("/usr/local/bin/only-there"));
        assert!(refused("neither"));
        assert!(!refused("./bin/a"));
        assert!(refused("./bin/b"));
    }
}
