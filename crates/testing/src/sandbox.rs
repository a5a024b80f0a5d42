//! A temporary folder with rules, configuration and data, in which the program runs.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flowtrigger::store::{SqliteStore, StoreSettings};
use serde_json::Value;

use crate::answers::assert_documented;
use crate::program::{self, Output};
use crate::test_store::store_server;
use crate::wait::wait_until;

/// The sockets that a service manager holds for a daemon.
#[derive(Clone, Copy)]
pub struct ActivatingSockets<'a> {
    pub events: &'a TcpListener,
    pub page: Option<&'a TcpListener>,
}

/// Deleted when it is dropped.
pub struct Sandbox {
    folder: tempfile::TempDir,
    program: PathBuf,
    environment: Vec<(String, String)>,
}

impl Sandbox {
    /// A folder with an empty `rules/`, and a database if stores are on Postgres. `program` is the path of the built program:
    /// `env!("CARGO_BIN_EXE_flowtrigger")`, which only integration tests of the root package have.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("rules")).expect("a writable folder");
        // Daemons of several tests run at the same time, and the page has a fixed default address.
        let mut environment = vec![("FLOWTRIGGER_PAGE".into(), "off".into())];
        let database = store_server().map(|server| server.database());
        environment.extend(database.map(|url| ("FLOWTRIGGER_STORE".into(), url)));
        Self {
            folder,
            program: program.into(),
            environment,
        }
    }

    /// Serves the page where the configuration or the default says.
    pub fn with_configured_page(mut self) -> Self {
        self.environment
            .retain(|(name, _)| name != "FLOWTRIGGER_PAGE");
        self
    }

    /// Sets an environment variable for every command.
    pub fn with_env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, and creates its folder if needed.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
        fs::write(path, bytes).expect("a writable file");
    }

    /// Writes the rule file.
    pub fn write_rules(&self, rules: &str) {
        self.write("rules/rules.yaml", rules);
    }

    /// A file's text; empty if there is no such file.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Waits until a command has created a file.
    #[track_caller]
    pub fn wait_for_file(&self, name: &str) {
        wait_until(name, || self.path(name).exists());
    }

    /// The program in this folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program::command(&self.program, self.folder.path(), arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The program in this folder, in the place of a shell that has executed a command before.
    pub fn command_after(&self, shell: &str, arguments: &[&str]) -> Command {
        let script = format!("{shell}; exec \"$0\" \"$@\"");
        let mut command = program::command("sh", self.folder.path(), &["-c", &script]);
        command.arg(&self.program).args(arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The program in this folder with sockets that a service manager has opened: descriptor 3 is the one for events, and
    /// descriptor 4 the one for the page.
    pub fn activated_command(&self, sockets: ActivatingSockets<'_>, arguments: &[&str]) -> Command {
        // Descriptors other than the standard ones are not passed to a child process, so a shell moves them.
        let script = match sockets.page {
            None => "exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_FDNAMES=events",
            Some(_) => {
                "exec 3<&0 4<&1 </dev/null >/dev/null; export LISTEN_FDS=2 LISTEN_FDNAMES=events:page"
            }
        };
        let script = format!("{script} LISTEN_PID=$$; exec \"$0\" \"$@\"");
        let program = self.program.to_str().expect("UTF-8");
        let arguments = [&["-c", &script, program], arguments].concat();
        let mut command = program::command("sh", self.folder.path(), &arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let inherited = |socket: &TcpListener| {
            let socket = socket.try_clone().expect("a descriptor is free");
            Stdio::from(OwnedFd::from(socket))
        };
        command.stdin(inherited(sockets.events));
        command.stdout(sockets.page.map_or_else(Stdio::null, inherited));
        command
    }

    /// Runs the program to its end.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Output {
        let child = self.command(arguments).spawn().expect("it starts");
        let output = Output::new(program::finish(child));
        assert_documented(arguments, &output.stdout);
        output
    }

    /// Runs the program with a text as standard input.
    #[track_caller]
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).spawn().expect("it starts");
        let mut stdin = child.stdin.take().expect("standard input is piped");
        let input = input.to_owned();
        // The program may end before it has read everything.
        let feed = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
        let output = Output::new(program::finish(child));
        feed.join().expect("the input was written");
        assert_documented(arguments, &output.stdout);
        output
    }

    /// Runs the program with one event as input; returns the only JSON line that it prints.
    #[track_caller]
    pub fn run_event(&self, arguments: &[&str], event: &Value) -> Value {
        let output = self.run_with_input(arguments, &event.to_string());
        let lines = output.json_lines();
        assert_eq!(lines.len(), 1, "{output:?}");
        lines[0].clone()
    }

    /// Runs a daemon that is expected to fail at startup.
    #[track_caller]
    pub fn run_daemon(&self) -> Output {
        self.run(&["daemon", "--listen", "127.0.0.1:0"])
    }

    pub fn database(&self) -> PathBuf {
        self.path("data/flowtrigger.db")
    }

    /// Opens the store that a daemon left. Fails if runs were active when it ended without shutdown.
    #[track_caller]
    pub fn store(&self) -> SqliteStore {
        let (store, recovered) =
            SqliteStore::open(&self.database(), StoreSettings::default()).expect("the store opens");
        assert_eq!(recovered.suspects, [], "the daemon ended without shutdown");
        store
    }
}
