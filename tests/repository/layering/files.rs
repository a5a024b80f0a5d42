//! Checks files: headers, length, folders, the one user of the YAML crates, and words in descriptions.

use super::breach::Breach;
use super::lexer::Kind;
use super::references::{Resolver, Target};
use super::source::{Crate, Source};

/// Lines of a file without its tests.
const MAX_LINES: usize = 400;

/// Crates that only the folder `document` of the core uses.
const YAML: &[&str] = &["serde_yaml", "granit_parser"];

/// Checks the header and the length of a file.
pub fn check(source: &Source) -> Vec<Breach> {
    let path = &source.path;
    let mut breaches = Vec::new();
    let mut note = |what: &str| breaches.push(Breach::new(format!("files: {path} {what}"), path));
    if !source.text.starts_with("//! ") {
        note("does not start with a `//!` line");
    }
    let header = source.header().to_lowercase();
    if ["refuses", "refuse to"]
        .iter()
        .any(|word| header.contains(word))
    {
        note("says in its header what it refuses");
    }
    if source.length() > MAX_LINES {
        note("has more than 400 lines without its tests");
    }
    // The checks of the language name the phrase.
    let is_old = |text: &str| text.contains("nless given");
    if !source.path.starts_with("tests/repository/")
        && source
            .code
            .iter()
            .any(|token| matches!(&token.kind, Kind::Text(text) if is_old(text)))
    {
        note("describes a default as `unless given`");
    }
    breaches
}

/// Checks that a folder's own module is its `mod.rs`, not a file beside it.
pub fn check_folders(sources: &Crate) -> Vec<Breach> {
    let breaches = sources.sources.iter().filter_map(|source| {
        let is_folder = sources
            .modules
            .iter()
            .any(|module| module.len() > source.module.len() && module.starts_with(&source.module));
        let is_beside = source.file_name() != "mod.rs" && !source.module.is_empty();
        let key = || format!("files: {} should be `mod.rs` in its folder", source.path);
        (is_folder && is_beside).then(|| Breach::new(key(), &source.path))
    });
    breaches.collect()
}

/// Checks that only `document`, below the module `base`, uses the YAML crates.
pub fn check_yaml(sources: &Crate, base: &[&str]) -> Vec<Breach> {
    let resolver = Resolver::new(sources);
    let mut breaches = Vec::new();
    for source in &sources.sources {
        let own = source.module.iter().map(String::as_str);
        let document = base.iter().copied().chain(["document"]);
        let is_document = own
            .zip(document.clone())
            .all(|(own, document)| own == document)
            && source.module.len() >= document.count();
        for reference in resolver.references(source) {
            let Target::Crate(path) = reference.target else {
                continue;
            };
            if !is_document && YAML.contains(&path[0].as_str()) {
                let key = format!("files: {} uses `{}`", source.path, path[0]);
                breaches.push(Breach::new(key, format!("line {}", reference.line)));
            }
        }
    }
    breaches
}
