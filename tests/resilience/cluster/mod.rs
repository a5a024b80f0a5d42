//! Faults of several daemons on one Postgres, of the server and of the network between them.

mod campaign;
mod checker;
mod clocks;
mod controls;
mod desk;
mod faults;
mod fleet;
mod fleet_senders;
mod ledger;
mod nemesis;
mod proxy;
mod server;
mod takeover;
