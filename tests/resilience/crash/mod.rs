//! Faults that a daemon process survives: it is killed at any time, stopped, flooded, given an unusable data
//! folder or receivers that misbehave. Every accepted event is done, or its run can be found.

mod backlog;
mod commands;
mod data_folder;
pub mod desk;
mod expected_effects;
mod for_each;
mod full_disk;
mod hostile_receivers;
mod kills;
mod long_running;
mod loops;
mod notices;
mod overload;
mod redelivery;
mod reload;
mod reload_storm;
mod senders;
mod stopping;
mod unmatched;
mod waits;
