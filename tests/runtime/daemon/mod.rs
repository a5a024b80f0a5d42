//! A daemon with real HTTP: it receives events on one port and sends requests to another.
//! No test waits for a fixed time: tests wait for the expected state, and check that no other one is possible.

mod administration;
mod answers;
mod automations;
mod awaiting;
mod backtest;
mod backtest_fixture;
mod broken_store;
mod calls;
mod custom_sources;
mod durable;
mod floods;
mod handshakes;
mod intake;
mod limits;
mod member;
mod metrics;
mod outage_end;
mod outage_fixture;
mod outages;
#[macro_use]
mod page_commands;
mod page_backtests;
mod page_pauses;
mod pauses;
mod persistence;
mod reload;
mod requests;
mod runs;
mod shared;
mod stop;
mod ticks;
mod time;
mod tls;
