//! What durability costs: commits, claims, restarts and the whole way through HTTP, each as a ratio to a
//! yardstick measured beside it in the same minute. It judges nothing: `cargo bench` prints, a person reads.

#![allow(clippy::print_stdout)]

mod durable {
    pub mod server;
    pub mod store;
    pub mod yardstick;
}

/// `cargo bench --bench durable -- store http` runs those parts alone.
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
