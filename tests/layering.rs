//! The walls of the house: who may import whom, what the pure part may not touch, how files begin
//! and how long they get. It reads the sources as text and refuses every breach by name and line.

use std::fs;
use std::path::{Path, PathBuf};

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

/// Files that are longer without their tests, and why.
const LONGER: &[(&str, &str)] = &[];

#[derive(Debug, Clone)]
struct Source {
    /// From `src/`, with forward slashes.
    path: String,
    text: String,
}

impl Source {
    fn layer(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    fn is_test(&self) -> bool {
        self.path
            .split('/')
            .any(|part| part == "tests" || part == "tests.rs")
    }

    /// The modules that lead to this file: `core`, `rule`, `path`.
    fn modules(&self) -> Vec<&str> {
        let path = self.path.trim_end_matches(".rs").trim_end_matches("/mod");
        path.split('/').collect()
    }

    /// The lines that are compiled into the program, without comments, numbered from 1.
    fn code(&self) -> Vec<(usize, &str)> {
        let mut lines = Vec::new();
        let mut skipping = None;
        for (index, line) in self.text.lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let trimmed = line.trim_start();
            match skipping {
                // The item under `#[cfg(test)]` ends where its indentation does.
                Some(outer) => {
                    let attribute = trimmed.starts_with("#[");
                    let closes = trimmed.starts_with('}') || trimmed.ends_with(';');
                    if indent == outer && closes && !attribute {
                        skipping = None;
                    }
                }
                None if trimmed.starts_with("#[cfg(test)]") => skipping = Some(indent),
                None if trimmed.starts_with("//") => {}
                None => lines.push((index + 1, line.split(" // ").next().unwrap_or(line))),
            }
        }
        lines
    }
}

/// The layers that a source reaches into, with the line of each.
fn reaches(source: &Source) -> Vec<(usize, String)> {
    let code = source.code();
    let mut found = Vec::new();
    let mut group: Option<usize> = None;
    for (line, text) in code {
        if let Some(depth) = group {
            group = names_in_group(text, depth, line, &mut found);
            continue;
        }
        for (at, _) in text
            .match_indices("crate::")
            .chain(text.match_indices("flowtrigger::"))
        {
            let part_of_a_word = text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            if part_of_a_word {
                continue;
            }
            let rest = text[at..].split_once("::").map_or("", |(_, rest)| rest);
            match rest.strip_prefix('{') {
                Some(inside) => group = names_in_group(inside, 1, line, &mut found),
                None => found.push((line, first_name(rest))),
            }
        }
        let supers = text.matches("super::").count();
        if supers > 0 && supers >= source.modules().len() {
            let rest = text.rsplit("super::").next().unwrap_or_default();
            found.push((line, first_name(rest)));
        }
    }
    found
}

/// Reads on in `use crate::{a::x, b::{y, z}}`; the depth of braces that is left open, if any.
fn names_in_group(
    text: &str,
    mut depth: usize,
    line: usize,
    found: &mut Vec<(usize, String)>,
) -> Option<usize> {
    let mut start = depth == 1;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return None,
            '}' => depth -= 1,
            ',' if depth == 1 => start = true,
            c if depth == 1 && start && c.is_alphabetic() => {
                found.push((line, first_name(&text[at..])));
                start = false;
            }
            _ => {}
        }
    }
    Some(depth)
}

fn first_name(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

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

/// Whether a path stands in the code as such, not as part of a longer word.
fn mentions(text: &str, word: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let after = &text[at + word.len()..];
        let open = word.ends_with(':') || !after.starts_with(inside);
        open && !text[..at].ends_with(inside)
    })
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
    let excused = LONGER.iter().any(|(path, _)| *path == source.path);
    if is_too_long(source) && !excused {
        let advice = "lines without its tests; split it by noun";
        breaches.push(format!("{}: {} {advice}", source.path, length(source)));
    }
    breaches
}

fn is_too_long(source: &Source) -> bool {
    !source.is_test() && length(source) > LONGEST
}

/// Lines up to the tests at the end of the file.
fn length(source: &Source) -> usize {
    let lines = source.text.lines();
    lines.take_while(|line| *line != "#[cfg(test)]").count()
}

fn breaches(source: &Source) -> Vec<String> {
    [imports(source), impurities(source), shape(source)].concat()
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    files
        .into_iter()
        .map(|file| Source {
            path: file
                .strip_prefix(&root)
                .expect("a file of src")
                .to_string_lossy()
                .replace('\\', "/"),
            text: fs::read_to_string(&file).expect("a readable source"),
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

#[test]
fn the_house_stands() {
    let sources = sources();
    assert!(sources.len() > 50, "only {} sources found", sources.len());
    let found: Vec<String> = sources.iter().flat_map(breaches).collect();
    assert!(found.is_empty(), "breaches:\n{}", found.join("\n"));
}

#[test]
fn every_excuse_is_needed() {
    let sources = sources();
    for (path, reason) in LONGER {
        let source = sources.iter().find(|source| source.path == *path);
        let needed = source.is_some_and(is_too_long);
        assert!(needed, "`{path}` is short enough; take it off the list");
        assert!(!reason.is_empty(), "`{path}` is excused without a reason");
    }
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
