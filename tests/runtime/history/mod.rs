//! Reads data folders from outside: the history, `runs` and `why`.
//! The database is made here with the schema and the codec of the store; nothing is read from the clock.

mod debounce;
mod fixture;
mod gates;
mod journal;
mod orders;
mod program;
mod runs;
mod store;
mod why;
