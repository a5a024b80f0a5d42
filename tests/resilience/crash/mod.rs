//! Faults that a daemon survives, as a process of its own: killed at any instant, stopped, flooded, with a
//! folder that it cannot have and receivers that misbehave. What was accepted is done, or can be found.

mod again;
mod backlog;
mod commands;
pub mod daemon;
mod folder;
mod hour;
mod items;
mod kills;
mod ledger;
mod loops;
mod overload;
pub mod place;
pub mod receiver;
mod receivers;
mod reload;
mod sender;
mod stopping;
pub mod turn;
mod unmatched;
mod waits;
pub mod wire;
