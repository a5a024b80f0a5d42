//! Starts a Postgres server of the test process's own, from the installed programs.
//!
//! It listens on 127.0.0.1 and on a socket in its folder, and ends with the process of the tests, however that
//! ends: a shell waits for the end of a pipe, stops the server and deletes its folder. Where no server is
//! installed, [`server`] says so and the test does not run.

mod certificate;
mod installation;
mod pooler;
mod template;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use rustix::process::{Pid, Signal, kill_process};

use self::certificate::Certificate;
use self::installation::Installation;
pub use self::pooler::{POOL_SIZE, Pooler};
use crate::wait::wait_until;

/// With this variable, a missing server fails the test.
const REQUIRED: &str = "POSTGRES_TESTS_MUST_RUN";
/// The role that owns the databases of tests. It is no superuser.
const ROLE: &str = "flowtrigger";

/// Connections that the server accepts.
pub const MAX_CONNECTIONS: usize = 100;

/// Ports below those that the system gives to outgoing connections, so that a server that is started again
/// finds its port free.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Whether the server waits for the disk. Without it, a test is faster; only a loss of power shows the difference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fsync {
    #[default]
    Off,
    On,
}

/// Whether connections over TCP must use TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Encryption {
    #[default]
    None,
    Tls,
}

/// How a server is started.
#[derive(Debug, Clone, Default)]
pub struct ServerOptions {
    pub fsync: Fsync,
    pub encryption: Encryption,
    /// What clients must say over TCP; `None`: the server trusts them.
    pub password: Option<String>,
}

/// A server. Copies are the same server, which ends with the last of them.
#[derive(Debug, Clone)]
pub struct Postgres(Arc<Cluster>);

#[derive(Debug)]
struct Cluster {
    installation: Installation,
    options: ServerOptions,
    folder: PathBuf,
    port: u16,
    certificate: Option<Certificate>,
    /// `None` while it is stopped.
    process: Mutex<Option<Child>>,
    databases: AtomicUsize,
    watcher: Child,
    /// The watcher stops the server when this pipe is closed.
    pipe: Option<ChildStdin>,
}

/// The server that all tests of this process share; `None`, with one line on standard error, where none is
/// installed. Tests must not stop it.
pub fn server() -> Option<Postgres> {
    static SERVER: OnceLock<Option<Postgres>> = OnceLock::new();
    let server = SERVER.get_or_init(|| own_server(ServerOptions::default()));
    server.clone()
}

/// A server of the test's own, which it may stop; `None` as with [`server`].
pub fn own_server(options: ServerOptions) -> Option<Postgres> {
    let Some(installation) = Installation::find() else {
        assert!(
            std::env::var_os(REQUIRED).is_none(),
            "Postgres is not installed, and `{REQUIRED}` is set"
        );
        static SAID: OnceLock<()> = OnceLock::new();
        SAID.get_or_init(|| {
            // Not by a macro, whose output the test harness hides.
            let line = "Postgres is not installed: the tests of the Postgres store were not run\n";
            drop(std::io::stderr().write_all(line.as_bytes()));
        });
        return None;
    };
    Some(Postgres(Arc::new(Cluster::start(installation, options))))
}

impl Postgres {
    /// Creates an empty database and returns its URL, which has no password.
    #[track_caller]
    pub fn database(&self) -> String {
        let number = self.0.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("t{number}");
        let create = format!("CREATE DATABASE {name} OWNER {ROLE} TEMPLATE template0");
        self.psql("postgres", &create);
        self.url(self.0.port, &name)
    }

    /// The URL of a database through another port, such as that of a proxy.
    pub fn url(&self, port: u16, database: &str) -> String {
        format!("postgres://{ROLE}@127.0.0.1:{port}/{database}")
    }

    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// The folder of the socket.
    pub fn socket_folder(&self) -> &Path {
        &self.0.folder
    }

    /// The certificate that a client must trust.
    ///
    /// # Panics
    /// Panics if the server has no TLS.
    pub fn authority(&self) -> PathBuf {
        let certificate = self.0.certificate.as_ref();
        certificate.expect("a server with TLS").authority()
    }

    /// Executes SQL as the superuser. `database` is a name or a URL; returns a line for each row, with `|` between
    /// columns.
    #[track_caller]
    pub fn psql(&self, database: &str, sql: &str) -> String {
        let text = self.0.psql(database, sql);
        text.unwrap_or_else(|error| panic!("{sql}: {error}; {}", self.log()))
    }

    /// Ends the server as a crash does: nothing is written, and the next start reads its log.
    #[track_caller]
    pub fn stop_immediately(&self) {
        let child = self.0.process.lock().unwrap().take();
        let mut child = child.expect("the server runs");
        kill_process(Pid::from_child(&child), Signal::QUIT).expect("the server can be signalled");
        child.wait().expect("the server ends");
    }

    /// Starts the server again, on the same port and with the same data.
    #[track_caller]
    pub fn start(&self) {
        let mut process = self.0.process.lock().unwrap();
        assert!(process.is_none(), "the server runs");
        let child = self.0.spawn();
        *process = Some(child.unwrap_or_else(|| panic!("{}", self.log())));
    }

    /// Ends all connections of clients.
    #[track_caller]
    pub fn kill_backends(&self) {
        let others = "backend_type = 'client backend' AND pid <> pg_backend_pid()";
        let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity";
        self.psql("postgres", &format!("{kill} WHERE {others}"));
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.0.folder.join("log")).unwrap_or_default()
    }
}

