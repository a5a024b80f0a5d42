//! A daemon with real HTTP on both sides: events in on one port, actions out to another.
//! Nothing here waits for time to pass; what must happen is waited for, what must not is ruled out.

mod reload;
mod requests;
mod runs;
mod stop;
mod support;
