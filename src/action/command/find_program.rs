//! Finds the program that a command names: beside the rule when it is written with a slash, else on PATH.
//! It refuses to ask a shell, and to look in the working directory for a bare name.

use crate::core::run::CallFailure;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Where a bare name is looked for when nobody says.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The program's file. `shown` is its name as it may stand in a message.
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
    // An empty or relative entry would mean whatever folder the process happens to be in.
    let places = || path.split(':').filter(|place| place.starts_with('/'));
    let files = || places().map(|place| Path::new(place).join(name));
    if let Some(file) = files().find(|file| kind(file) == Kind::Program) {
        return Ok(file);
    }
    if let Some(file) = files().find(|file| kind(file) == Kind::NotExecutable) {
        return Err(not_executable(shown, &file.display().to_string()));
    }
    Err(CallFailure::lasting(format!(
        "the command `{shown}` was not found on PATH (looked in {}); install it, or write the \
         path of a program beside the rule, such as `./bin/{shown}`",
        places().collect::<Vec<_>>().join(", ")
    )))
}

fn beside(file: &Path, shown: &str, folder: &Path) -> Result<PathBuf, CallFailure> {
    let place = format!("looked in `{}`", folder.display());
    match kind(file) {
        Kind::Program => Ok(file.to_owned()),
        Kind::NotExecutable => Err(not_executable(shown, shown)),
        Kind::Folder => Err(CallFailure::lasting(format!(
            "the command `{shown}` is a folder ({place}); name a program in it"
        ))),
        Kind::Hidden => Err(CallFailure::lasting(format!(
            "permission denied on the way to the command `{shown}` ({place}); let the user that \
             runs flowtrigger read its folder"
        ))),
        Kind::Absent => Err(CallFailure::lasting(format!(
            "the command `{shown}` was not found ({place}); correct the path, it starts at the \
             rule's folder"
        ))),
    }
}

fn not_executable(shown: &str, file: &str) -> CallFailure {
    CallFailure::lasting(format!(
        "permission denied: the command `{shown}` is not executable; run `chmod +x {file}`"
    ))
}

#[derive(PartialEq)]
enum Kind {
    Program,
    NotExecutable,
    Folder,
    /// Its folder may not be entered.
    Hidden,
    Absent,
}

fn kind(file: &Path) -> Kind {
    match fs::metadata(file) {
        Ok(found) if found.is_dir() => Kind::Folder,
        Ok(found) if found.permissions().mode() & 0o111 == 0 => Kind::NotExecutable,
        Ok(_) => Kind::Program,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Kind::Hidden,
        Err(_) => Kind::Absent,
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
