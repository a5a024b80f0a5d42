//! Checks the architecture by reading the sources: the order of layers, the purity of the core, names and
//! files.
//!
//! `remaining.txt` lists the breaches that are still to be removed. A new breach fails the test, and so does
//! a line of the list that is no longer needed; `UPDATE_CASES=1` rewrites the list.

mod breach;
mod files;
pub mod lexer;
mod names;
mod order;
mod purity;
mod references;
mod samples;
mod source;

use std::collections::BTreeSet;

use flowtrigger_testing::{expected, repository};

use breach::{Breach, by_key, describe};
use source::Crate;

/// The crate of the core, and the modules that lead to it.
struct Core {
    sources: Crate,
    base: &'static [&'static str],
}

impl Core {
    fn read() -> Self {
        match repository::path("crates/core/src").exists() {
            true => Self {
                sources: Crate::read("flowtrigger_core", "crates/core/src"),
                base: &[],
            },
            false => Self {
                sources: Crate::read("flowtrigger", "src"),
                base: &["core"],
            },
        }
    }
}

fn breaches() -> Vec<Breach> {
    let (core, root) = (Core::read(), Crate::read("flowtrigger", "src"));
    let mut crates = vec![&root];
    if core.base.is_empty() {
        crates.push(&core.sources);
    }
    let count: usize = crates.iter().map(|sources| sources.sources.len()).sum();
    assert!(count > 300, "only {count} sources were found");
    let mut breaches = [
        order::check("core", &core.sources, core.base, order::CORE),
        order::check("root", &root, &[], order::ROOT),
        order::check("engine", &root, &["engine"], order::ENGINE),
        order::check_roots(&root),
        purity::check(&core.sources, core.base),
        names::check_types(&crates),
        files::check_yaml(&core.sources, core.base),
    ]
    .concat();
    let manifest = repository::path("crates/core/Cargo.toml");
    if manifest.exists() {
        let text = repository::read(&manifest);
        breaches.extend(purity::check_manifest("crates/core/Cargo.toml", &text));
    }
    for sources in &crates {
        breaches.extend(names::check_methods(sources));
        breaches.extend(files::check_folders(sources));
        for source in &sources.sources {
            breaches.extend(names::check_words(source));
            breaches.extend(files::check(source));
        }
    }
    // The tests are held to the rules for headers and lengths.
    for folder in ["tests", "crates/testing/src"] {
        let tests = Crate::read("tests", folder);
        breaches.extend(tests.sources.iter().flat_map(files::check));
    }
    breaches
}

#[test]
fn architecture_is_respected() {
    let found = by_key(breaches());
    let list = repository::path("tests/repository/layering/remaining.txt");
    if expected::is_update() {
        let keys = found.keys().map(|key| format!("{key}\n"));
        std::fs::write(&list, keys.collect::<String>()).expect("a writable list");
    }
    let text = repository::read(&list);
    let remaining: BTreeSet<&str> = text.lines().collect();
    let mut new = found.clone();
    new.retain(|key, _| !remaining.contains(key.as_str()));
    assert!(new.is_empty(), "new breaches:\n{}", describe(&new));
    let gone = remaining.iter().filter(|key| !found.contains_key(**key));
    let gone: Vec<&str> = gone.copied().collect();
    let advice = "remove these lines from `remaining.txt`, or run the test with UPDATE_CASES=1";
    assert!(gone.is_empty(), "{advice}:\n{}", gone.join("\n"));
}
