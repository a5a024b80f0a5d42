//! Finds the installed programs of Postgres, and runs them as a user that the server accepts.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where Debian installs each version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The installed server. It does not run as root, so that tests of root run it as another user.
#[derive(Debug, Clone)]
pub struct Installation {
    programs: PathBuf,
    /// User and group of the server's process; `None`: those of this process.
    owner: Option<(u32, u32)>,
}

impl Installation {
    /// The newest installed server.
    pub fn find() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        let versions = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
        let mut versions: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin")).collect();
        versions.sort_by_key(|path| std::cmp::Reverse(version_of(path)));
        folders.extend(versions);
        let programs = folders.into_iter().find(|folder| {
            ["initdb", "postgres", "psql"]
                .iter()
                .all(|program| folder.join(program).is_file())
        })?;
        let owner = match rustix::process::geteuid().is_root() {
            true => Some(user("postgres").or_else(|| user("nobody"))?),
            false => None,
        };
        Some(Self { programs, owner })
    }

    /// A program without the settings of the person who runs the tests, as this process's user.
    pub fn client(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        command.env("LC_ALL", "C").current_dir("/");
        command.stdin(Stdio::null());
        command
    }

    /// A program as the server's user. Signals to the group of this process do not reach it.
    pub fn server(&self, program: &str) -> Command {
        let mut command = self.client(program);
        self.as_server(&mut command);
        command
    }

    /// Lets another program run as the server's user, as [`Self::server`] does.
    pub fn as_server(&self, command: &mut Command) {
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command.process_group(0);
    }

    /// Gives a file, or a folder with all that is in it, to the server's user.
    pub fn give(&self, path: &Path) {
        if let Some((user, group)) = self.owner {
            chown(path, Some(user), Some(group)).expect("root can change the owner");
        }
        if path.is_dir() {
            for entry in fs::read_dir(path).expect("a readable folder") {
                self.give(&entry.expect("an entry").path());
            }
        }
    }

    /// Distinguishes the clusters of different servers and users.
    pub fn label(&self) -> String {
        let version = self.client("postgres").arg("--version").output();
        let version = version.expect("the server prints its version").stdout;
        let version = String::from_utf8_lossy(&version);
        let version = version.split(' ').nth(2).unwrap_or("unknown").trim();
        let user = self.owner.map_or("own", |_| "root");
        format!("{version}-{user}")
    }
}

/// The version in the path of Debian's programs.
fn version_of(programs: &Path) -> u32 {
    let version = programs.parent().and_then(Path::file_name);
    let version = version.and_then(|name| name.to_str());
    version.and_then(|name| name.parse().ok()).unwrap_or(0)
}

/// The ids of a user and its group.
fn user(name: &str) -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let line = users
        .lines()
        .find(|line| line.split(':').next() == Some(name))?;
    let mut ids = line.split(':').skip(2).map_while(|id| id.parse().ok());
    Some((ids.next()?, ids.next()?))
}
