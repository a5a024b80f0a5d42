//! The file of an unfinished replay, in the data folder: what it takes and how far it has come. It is deleted when the
//! replay has ended.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::report::error::CommandError;
use crate::report::replay::scope::ReplayScope;
use crate::store::ReplayId;
use crate::store::history::{ArchivePosition, EventRowId};

const VERSION: u32 = 1;

/// An unfinished replay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplayFile {
    v: u32,
    id: String,
    pub started: Timestamp,
    /// The options as given: the same command continues it.
    pub command: String,
    pub scope: ReplayScope,
    /// Events in all, as counted at the start.
    pub total: usize,
    pub progress: ReplayProgress,
    /// The rate as given.
    #[serde(default)]
    pub rate: Option<String>,
    /// Whether it was read from its file, so that an interrupted replay continues.
    #[serde(skip)]
    pub continued: bool,
}

/// How far a replay has come.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ReplayProgress {
    /// Events that were read.
    pub events: usize,
    /// Runs that were started.
    pub runs: usize,
    /// Runs that this replay had started before.
    pub repeated: usize,
    /// Runs that were left out because another command had planned or continued one meanwhile.
    #[serde(default)]
    pub left_out: usize,
    pub rejected: usize,
    /// The last event of the archive that was completed: time and row.
    after: Option<(Timestamp, i64)>,
}

impl ReplayProgress {
    pub fn position(&self) -> Option<ArchivePosition> {
        let (received, row) = self.after?;
        let row = EventRowId(row);
        Some(ArchivePosition { received, row })
    }

    pub fn set_position(&mut self, position: ArchivePosition) {
        self.after = Some((position.received, position.row.0));
    }
}

impl ReplayFile {
    pub fn new(id: ReplayId, started: Timestamp, command: String, scope: ReplayScope) -> Self {
        Self {
            v: VERSION,
            id: id.to_string(),
            started,
            command,
            scope,
            total: 0,
            progress: ReplayProgress::default(),
            rate: None,
            continued: false,
        }
    }

    pub fn id(&self) -> ReplayId {
        self.id
            .parse()
            .expect("ids of files are checked when they are read")
    }

    /// Writes the file, so that a crash leaves either this text or the one before.
    pub fn save(&self, data: &Path) -> Result<(), CommandError> {
        let path = path(data, self.id());
        self.write(&path).map_err(|error| {
            CommandError::runtime(format!("failed to write `{}`: {error}", path.display()))
        })
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().unwrap_or(path);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let new = path.with_extension("new");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&new)?;
        file.write_all(serde_json::to_string(self)?.as_bytes())?;
        file.sync_data()?;
        fs::rename(&new, path)
    }

    /// Deletes the file of a replay that has ended.
    pub fn delete(&self, data: &Path) -> Result<(), CommandError> {
        let path = path(data, self.id());
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(CommandError::runtime(
                format!("failed to delete `{}`: {error}", path.display()),
            )),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// The unfinished replay with this id.
    pub fn load(data: &Path, id: ReplayId) -> Result<Self, CommandError> {
        let path = path(data, id);
        if path.exists() {
            return read(&path);
        }
        let failure = CommandError::nothing(format!("there is no unfinished replay {id}"));
        let others: Vec<String> = unfinished(data)?.into_iter().map(|file| file.id).collect();
        Err(failure.help(match others.is_empty() {
            true => "no replay is unfinished; `flowtrigger replay --since TIME` begins one".into(),
            false => format!("unfinished: {}", others.join(", ")),
        }))
    }

    /// The newest unfinished replay that the same command began.
    pub fn find(data: &Path, command: &str) -> Result<Option<Self>, CommandError> {
        let mut files = unfinished(data)?;
        files.retain(|file| file.command == command);
        Ok(files.into_iter().max_by_key(|file| file.started))
    }
}

fn folder(data: &Path) -> PathBuf {
    data.join("replays")
}

fn path(data: &Path, id: ReplayId) -> PathBuf {
    folder(data).join(format!("{id}.json"))
}

