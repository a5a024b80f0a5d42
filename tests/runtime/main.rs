//! Tests of the daemon's parts as a library, with real sockets, processes and database files.

mod actions;
mod daemon;
mod history;
mod on_postgres;
mod page;
mod traces;
