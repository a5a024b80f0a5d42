//! Measures the tools that analyse rules: `cargo bench --bench authoring -- prove`.

#![allow(clippy::print_stdout)]

#[path = "authoring/prove.rs"]
mod prove;

use std::env;

fn main() {
    let chosen: Vec<String> = env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    let is_chosen = |name: &str| chosen.is_empty() || chosen.iter().any(|arg| arg == name);
    if is_chosen("prove") {
        prove::measure();
    }
}
