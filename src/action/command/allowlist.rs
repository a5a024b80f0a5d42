//! The programs that rules may run, as listed under `commands.allow`.
//! Programs are compared by the file that a path resolves to, not by name.

use std::io;
use std::path::{Path, PathBuf};

use super::code_variables::loads_code;
use super::find_program;
use crate::action::preflight::PreflightIssue;
use flowtrigger_core::config::commands::Commands;
use flowtrigger_core::run::call_result::CallFailure;

/// The list as configured. Paths are resolved when a program runs, so that a system update does not make
/// them stale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramAllowlist(Vec<AllowlistEntry>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum AllowlistEntry {
    File(PathBuf),
    /// Any program directly in a folder.
    In(PathBuf),
}

impl ProgramAllowlist {
    /// `None` if any program may run. `folder` is that of the configuration file.
    pub fn from_config(commands: &Commands, folder: &Path) -> Option<Self> {
        let allowed = commands.allow.as_ref()?;
        let entries = allowed.iter().map(|path| match path.strip_suffix("/*") {
            Some("") => AllowlistEntry::In("/".into()),
            Some(parent) => AllowlistEntry::In(folder.join(parent)),
            None => AllowlistEntry::File(folder.join(path)),
        });
        Some(Self(entries.collect()))
    }

    /// Returns the file to run with all links resolved, or why it may not run.
    pub(super) fn admit(&self, found: &Path, shown: &str) -> Result<PathBuf, CallFailure> {
        match self.follow(found) {
            Ok(Some(file)) => Ok(file),
            Ok(None) => Err(CallFailure::permanent(
                not_allowed(shown, found).to_string(),
            )),
            Err(error) => Err(CallFailure::transient(format!(
                "the file of the command `{shown}` cannot be resolved ({error}); try again"
            ))),
        }
    }

    /// The file that a path resolves to, if it may run.
    fn follow(&self, found: &Path) -> io::Result<Option<PathBuf>> {
        let real = found.canonicalize()?;
        let beside = found.parent().and_then(|parent| parent.canonicalize().ok());
        let admits = |entry: &AllowlistEntry| match entry {
            AllowlistEntry::File(path) => path.canonicalize().is_ok_and(|path| path == real),
            // A user who can create a link in the folder can also create a program there.
            AllowlistEntry::In(folder) => folder.canonicalize().is_ok_and(|folder| {
                real.parent() == Some(&*folder) || beside.as_deref() == Some(&*folder)
            }),
        };
        Ok(self.0.iter().any(admits).then_some(real))
    }

    /// Rejects a variable of a step with which an allowed program would run other code.
    pub(super) fn admit_variable(&self, name: &str) -> Result<(), CallFailure> {
        match self.check_variable(name) {
            Some(issue) => Err(CallFailure::permanent(issue.to_string())),
            None => Ok(()),
        }
    }

    /// Returns why a step may not set a variable.
    pub fn check_variable(&self, name: &str) -> Option<PreflightIssue> {
        loads_code(name).then(|| {
            PreflightIssue::new(
                format!("`{name}` under `env` can make an allowed program run other code"),
                "remove it, because `commands.allow` limits the programs; an allowed script can set it",
            )
        })
    }

    /// Returns why a program of a rule may not run. One that does not exist on this machine is checked by its
    /// path.
    pub fn check(&self, name: &str, folder: &Path, path: Option<&str>) -> Option<PreflightIssue> {
        match find_program::find(name, name, folder, path) {
            Ok(found) => match self.follow(&found) {
                Ok(Some(_)) | Err(_) => None,
                Ok(None) => Some(not_allowed(name, &found)),
            },
            Err(_) if self.may_name(name) => None,
            Err(_) => Some(not_allowed(name, Path::new(name))),
        }
    }

    fn may_name(&self, name: &str) -> bool {
        let name = Path::new(name).file_name();
        self.0.iter().any(|entry| match entry {
            AllowlistEntry::File(path) => path.file_name() == name,
            AllowlistEntry::In(_) => true,
        })
    }
}

fn not_allowed(shown: &str, found: &Path) -> PreflightIssue {
    // Without the `./` of the rule.
    let path: PathBuf = found.components().collect();
    let path = path.display();
    PreflightIssue::new(
        format!("the command `{shown}` is not an allowed program"),
        format!("to allow it, add `{path}` to `commands.allow` in flowtrigger.yaml"),
    )
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    /// `bin/a`, `bin/b`, `other/c`, links `bin/to-c` and `other/to-a`.
    fn programs_folder() -> tempfile::TempDir {
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

    fn programs(folder: &Path, allow: &[&str]) -> ProgramAllowlist {
        let commands = Commands {
            allow: Some(allow.iter().map(|path| (*path).to_owned()).collect()),
        };
        ProgramAllowlist::from_config(&commands, folder).unwrap()
    }

    #[test]
    fn a_program_is_identified_by_its_resolved_file() {
        let folder = programs_folder();
        let root = folder.path().canonicalize().unwrap();
        for (allow, run, expected) in [
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
            assert_eq!(admitted.is_ok(), expected, "{allow:?} {run}");
            if let Ok(file) = admitted {
                assert_eq!(file, root.join(run).canonicalize().unwrap());
            }
        }
    }

    #[test]
    fn a_program_that_is_not_allowed_fails_permanently_with_help() {
        let folder = programs_folder();
        let failure = programs(folder.path(), &["bin/a"])
            .admit(&folder.path().join("bin/b"), "./bin/b")
            .unwrap_err();
        assert!(!failure.retryable);
        assert_eq!(
            failure.message,
            format!(
                "the command `./bin/b` is not an allowed program; to allow it, add \
                 `{}/bin/b` to `commands.allow` in flowtrigger.yaml",
                folder.path().display()
            )
        );
    }

    #[test]
    fn a_program_that_does_not_exist_is_checked_by_its_path() {
        let folder = programs_folder();
        let programs = programs(folder.path(), &["/usr/local/bin/only-there", "./bin/a"]);
        let is_denied = |name: &str| {
            programs
                .check(name, folder.path(), Some("/nowhere"))
                .is_some()
        };
        assert!(!is_denied("only-there"));
        assert!(!is_denied("/usr/local/bin/only-there"));
        assert!(is_denied("neither"));
        assert!(!is_denied("./bin/a"));
        assert!(is_denied("./bin/b"));
    }
}
