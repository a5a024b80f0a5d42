//! Opens the stores of tests that run on both backends: SQLite, or Postgres if [`ON_POSTGRES`] is set.

use std::path::PathBuf;

use flowtrigger::store::postgres::{ConnectionRole, TimeSource};
use flowtrigger::store::{
    AnyStore, PostgresSettings, PostgresStore, SqliteStore, StoreLocation, StoreSettings,
};

use crate::postgres::{Postgres, server};

/// With this variable, the stores of this process are databases of one Postgres server.
pub const ON_POSTGRES: &str = "TESTS_ON_POSTGRES";

/// The server of the stores; `None` if they are on SQLite.
pub fn store_server() -> Option<Postgres> {
    is_on_postgres().then(|| server().expect("Postgres is installed"))
}

pub fn is_on_postgres() -> bool {
    std::env::var_os(ON_POSTGRES).is_some()
}

/// An empty store: in memory, or a database. A database goes by its own clock.
pub fn empty_store() -> AnyStore {
    empty_store_by(TimeSource::Database)
}

/// An empty store that goes by the times that the engine gives: for engines with the clock of a test.
pub fn empty_store_by_callers() -> AnyStore {
    empty_store_by(TimeSource::Caller)
}

fn empty_store_by(time: TimeSource) -> AnyStore {
    match store_server() {
        None => {
            let store = SqliteStore::in_memory(StoreSettings::in_memory());
            AnyStore::Sqlite(store.expect("a store in memory"))
        }
        Some(server) => connect(&PostgresSettings::for_url(server.database()), time),
    }
}

/// Where an empty store is: this file, or a database.
pub fn empty_location(file: PathBuf) -> StoreLocation {
    match store_server() {
        None => StoreLocation::File(file),
        Some(server) => StoreLocation::Postgres(PostgresSettings::for_url(server.database())),
    }
}

/// Opens the store at a location as a daemon does.
pub fn open_store(location: &StoreLocation) -> AnyStore {
    match location {
        StoreLocation::File(path) => {
            let opened = SqliteStore::open(path, StoreSettings::default());
            AnyStore::Sqlite(opened.expect("the store opens").0)
        }
        StoreLocation::Postgres(settings) => connect(settings, TimeSource::Database),
    }
}

/// Waits on a thread of its own, so that tests with any runtime can call it: the store has threads of its own, too.
fn connect(settings: &PostgresSettings, time: TimeSource) -> AnyStore {
    let settings = settings.clone();
    let connected = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let (store, role) = (StoreSettings::default(), ConnectionRole::Daemon);
        runtime.block_on(PostgresStore::start(&settings, store, role, time))
    });
    let connected = connected.join().expect("the store does not panic");
    AnyStore::Postgres(connected.expect("the database can be used").0)
}
