//! A daemon with real HTTP: it receives events on one port and sends requests to another.
//! No test waits for a fixed time: tests wait for the expected state, and check that no other one is possible.

mod administration;
mod calls;
mod durable;
mod floods;
mod intake;
mod limits;
mod member;
mod page_commands;
mod persistence;
mod reload;
mod requests;
mod runs;
mod shared;
mod stop;
mod time;
