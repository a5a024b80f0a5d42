//! Fuzz targets: properties that hold for any input bytes, one function for each target.
//! The fuzzer and `tests/repository/fuzz.rs` call these functions, which panic if a property does not hold.

mod conditions;
mod config;
mod events;
mod forms;
mod json;
mod rulebook;
mod rules;
mod signatures;
mod signed;
mod templates;

pub use conditions::{conditions, operators, paths, patterns};
pub use config::config;
pub use events::{decoders, described};
pub use forms::forms;
pub use json::{json, many};
pub use rules::rules;
pub use signatures::signatures;
pub use signed::signed;
pub use templates::templates;

/// Checks a property of some bytes; panics if it does not hold.
pub type Target = fn(&[u8]);

/// The targets by name, which is also the name of the corpus folder and of the file in `fuzz_targets/`.
pub const TARGETS: &[(&str, Target)] = &[
    ("conditions", conditions),
    ("config", config),
    ("decoders", decoders),
    ("described", described),
    ("forms", forms),
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
