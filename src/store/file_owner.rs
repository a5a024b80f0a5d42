//! Finds the file that another user of the machine owns, such as one that a command of root has written into the folder
//! of the daemon.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What to do about the first of the files that exists and belongs to another user than this process; `None` if all
/// are its own.
pub fn foreign_owner(files: &[PathBuf]) -> Option<String> {
    owned_by_others(files, rustix::process::geteuid().as_raw())
}

fn owned_by_others(files: &[PathBuf], user: u32) -> Option<String> {
    files.iter().find_map(|file| {
        let owner = owner(file).filter(|owner| *owner != user)?;
        Some(format!(
            "`{0}` belongs to user {owner}, and this process is of user {user}: run flowtrigger and its commands as the user of the daemon, or give it the file with `chown {user} {0}`",
            file.display()
        ))
    })
}

fn owner(file: &Path) -> Option<u32> {
    file.symlink_metadata().ok().map(|found| found.uid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_another_user_is_named_with_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let (lock, missing) = (folder.path().join("lock"), folder.path().join("missing"));
        std::fs::write(&lock, "").unwrap();
        let files = [missing, lock.clone()];
        assert_eq!(foreign_owner(&files), None);
        let own = owner(&lock).unwrap();
        let help = owned_by_others(&files, own + 1).unwrap();
        let expected = format!("`{}` belongs to user {own}, and", lock.display());
        assert!(help.starts_with(&expected), "{help}");
        assert!(help.contains(&format!("`chown {} ", own + 1)), "{help}");
    }
}
