//! What happened and what would happen, as data, as JSON and as text: commands print it, pages show it.

pub mod backtest;
pub mod check;
pub mod daemon_state;
pub mod daemons;
pub mod deliveries;
pub mod dry_run;
pub mod entry_argument;
pub mod error;
pub mod event_sample;
pub mod input;
pub mod output;
pub mod problems;
pub mod render;
pub mod replay;
pub mod rule_test;
pub mod run;
pub mod suspended;
pub mod terminal_filter;
pub mod time_argument;
pub mod why;
