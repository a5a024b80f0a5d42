//! What must hold for whatever bytes: one function for each target, which the fuzzer and `tests/repository/fuzz.rs`
//! both call. A function panics where something does not hold; it refuses nothing.

mod conditions;
mod config;
mod events;
mod house;
mod json;
mod rules;
mod signatures;
mod signed;
mod templates;

pub use conditions::{conditions, operators, paths, patterns};
pub use config::config;
pub use events::{decoders, described};
pub use json::{json, many};
pub use rules::rules;
pub use signatures::signatures;
pub use signed::signed;
pub use templates::templates;

/// What must hold of some bytes; it panics where it does not.
pub type Target = fn(&[u8]);

/// What is tried, by name: the folder of its corpus, and the file in `fuzz_targets/`.
pub const TARGETS: &[(&str, Target)] = &[
    ("conditions", conditions),
    ("config", config),
    ("decoders", decoders),
    ("described", described),
    ("json", json),
    ("many", many),
    ("operators", operators),
    ("paths", paths),
    ("patterns", patterns),
    ("rules", rules),
    ("signatures", signatures),
    ("signed", signed),
    ("templates", templates),
];
