//! The store on Postgres, for many daemons: locks, loads and writes back the rows that a batch of jobs concerns, and
//! reads the history. The decisions are those of the SQLite store.

mod connection;
mod error;
pub mod reader;
pub mod settings;

pub use error::PostgresOpenError;
pub use settings::PostgresSettings;
