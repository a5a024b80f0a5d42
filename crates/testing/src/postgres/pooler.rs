//! Starts PgBouncer in front of a server, as the server's user. It ends with the process of the tests.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use super::{Postgres, ROLE, free_port};
use crate::wait::wait_until;

/// Debian installs it outside of the `PATH` of users.
const FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// Connections to a database: fewer than two daemons have, so that they get different ones in turn.
pub const POOL_SIZE: usize = 3;

/// A PgBouncer in transaction mode: each transaction gets any connection to the server.
#[derive(Debug)]
pub struct Pooler {
    port: u16,
    process: Child,
}

impl Pooler {
    /// Starts it; `None`, with one line on standard error, where it is not installed.
    pub fn start(server: &Postgres) -> Option<Self> {
        let Some(program) = installed() else {
            static SAID: OnceLock<()> = OnceLock::new();
            SAID.get_or_init(|| {
                // Not by a macro, whose output the test harness hides.
                let line = "PgBouncer is not installed: the tests of a pooler were not run\n";
                drop(std::io::stderr().write_all(line.as_bytes()));
            });
            return None;
        };
        let port = free_port();
        let folder = tempfile::tempdir().expect("a temporary folder").keep();
        let (users, settings) = (folder.join("users"), folder.join("settings"));
        fs::write(&users, format!("\"{ROLE}\" \"\"\n")).expect("a writable folder");
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = trust\nauth_file = {}\npool_mode = transaction\ndefault_pool_size = {POOL_SIZE}\n",
            server.port(),
            users.display()
        );
        fs::write(&settings, text).expect("a writable folder");
        let installation = &server.0.installation;
        installation.give(&folder);
        // The shell stops it and deletes the folder when its pipe is closed.
        const SCRIPT: &str = r#"
            trap '' HUP INT TERM
            "$1" "$2/settings" >"$2/log" 2>&1 &
            cat >/dev/null
            kill -KILL $!
            wait
            rm -rf "$2"
        "#;
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", SCRIPT, "pooler"]);
        shell.arg(program).arg(&folder);
        installation.as_server(&mut shell);
        shell.stdin(Stdio::piped());
        shell.stdout(Stdio::null()).stderr(Stdio::null());
        let process = shell.spawn().expect("a shell starts");
        wait_until("PgBouncer accepts connections", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Some(Self { port, process })
    }

    /// The URL of a database through it.
    pub fn url(&self, server: &Postgres, url: &str) -> String {
        let database = url.rsplit('/').next().unwrap_or(url);
        server.url(self.port, database)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        drop(self.process.wait());
    }
}

fn installed() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(FOLDERS.map(PathBuf::from));
    let programs = folders.into_iter().map(|folder| folder.join("pgbouncer"));
    programs.into_iter().find(|program| program.is_file())
}
