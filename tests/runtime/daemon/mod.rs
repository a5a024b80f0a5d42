//! A daemon with real HTTP on both sides: events in on one port, actions out to another.
//! Nothing here waits for time to pass; what must happen is waited for, what must not is ruled out.

mod administration;
mod durable;
mod floods;
mod intake;
mod keeping;
mod limits;
mod reload;
mod requests;
mod runs;
mod stop;
mod time;
