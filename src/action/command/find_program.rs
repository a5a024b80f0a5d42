//! Finds the program of a command: relative to the rule's folder if it contains a slash, else on `PATH`.
//! A bare name is never looked up in the working directory.

use flowtrigger_core::run::call_result::CallFailure;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The search path if `PATH` is not set.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Returns the program's file. `shown` is its name in messages, without secrets.
pub(super) fn find(
    name: &str,
    shown: &str,
    folder: &Path,
    path: Option<&str>,
) -> Result<PathBuf, CallFailure> {
    if name.contains('/') {
        return beside(&folder.join(name), shown, folder);
    }
    let path = path.unwrap_or(DEFAULT_PATH);
    // An empty or relative entry would mean the working directory of the process.
    let places = || path.split(':').filter(|place| place.starts_with('/'));
    let files = || places().map(|place| Path::new(place).join(name));
    if let Some(file) = files().find(|file| kind(file) == ProgramKind::Program) {
        return Ok(file);
    }
    if let Some(file) = files().find(|file| kind(file) == ProgramKind::NotExecutable) {
        return Err(not_executable(shown, &file.display().to_string()));
    }
    Err(CallFailure::permanent(format!(
        "the command `{shown}` was not found on PATH (looked in {}); install it, or write the \
         path of a program beside the rule, such as `./bin/{shown}`",
        places().collect::<Vec<_>>().join(", ")
    )))
}

fn beside(file: &Path, shown: &str, folder: &Path) -> Result<PathBuf, CallFailure> {
    let place = format!("looked in `{}`", folder.display());
    match kind(file) {
        ProgramKind::Program => Ok(file.to_owned()),
        ProgramKind::NotExecutable => Err(not_executable(shown, shown)),
        ProgramKind::Folder => Err(CallFailure::permanent(format!(
            "the command `{shown}` is a folder ({place}); name a program in it"
        ))),
        ProgramKind::Inaccessible => Err(CallFailure::permanent(format!(
            "permission denied for the folder of the command `{shown}` ({place}); let the user that runs flowtrigger read it"
        ))),
        ProgramKind::Absent => Err(CallFailure::permanent(format!(
            "the command `{shown}` was not found ({place}); correct the path, which is relative to the rule's folder"
        ))),
    }
}

fn not_executable(shown: &str, file: &str) -> CallFailure {
    CallFailure::permanent(format!(
        "permission denied: the command `{shown}` is not executable; run `chmod +x {file}`"
    ))
}

#[derive(PartialEq)]
enum ProgramKind {
    Program,
    NotExecutable,
    Folder,
    /// Its folder is not accessible.
    Inaccessible,
    Absent,
}

fn kind(file: &Path) -> ProgramKind {
    match fs::metadata(file) {
        Ok(found) if found.is_dir() => ProgramKind::Folder,
        Ok(found) if found.permissions().mode() & 0o111 == 0 => ProgramKind::NotExecutable,
        Ok(_) => ProgramKind::Program,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => ProgramKind::Inaccessible,
        Err(_) => ProgramKind::Absent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(name: &str, folder: &Path, path: Option<&str>) -> String {
        let failure = find(name, name, folder, path).unwrap_err();
        assert!(!failure.retryable);
        failure.message
    }

    #[test]
    fn a_bare_name_is_found_on_path_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/bin/sh", folder.path().join("mine")).unwrap();
        assert_eq!(
            find("sh", "sh", folder.path(), Some(":.:/bin")).unwrap(),
            Path::new("/bin/sh")
        );
        assert_eq!(
            message("mine", folder.path(), Some(":.:/bin:/nowhere")),
            "the command `mine` was not found on PATH (looked in /bin, /nowhere); install it, or \
             write the path of a program beside the rule, such as `./bin/mine`"
        );
        assert!(find("./mine", "./mine", folder.path(), None).is_ok());
    }

    #[test]
    fn what_is_there_but_cannot_run_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("text"), "").unwrap();
        std::fs::create_dir(folder.path().join("folder")).unwrap();
        let path = folder.path().display().to_string();
        assert_eq!(
            message("./text", folder.path(), None),
            "permission denied: the command `./text` is not executable; run `chmod +x ./text`"
        );
        assert!(message("text", Path::new("/"), Some(&path)).contains("is not executable"));
        assert!(message("./folder", folder.path(), None).contains("is a folder"));
        assert!(message("./gone", folder.path(), None).contains(&path));
    }
}
