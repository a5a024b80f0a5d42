//! Daemons with the same rules on one Postgres, each with its own data folder, port and way to the server.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::data_folder::DataFolder;
use flowtrigger_testing::fault_proxy::FaultProxy;
use flowtrigger_testing::postgres::{Postgres, ServerOptions, own_server};
use flowtrigger_testing::receiver::dead_port;
use flowtrigger_testing::sandbox::Sandbox;
use flowtrigger_testing::wait::TIMEOUT;
use rustix::process::Signal;

use super::desk::{self, Made, daemon_name};

/// Runs that are not at their end.
const UNFINISHED: &str = "SELECT count(*) FROM runs WHERE state IN ('queued', 'running', 'retrying', 'waiting', 'debouncing')";

/// The addresses of the daemons that can be asked, in their order.
pub type Addresses = Arc<Mutex<Vec<Option<String>>>>;

pub struct Fleet {
    pub members: Vec<Member>,
    pub addresses: Addresses,
    /// Where the commands of all daemons write.
    pub notes: DataFolder,
    database: Database,
}

/// Where the daemons keep their runs.
enum Database {
    /// The server, and the name of the database.
    Server(Postgres, String),
    /// The file of the only daemon.
    File(PathBuf),
}

/// One daemon.
pub struct Member {
    pub name: String,
    /// Its way to the server.
    pub proxy: FaultProxy,
    sandbox: Sandbox,
    daemon: Option<DaemonProcess>,
    number: usize,
    addresses: Addresses,
    /// The logs of its processes that have ended.
    ended: String,
}

impl Fleet {
    /// Starts a server and so many daemons, which send to a receiver on a port. `None` where no server is installed.
    pub fn start(count: usize, receiver: u16) -> Option<Self> {
        let server = own_server(ServerOptions::default())?;
        let database = server.database();
        let database = database.rsplit('/').next().unwrap_or_default().to_owned();
        let (addresses, notes) = (Addresses::default(), DataFolder::new());
        let members = (0..count).map(|number| {
            let mut member = Member::new(number, server.port(), &addresses);
            let url = server.url(member.proxy.port(), &database);
            member.sandbox = member.sandbox.with_env("FLOWTRIGGER_STORE", &url);
            member
        });
        let members = members.collect();
        let database = Database::Server(server, database);
        Some(Self::start_members(
            members, addresses, notes, database, receiver,
        ))
    }

    /// Starts one daemon with a store of its own.
    pub fn start_alone(receiver: u16) -> Self {
        let (addresses, notes) = (Addresses::default(), DataFolder::new());
        let member = Member::new(0, dead_port(), &addresses);
        let database = Database::File(member.sandbox.database());
        Self::start_members(vec![member], addresses, notes, database, receiver)
    }

    fn start_members(
        mut members: Vec<Member>,
        addresses: Addresses,
        notes: DataFolder,
        database: Database,
        receiver: u16,
    ) -> Self {
        desk::write_script(notes.folder());
        for member in &mut members {
            member.set_rules(receiver, notes.folder(), "");
            member.start();
        }
        Self {
            members,
            addresses,
            notes,
            database,
        }
    }

    /// The server.
    ///
    /// # Panics
    /// Panics if the daemon has a store of its own.
    #[track_caller]
    pub fn server(&self) -> &Postgres {
        match &self.database {
            Database::Server(server, _) => server,
            Database::File(_) => panic!("this fault needs a server"),
        }
    }

