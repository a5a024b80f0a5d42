//! The lock of the replay that is in progress in a data folder: two at the same time would send the same events twice.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use crate::report::error::CommandError;
use crate::store::ReplayId;

/// Held until it is dropped, or the process ends.
#[derive(Debug)]
pub struct ReplayLock {
    _file: File,
}

impl ReplayLock {
    /// # Errors
    /// If another process replays events of this data folder.
    pub fn take(data: &Path, replay: ReplayId) -> Result<Self, CommandError> {
        let path = data.join("replays").join("lock");
        let failed = |error: io::Error| {
            CommandError::runtime(format!("failed to lock `{}`: {error}", path.display()))
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(data.join("replays"))
            .map_err(failed)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.mode(0o600).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder).map_err(failed)?;
                let failure = CommandError::runtime(format!("{holder} is in progress"));
                return Err(failure.help("wait until it has ended, or stop it with Ctrl-C; `--new` begins another one beside it"));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let text = format!("replay {replay} (process {})", std::process::id());
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(text.as_bytes()))
            .map_err(failed)?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_replay_is_refused_until_the_first_has_ended() {
        let data = tempfile::tempdir().unwrap();
        let first = ReplayLock::take(data.path(), ReplayId(1)).unwrap();
        let refused = ReplayLock::take(data.path(), ReplayId(2)).unwrap_err();
        let process = std::process::id();
        assert!(
            refused
                .to_string()
                .starts_with(&format!("replay r1 (process {process}) is in progress")),
            "{refused}"
        );
        drop(first);
        ReplayLock::take(data.path(), ReplayId(2)).unwrap();
    }
}