fn unfinished(data: &Path) -> Result<Vec<ReplayFile>, CommandError> {
    let folder = folder(data);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable_folder(data, &error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry
            .map_err(|error| unreadable(&folder, &error.to_string()))?
            .path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            files.push(read(&path)?);
        }
    }
    Ok(files)
}

fn read(path: &Path) -> Result<ReplayFile, CommandError> {
    let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error.to_string()))?;
    let mut file: ReplayFile =
        serde_json::from_str(&text).map_err(|error| unreadable(path, &error.to_string()))?;
    file.continued = true;
    let named = path
        .file_stem()
        .is_some_and(|stem| stem == file.id.as_str());
    match (file.v, named, file.id.parse::<ReplayId>()) {
        (VERSION, true, Ok(_)) => Ok(file),
        (_, _, _) => Err(unreadable(path, "it is of another version")),
    }
}

/// The folder is not the file of one replay: deleting it helps nobody.
fn unreadable_folder(data: &Path, error: &io::Error) -> CommandError {
    let shown = data.display();
    match error.kind() {
        io::ErrorKind::NotADirectory => {
            CommandError::runtime(format!("`{shown}` is a file, not a data folder"))
                .help("`--data` takes the folder of a daemon")
        }
        io::ErrorKind::PermissionDenied => {
            CommandError::runtime(format!("failed to read `{shown}`: permission denied"))
                .help("run the command as the user of the daemon")
        }
        _ => CommandError::runtime(format!(
            "failed to read `{}`: {error}",
            folder(data).display()
        )),
    }
}

fn unreadable(path: &Path, why: &str) -> CommandError {
    CommandError::runtime(format!("failed to read `{}`: {why}", path.display()))
        .help("delete it to give the unfinished replay up")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::replay::scope::{ReplayRules, SelectedRuns, SupersededRuns};

    fn file(second: i64, command: &str) -> ReplayFile {
        let started = Timestamp::from_second(second).unwrap();
        let scope = ReplayScope::Runs(SelectedRuns {
            runs: vec![3, 1],
            rules: ReplayRules::ItsRule,
            superseded: SupersededRuns::Include,
        });
        ReplayFile::new(
            ReplayId::starting_at(started),
            started,
            command.into(),
            scope,
        )
    }

    #[test]
    fn an_unfinished_replay_is_found_by_its_id_and_by_its_command() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(ReplayFile::find(data.path(), "a").unwrap(), None);
        let (mut old, mut new) = (file(1, "a"), file(2, "a"));
        new.progress.events = 7;
        new.progress.set_position(ArchivePosition {
            received: Timestamp::UNIX_EPOCH,
            row: EventRowId(4),
        });
        for file in [&old, &new, &file(3, "b")] {
            file.save(data.path()).unwrap();
        }
        (old.continued, new.continued) = (true, true);
        assert_eq!(
            ReplayFile::find(data.path(), "a").unwrap().as_ref(),
            Some(&new)
        );
        assert_eq!(ReplayFile::load(data.path(), old.id()).unwrap(), old);
        new.delete(data.path()).unwrap();
        new.delete(data.path()).unwrap();
        assert_eq!(ReplayFile::find(data.path(), "a").unwrap(), Some(old));
        let unknown = ReplayFile::load(data.path(), new.id()).unwrap_err();
        assert!(
            unknown.to_string().contains("no unfinished replay"),
            "{unknown}"
        );
    }

    #[test]
    fn a_file_as_data_folder_is_not_to_be_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("flowtrigger.yaml");
        fs::write(&config, "mode: live").unwrap();
        let error = ReplayFile::find(&config, "a").unwrap_err();
        assert!(
            error.to_string().contains("is a file, not a data folder"),
            "{error}"
        );
        assert!(!format!("{error:?}").contains("delete"), "{error:?}");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_an_error_and_no_new_replay() {
        let data = tempfile::tempdir().unwrap();
        let file = file(1, "a");
        file.save(data.path()).unwrap();
        fs::write(path(data.path(), file.id()), "{").unwrap();
        let error = ReplayFile::find(data.path(), "a").unwrap_err();
        assert!(error.to_string().starts_with("failed to read"), "{error}");
    }
}