    /// Executes SQL beside the daemons; returns a line for each row, with `|` between columns.
    #[track_caller]
    pub fn sql(&self, sql: &str) -> String {
        match &self.database {
            Database::Server(server, database) => server.psql(database, sql),
            Database::File(file) => {
                rows(file, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
            }
        }
    }

    /// Ends every fault of the network.
    pub fn heal(&self) {
        self.members.iter().for_each(|member| member.proxy.heal());
    }

    /// Starts daemons that have ended, as a supervisor does.
    pub fn revive(&mut self) {
        self.members.iter_mut().for_each(Member::revive);
    }

    /// Waits until every run has ended or is held; the timeout starts again with each progress.
    #[track_caller]
    pub fn wait_until_idle(&mut self) {
        let (mut before, mut since) = (String::new(), Instant::now());
        loop {
            self.revive();
            let unfinished = self.sql(UNFINISHED);
            if unfinished == "0" {
                return;
            }
            if unfinished != before {
                (before, since) = (unfinished, Instant::now());
            }
            if since.elapsed() > TIMEOUT {
                let left = "SELECT * FROM runs WHERE state NOT IN ('done', 'suppressed') ORDER BY id LIMIT 20";
                let folder = kept("no-progress");
                self.keep(&folder);
                panic!(
                    "no progress: {before}\n{}\nsee {}",
                    self.sql(left),
                    folder.display()
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Event id, rule, state and reason of every run.
    pub fn runs(&self) -> String {
        self.sql("SELECT e.event_id, q.rule, r.state, coalesce(r.error, r.why, '') FROM runs r JOIN events e ON e.id = r.event JOIN queues q ON q.id = r.queue ORDER BY r.id")
    }

    /// Every log entry of every run: number of the run, event, rule, and the entry.
    pub fn entries(&self) -> String {
        self.sql("SELECT r.id, e.event_id, q.rule, r.state, l.* FROM runs r JOIN events e ON e.id = r.event JOIN queues q ON q.id = r.queue LEFT JOIN log_entries l ON l.run = r.id ORDER BY r.id, l.number")
    }

    /// Writes logs and entries into a folder, to find the cause of a failure.
    pub fn keep(&self, folder: &Path) {
        std::fs::create_dir_all(folder).expect("a writable folder");
        for member in &self.members {
            let file = folder.join(format!("{}.log", member.name));
            std::fs::write(file, member.log()).expect("a writable folder");
        }
        std::fs::write(folder.join("entries"), self.entries()).expect("a writable folder");
    }

    /// Stops every daemon without an error.
    #[track_caller]
    pub fn stop(&mut self) {
        for member in &mut self.members {
            if let Some(daemon) = member.take() {
                daemon.stop();
            }
        }
    }
}

impl Member {
    fn new(number: usize, server: u16, addresses: &Addresses) -> Self {
        addresses.lock().unwrap().push(None);
        let name = daemon_name(number);
        let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"));
        Self {
            proxy: FaultProxy::to(SocketAddr::from(([127, 0, 0, 1], server))),
            sandbox: sandbox.with_env("FLOWTRIGGER_SECRET_DAEMON", &name),
            name,
            daemon: None,
            number,
            addresses: Arc::clone(addresses),
            ended: String::new(),
        }
    }

    #[track_caller]
    pub fn start(&mut self) {
        let daemon = DaemonProcess::start(&self.sandbox);
        self.announce(Some(&daemon.address));
        self.daemon = Some(daemon);
    }

    /// Kills it without a shutdown.
    pub fn kill(&mut self) {
        if let Some(daemon) = self.take() {
            daemon.kill();
        }
    }

    /// Its process, which senders do not ask any more.
    fn take(&mut self) -> Option<DaemonProcess> {
        self.announce(None);
        let daemon = self.daemon.take()?;
        self.ended.push_str(&daemon.log());
        self.ended.push_str("\n---\n");
        Some(daemon)
    }

    /// The logs of all its processes.
    pub fn log(&self) -> String {
        let current = self.daemon.as_ref().map(DaemonProcess::log);
        format!("{}{}", self.ended, current.unwrap_or_default())
    }

    /// Stops its process without a sign to anybody. Senders continue to ask it.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        if let Some(daemon) = &self.daemon {
            daemon.signal(signal);
        }
    }

    fn revive(&mut self) {
        let has_ended = match &mut self.daemon {
            Some(daemon) => daemon.has_ended(),
            None => true,
        };
        if has_ended {
            drop(self.take());
            self.start();
        }
    }

    /// Writes its rules, each with these further keys. It reads them when it starts.
    pub fn set_rules(&self, receiver: u16, notes: &Path, more: &str) {
        desk::write_rules(&self.sandbox, receiver, notes, more);
    }

    /// Sends it an event that it must accept.
    #[track_caller]
    pub fn accept(&self, event: Made) {
        let daemon = self.daemon.as_ref().expect("it runs");
        daemon.accept("desk", &event.body());
    }

    /// Whether its log has this text.
    pub fn has_logged(&self, text: &str) -> bool {
        self.log().contains(text)
    }

    fn announce(&self, address: Option<&str>) {
        self.addresses.lock().unwrap()[self.number] = address.map(str::to_owned);
    }
}

/// Where a test that failed leaves what it recorded.
pub fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("cluster")
        .join(name)
}

/// The rows of a statement on the file of a daemon.
fn rows(file: &Path, sql: &str) -> rusqlite::Result<String> {
    let connection = rusqlite::Connection::open(file)?;
    connection.busy_timeout(TIMEOUT)?;
    let mut statement = connection.prepare(sql)?;
    let columns = statement.column_count();
    let lines = statement.query_map([], |row| {
        let values = (0..columns).map(|column| {
            Ok(match row.get_ref(column)? {
                rusqlite::types::ValueRef::Null => String::new(),
                rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                rusqlite::types::ValueRef::Real(number) => number.to_string(),
                rusqlite::types::ValueRef::Text(text) | rusqlite::types::ValueRef::Blob(text) => {
                    String::from_utf8_lossy(text).into_owned()
                }
            })
        });
        let values: rusqlite::Result<Vec<String>> = values.collect();
        Ok(values?.join("|"))
    })?;
    let lines: rusqlite::Result<Vec<String>> = lines.collect();
    Ok(lines?.join("\n"))
}
