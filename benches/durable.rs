//! Measures the cost of durability: commits, claims, restarts and requests through HTTP.
//! Each result is a ratio to a baseline measured in the same minute. `cargo bench` only prints the results.

#![allow(clippy::print_stdout)]

mod durable {
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
    if wants("commands") {
        durable::server::commands();
    }
}
