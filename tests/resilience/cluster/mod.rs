//! Faults of several daemons on one Postgres, of the server and of the network between them.

mod proxy;
mod server;
