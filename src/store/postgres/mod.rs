//! The store on Postgres, which several daemons share.
#![allow(dead_code)]

mod cell;
pub mod connection;
mod error;
pub mod schema;
pub mod session;
pub mod settings;
pub mod transfer;

pub use error::{PostgresError, PostgresOpenError};
pub use settings::PostgresSettings;
