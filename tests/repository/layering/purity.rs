//! Checks that the core depends on its input alone: no files, clocks, sockets, tasks or randomness, and none
//! of the crates that bring them.

use super::breach::Breach;
use super::references::{Resolver, Target};
use super::source::Crate;

/// Paths that the core must not name, from their crate on.
const IMPURE: &[&str] = &[
    "std::env",
    "std::fs",
    "std::hash::RandomState",
    "std::io::stderr",
    "std::io::stdin",
    "std::io::stdout",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
    "jiff::tz::TimeZone::system",
];

/// Crates that the core must not depend on.
const CRATES: &[&str] = &[
    "axum",
    "clap",
    "getrandom",
    "hyper",
    "hyper_util",
    "landlock",
    "prometheus_client",
    "rand",
    "reqwest",
    "rusqlite",
    "rustix",
    "rustls",
    "tempfile",
    "tokio",
    "tracing",
    "tracing_subscriber",
];

/// Checks the code of the core, which is below the module `base`.
pub fn check(sources: &Crate, base: &[&str]) -> Vec<Breach> {
    let resolver = Resolver::new(sources);
    let mut breaches = Vec::new();
    for source in &sources.sources {
        if !source
            .module
            .iter()
            .zip(base)
            .all(|(own, base)| own == base)
            || source.module.len() < base.len()
        {
            continue;
        }
        for reference in resolver.references(source) {
            let Target::Crate(path) = reference.target else {
                continue;
            };
            let whole = path.join("::");
            let is_below = |impure: &&&str| {
                let rest = whole.strip_prefix(**impure);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
            };
            let named = IMPURE.iter().find(is_below);
            let of_crate = CRATES.iter().find(|name| **name == path[0]);
            if let Some(named) = named.or(of_crate) {
                let key = format!("core: {} uses `{named}`", source.path);
                breaches.push(Breach::new(key, format!("line {}", reference.line)));
            }
        }
    }
    breaches
}

/// Checks the dependencies of the core's `Cargo.toml`.
pub fn check_manifest(path: &str, manifest: &str) -> Vec<Breach> {
    let mut section = "";
    let mut breaches = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        }
        let name = match line.strip_prefix("[dependencies.") {
            Some(name) => name.trim_end_matches(']'),
            None if section == "[dependencies]" => line,
            None => continue,
        };
        let name = name.split([' ', '=', '.']).next().unwrap_or_default();
        let name = name.replace('-', "_");
        if CRATES.contains(&name.as_str()) {
            breaches.push(Breach::new(format!("core: depends on `{name}`"), path));
        }
    }
    breaches
}