impl Cluster {
    fn start(installation: Installation, options: ServerOptions) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder").keep();
        let folder = folder.canonicalize().expect("a folder");
        let (watcher, pipe) = watch(&folder);
        installation.give(&folder);
        template::copy_cluster(&installation, &folder.join("data"));
        let certificate = match options.encryption {
            Encryption::None => None,
            Encryption::Tls => Some(Certificate::make(&folder, &installation)),
        };
        let mut cluster = Self {
            installation,
            options,
            folder,
            port: 0,
            certificate,
            process: Mutex::new(None),
            databases: AtomicUsize::new(0),
            watcher,
            pipe: Some(pipe),
        };
        cluster.write_access();
        for _ in 0..50 {
            cluster.port = free_port();
            if let Some(child) = cluster.spawn() {
                cluster.process = Mutex::new(Some(child));
                if let Some(password) = &cluster.options.password {
                    let set = format!("ALTER ROLE {ROLE} PASSWORD '{password}'");
                    cluster.psql("postgres", &set).expect("a new password");
                }
                return cluster;
            }
        }
        let log = fs::read_to_string(cluster.folder.join("log"));
        panic!("Postgres does not start: {log:?}");
    }

    /// Who may connect how.
    fn write_access(&self) {
        let method = match self.options.password {
            None => "trust",
            Some(_) => "scram-sha-256",
        };
        let kind = match self.options.encryption {
            Encryption::None => "host",
            Encryption::Tls => "hostssl",
        };
        let access = format!(
            "local all all trust\nhost all postgres 127.0.0.1/32 trust\n{kind} all {ROLE} 127.0.0.1/32 {method}\n"
        );
        fs::write(self.folder.join("data/pg_hba.conf"), access).expect("a writable file");
    }

    /// Starts the process and waits until it accepts connections; `None` if it ended before.
    fn spawn(&self) -> Option<Child> {
        let data = self.folder.join("data");
        let fsync = match self.options.fsync {
            Fsync::Off => ["fsync=off", "full_page_writes=off"],
            Fsync::On => ["fsync=on", "full_page_writes=on"],
        };
        let mut settings: Vec<String> = fsync.map(str::to_owned).to_vec();
        settings.extend([
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={}", self.port),
            format!("unix_socket_directories={}", self.folder.display()),
            format!("max_connections={MAX_CONNECTIONS}"),
        ]);
        let fixed = [
            "shared_buffers=32MB",
            "wal_level=minimal",
            "max_wal_senders=0",
            "jit=off",
            "timezone=UTC",
            "log_timezone=UTC",
            "log_line_prefix=%m [%p] %d ",
        ];
        settings.extend(fixed.map(str::to_owned));
        settings.extend(self.certificate.iter().flat_map(Certificate::settings));
        let log = fs::File::options()
            .append(true)
            .create(true)
            .open(self.folder.join("log"));
        let log = log.expect("a writable folder");
        let mut command = self.installation.server("postgres");
        command.arg("-D").arg(&data);
        command.args(settings.iter().flat_map(|setting| ["-c", setting]));
        command.stdout(Stdio::null()).stderr(log);
        let mut child = command.spawn().expect("the server starts");
        let mut is_running = true;
        wait_until("Postgres accepts connections", || {
            is_running = matches!(child.try_wait(), Ok(None));
            !is_running || is_ready(&data, child.id())
        });
        is_running.then_some(child)
    }

    fn psql(&self, database: &str, sql: &str) -> Result<String, String> {
        let database = database.rsplit('/').next().unwrap_or(database);
        let database = database.split('?').next().unwrap_or(database);
        let mut command = self.installation.client("psql");
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]);
        command.args(["-h", "127.0.0.1", "-U", "postgres", "-d", database]);
        command.args(["-p", &self.port.to_string(), "-c", sql]);
        command.env("PGSSLMODE", "disable");
        let output = command.output().map_err(|error| error.to_string())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        match output.status.success() {
            true => Ok(text(&output.stdout)),
            false => Err(text(&output.stderr)),
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.pipe.take());
        if let Ok(Some(child)) = self.process.get_mut().map(Option::as_mut) {
            let _ = kill_process(Pid::from_child(child), Signal::QUIT);
            drop(child.wait());
        }
        drop(self.watcher.wait());
    }
}

/// Whether the server of this process accepts connections: it says so in the last line of its file.
fn is_ready(data: &Path, process: u32) -> bool {
    let file = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let is_own = file.lines().next() == Some(process.to_string().as_str());
    is_own
        && file
            .lines()
            .nth(7)
            .is_some_and(|line| line.trim() == "ready")
}

/// Starts the shell that stops the server and deletes its folder when this process has ended.
fn watch(folder: &Path) -> (Child, ChildStdin) {
    const SCRIPT: &str = r#"
        trap '' HUP INT TERM
        cat >/dev/null
        for round in 1 2 3 4 5 6 7 8 9 10; do
            process=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) || break
            [ ! -d /proc/self ] || [ "$(readlink "/proc/$process/cwd")" = "$1/data" ] || break
            kill -QUIT "$process"
            sleep 0.2
        done
        rm -rf "$1"
    "#;
    let mut command = Command::new("/bin/sh");
    command.args(["-c", SCRIPT, "watcher"]).arg(folder);
    command.stdin(Stdio::piped());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().expect("a shell starts");
    let pipe = child.stdin.take().expect("standard input is piped");
    (child, pipe)
}

/// A port on which nothing listens now.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let count = PORTS.end - PORTS.start;
    // Processes that run side by side begin at different ports.
    let begin = std::process::id().wrapping_mul(7_919) % u32::from(count);
    let begin = u16::try_from(begin).expect("less than the count");
    loop {
        let offset = (begin + NEXT.fetch_add(1, Ordering::Relaxed) % count) % count;
        let port = PORTS.start + offset;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
