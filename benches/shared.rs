//! Measures several daemons on one Postgres: throughput, claims behind stuck lanes, takeover, linearity, and a
//! transaction that keeps old rows. `cargo bench --bench shared` prints tables; each figure stands beside a yardstick of
//! the same run.

#![allow(clippy::print_stdout)]

mod shared {
    pub mod life;
    pub mod linear;
    pub mod model;
    pub mod pinned;
    pub mod processes;
    pub mod profile;
    pub mod server;
    pub mod stuck;
    pub mod takeover;
    pub mod throughput;
    pub mod yardstick;
}

use shared::{linear, model, pinned, profile, stuck, takeover, throughput};

/// `cargo bench --bench shared -- life stuck` measures only those parts. `profile` is measured only if it is named.
fn main() {
    let asked: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let wants = |part: &str| asked.is_empty() || asked.iter().any(|name| name == part);
    if wants("life") {
        throughput::measure();
    }
    if wants("stuck") {
        stuck::measure();
    }
    if wants("takeover") {
        takeover::measure();
    }
    if wants("linear") {
        linear::measure();
    }
    if wants("pinned") {
        pinned::measure();
    }
    if wants("model") {
        model::print();
    }
    if asked.iter().any(|name| name == "profile") {
        profile::print();
    }
}
