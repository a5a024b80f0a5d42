//! The walls of the house: who may import whom, what the pure part may not touch, how files begin
//! and how long they get. It reads the sources as text and refuses every breach by name and line.

mod source;

use source::{Source, length, mentions, reaches, sources};

/// Each layer and the layers it may import.
const LAYERS: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("store", &["core"]),
    ("source", &["core"]),
    ("action", &["core"]),
    ("engine", &["core", "store", "source", "action"]),
    ("cli", &["core", "store", "source", "action", "engine"]),
    ("main", &["cli"]),
    // Declares the layers and uses none.
    ("lib", &[]),
];

/// What would make the pure part depend on more than its input.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "std::env",
    "Instant::now",
    "std::time::Instant",
    "SystemTime",
    "Timestamp::now",
    "Zoned::now",
    "tokio",
    "reqwest",
    "axum",
    "rustix",
    "rand::",
];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["utils", "util", "common", "helpers", "manager", "types"];

/// The one module that may use the YAML crate.
const YAML: &str = "core/rule/document";

const LONGEST: usize = 400;

fn imports(source: &Source) -> Vec<String> {
    let layer = source.layer();
    let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
        return vec![format!(
            "{}: `{layer}` is no layer of the house",
            source.path
        )];
    };
    let known = |name: &str| LAYERS.iter().any(|(layer, _)| *layer == name);
    reaches(source)
        .into_iter()
        .filter(|(_, name)| name != layer && known(name) && !allowed.contains(&name.as_str()))
        .map(|(line, name)| format!("{}:{line}: `{layer}` may not import `{name}`", source.path))
        .collect()
}

fn impurities(source: &Source) -> Vec<String> {
    if source.layer() != "core" || source.is_test() {
        return Vec::new();
    }
    let mut breaches = Vec::new();
    for (line, text) in source.code() {
        for word in IMPURE.iter().filter(|word| mentions(text, word)) {
            breaches.push(format!(
                "{}:{line}: core may not touch `{word}`",
                source.path
            ));
        }
    }
    breaches
}

fn shape(source: &Source) -> Vec<String> {
    let mut breaches = Vec::new();
    if !source.text.starts_with("//! ") {
        breaches.push(format!(
            "{}: does not open with `//!` and what it answers for",
            source.path
        ));
    }
    for module in source.modules() {
        if EMPTY_NAMES.contains(&module) {
            breaches.push(format!(
                "{}: `{module}` says nothing; name it after what it holds",
                source.path
            ));
        }
    }
    if !source.path.starts_with(YAML) {
        let users = source
            .text
            .lines()
            .filter(|line| mentions(line, "serde_yaml"));
        breaches
            .extend(users.map(|_| format!("{}: only {YAML} may use the YAML crate", source.path)));
    }
    if is_too_long(source) {
        let advice = "lines without its tests; split it by noun";
        breaches.push(format!("{}: {} {advice}", source.path, length(source)));
    }
    breaches
}

fn is_too_long(source: &Source) -> bool {
    !source.is_test() && length(source) > LONGEST
}

fn breaches(source: &Source) -> Vec<String> {
    [imports(source), impurities(source), shape(source)].concat()
}

#[test]
fn the_house_stands() {
    let sources = sources();
    assert!(sources.len() > 50, "only {} sources found", sources.len());
    let found: Vec<String> = sources.iter().flat_map(breaches).collect();
    assert!(found.is_empty(), "breaches:\n{}", found.join("\n"));
}

/// What a source at a path would be refused for, without its opening line and its length.
fn refused(path: &str, text: &str) -> Vec<String> {
    let source = Source {
        path: path.into(),
        text: format!("//! A sample.\n{text}\n"),
    };
    breaches(&source)
}

#[test]
fn an_import_against_the_order_is_found() {
    for (path, text) in [
        ("core/rule/path.rs", "use crate::engine::ingest::Ingest;"),
        ("core/mod.rs", "use super::action::http;"),
        ("core/rule/path.rs", "use super::super::super::cli::run;"),
        ("store/memory.rs", "use crate::source::http;"),
        (
            "source/http.rs",
            "use crate::{\n    core::event::Event,\n    action::http::{Client, Url},\n};",
        ),
        ("action/http.rs", "fn f() { crate::store::open() }"),
        ("engine/worker.rs", "pub use crate::cli::render;"),
        ("main.rs", "use flowtrigger::engine::worker;"),
        ("lib.rs", "pub use crate::core::event::Event;"),
        ("helper/mod.rs", ""),
    ] {
        assert_eq!(
            refused(path, text).len(),
            1,
            "{path}: {text}: {:?}",
            refused(path, text)
        );
    }
}

#[test]
fn an_import_in_the_order_is_not() {
    for (path, text) in [
        (
            "core/rule/path.rs",
            "use crate::core::event::Event;\nuse super::super::event::Event;",
        ),
        (
            "engine/worker.rs",
            "use crate::{core::{event, rule}, store, action::http};",
        ),
        (
            "cli/run.rs",
            "use crate::engine::worker;\n// crate::main is elsewhere",
        ),
        ("main.rs", "fn main() { flowtrigger::cli::run() }"),
        (
            "core/a.rs",
            "#[cfg(test)]\nmod tests {\n    use crate::cli::run;\n}\nfn f() {}",
        ),
        ("action/http.rs", "use my_crate::store::open;"),
    ] {
        assert_eq!(refused(path, text), Vec::<String>::new(), "{path}: {text}");
    }
}

#[test]
fn what_is_not_pure_is_found_in_core_alone() {
    for text in [
        "use std::fs;",
        "let now = jiff::Timestamp::now();",
        "use tokio::sync::mpsc;",
        "use std::time::{Duration, SystemTime};",
        "#[cfg(test)]\nmod tests {\n    use std::fs;\n}\nuse std::net::IpAddr;",
        "let started = Instant::now();",
    ] {
        assert_eq!(refused("core/run.rs", text).len(), 1, "{text}");
        assert_eq!(refused("engine/run.rs", text).len(), 0, "{text}");
    }
    for text in [
        "use std::time::Duration;",
        "//! tokio is not used here",
        "let operand = tokio_like;",
        "#[cfg(test)]\nmod tests {\n    use std::fs;\n}",
        "#[cfg(test)]\nuse std::fs;",
    ] {
        assert_eq!(refused("core/run.rs", text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn a_file_without_opening_with_an_empty_name_or_too_long_is_found() {
    let bare = Source {
        path: "core/run.rs".into(),
        text: "fn f() {}\n".into(),
    };
    assert_eq!(breaches(&bare).len(), 1);
    assert_eq!(refused("core/utils.rs", "").len(), 1);
    assert_eq!(refused("core/common/run.rs", "").len(), 1);
    assert_eq!(
        refused("core/rule/jobspec.rs", "use serde_yaml::Value;").len(),
        1
    );
    assert_eq!(
        refused("core/rule/document.rs", "use serde_yaml::Value;").len(),
        0
    );
    assert_eq!(refused("core/run.rs", &"\n".repeat(LONGEST)).len(), 1);
    let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}", "\n".repeat(LONGEST));
    assert_eq!(refused("core/run.rs", &tests).len(), 0);
}
