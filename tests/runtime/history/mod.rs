//! Reads data folders from outside: the history, `runs` and `why`.
//! The database is made here with the schema and the codec of the store; nothing is read from the clock.

mod backtest;
mod commands;
mod debounce;
mod fixture;
mod gates;
mod large;
mod moving;
mod program;
mod queries;
mod runs;
mod store;
mod why;
mod why_rule;
