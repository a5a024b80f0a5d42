//! Measures the cost of durability: commits, claims, restarts and requests through HTTP.
//! Each result has a baseline measured in the same minute. `cargo bench` only prints the results.

#![allow(clippy::print_stdout)]

#[path = "shared/processes.rs"]
#[allow(dead_code, reason = "the other benchmark uses the rest")]
mod processes;

mod durable {
    pub mod bare;
    pub mod cost;
    pub mod daemon;
    pub mod senders;
    pub mod server;
    pub mod store;
    pub mod waits;
    pub mod yardstick;
}

/// `cargo bench --bench durable -- store http` runs only those parts.
fn main() {
    let asked: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    if asked.iter().any(|a| a == durable::cost::SERVE_BARE) {
        return durable::cost::serve_bare();
    }
    let wants = |part: &str| asked.is_empty() || asked.iter().any(|a| a == part);
    if wants("store") {
        durable::store::commits();
    }
    if wants("claims") {
        durable::store::claims();
    }
    if wants("restart") {
        durable::store::restart();
    }
    if wants("waits") {
        durable::waits::waits();
    }
    if wants("http") {
        durable::server::matched();
    }
    if wants("unmatched") {
        durable::server::unmatched();
    }
    if wants("latency") {
        durable::server::latency();
    }
    if wants("cost") {
        durable::cost::events();
    }
    if wants("memory") {
        durable::cost::memory();
    }
    if wants("commands") {
        durable::server::commands();
    }
}
