//! A sample for each check that it must report, and one that it must not.

use super::breach::{Breach, by_key};
use super::source::{Crate, Source};
use super::{files, names, order, purity};

const HEADER: &str = "//! A sample.\n";

/// A crate of the root package with these files.
fn root(files: &[(&str, &str)]) -> Crate {
    Crate::new("flowtrigger", "src", files)
}

fn keys(breaches: Vec<Breach>) -> Vec<String> {
    by_key(breaches).into_keys().collect()
}

fn order_of_root(path: &str, text: &str) -> Vec<String> {
    let others = ["core", "store", "source", "action", "engine", "cli"];
    let paths = others.map(|name| format!("{name}/mod.rs"));
    let mut files: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), "")).collect();
    files.retain(|(known, _)| *known != path);
    files.push((path, text));
    keys(order::check("root", &root(&files), &[], order::ROOT))
}

#[test]
fn an_import_against_the_order_is_reported() {
    for (path, text) in [
        ("core/mod.rs", "use crate::engine::Engine;"),
        ("core/rule/path.rs", "use super::super::super::cli::run;"),
        ("store/mod.rs", "use crate::source::http;"),
        (
            "source/http.rs",
            "use crate::{\n    core::event::Event,\n    action::http::{Client, Url},\n};",
        ),
        ("action/http.rs", "fn f() { crate::store::open() }"),
        ("engine/worker.rs", "pub use crate::cli::render;"),
        (
            "source/mod.rs",
            "use crate::engine as e; fn f() { e::run() }",
        ),
        (
            "store/mod.rs",
            "mod inner { use super::super::engine::run; }",
        ),
        (
            "action/mod.rs",
            "macro_rules! m { () => { $crate::engine::run() } }",
        ),
    ] {
        assert_eq!(order_of_root(path, text).len(), 1, "{path}: {text}");
    }
    for (path, text) in [
        (
            "engine/worker.rs",
            "use crate::{core::{event, rule}, store, action::http};",
        ),
        (
            "cli/run.rs",
            "use crate::engine::worker;\n// crate::main is elsewhere",
        ),
        (
            "core/a.rs",
            "#[cfg(test)]\nmod tests {\n    use crate::cli::run;\n}\nfn f() {}",
        ),
        ("core/a.rs", "const TEXT: &str = \"crate::cli::run\";"),
        ("action/http.rs", "use my_crate::store::open;"),
    ] {
        assert_eq!(
            order_of_root(path, text),
            Vec::<String>::new(),
            "{path}: {text}"
        );
    }
    assert_eq!(
        order_of_root("other/mod.rs", ""),
        ["root: `other` has no layer"]
    );
}

#[test]
fn a_re_export_counts_as_what_it_leads_to() {
    let files = [
        (
            "engine/mod.rs",
            "mod clock; mod handle; pub use handle::Engine;",
        ),
        ("engine/handle.rs", "pub struct Engine;"),
        ("engine/clock.rs", "use super::Engine;"),
    ];
    let found = order::check("engine", &root(&files), &["engine"], order::ENGINE);
    assert_eq!(keys(found), ["engine: `clock` imports `handle`"]);
}

#[test]
fn the_core_is_checked_wherever_it_is() {
    let files = [
        ("compile/mod.rs", "use crate::convert;"),
        ("convert/mod.rs", "use crate::bundle; use crate::compile;"),
        ("bundle/mod.rs", "use crate::config; use crate::language;"),
        ("config/mod.rs", ""),
        ("language/mod.rs", "use crate::config;"),
    ];
    let sources = Crate::new("flowtrigger_core", "crates/core/src", &files);
    let expected = [
        "core: `bundle` imports `config`",
        "core: `compile` imports `convert`",
        "core: `convert` imports `compile`",
        "core: `language` imports `config`",
    ];
    assert_eq!(
        keys(order::check("core", &sources, &[], order::CORE)),
        expected
    );
    let inside = files.map(|(path, text)| {
        let text = text.replace("crate::", "crate::core::");
        (format!("core/{path}"), text)
    });
    let inside: Vec<(&str, &str)> = inside
        .iter()
        .map(|(p, t)| (p.as_str(), t.as_str()))
        .collect();
    let found = order::check("core", &root(&inside), &["core"], order::CORE);
    assert_eq!(keys(found), expected);
}

#[test]
fn the_roots_of_the_program_only_start_it() {
    let files = |main: &'static str, lib: &'static str| {
        root(&[
            ("main.rs", main),
            ("lib.rs", lib),
            ("cli/mod.rs", ""),
            ("engine/mod.rs", ""),
        ])
    };
    let fine = files(
        "use std::process::ExitCode; static A: mimalloc::MiMalloc = mimalloc::MiMalloc; fn main() { flowtrigger::cli::main() }",
        "pub mod cli;",
    );
    assert_eq!(keys(order::check_roots(&fine)), Vec::<String>::new());
    let bad = files(
        "use flowtrigger::engine::Engine;",
        "pub use crate::engine::Engine;",
    );
    assert_eq!(keys(order::check_roots(&bad)).len(), 2);
}

#[test]
fn what_depends_on_more_than_input_is_reported_in_the_core_alone() {
    let found = |path: &str, text: &str| keys(purity::check(&root(&[(path, text)]), &["core"]));
    for text in [
        "use std::fs;",
        "use std::fs::File;",
        "use jiff::Timestamp; fn f() { Timestamp::now(); }",
        "fn f() { jiff::Zoned::now(); }",
        "use tokio::sync::mpsc;",
        "use std::time::{Duration, SystemTime};",
        "#[cfg(test)]\nmod tests {\n    use std::fs;\n}\nuse std::net::TcpStream;",
        "fn f() { std::thread::spawn(g); }",
        "fn f() { rusqlite::Connection::open(p); }",
    ] {
        assert_eq!(found("core/run.rs", text).len(), 1, "{text}");
        assert_eq!(found("engine/run.rs", text).len(), 0, "{text}");
    }
    for text in [
        "use std::time::Duration;",
        "//! tokio::sync is not used here",
        "use crate::core::tokio_like::Pool;",
        "#[cfg(test)]\nuse std::fs;",
    ] {
        assert_eq!(found("core/run.rs", text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn an_impure_dependency_of_the_core_is_reported() {
    let manifest = "[dependencies]\nserde = \"1\"\ntokio = { version = \"1\" }\n[dev-dependencies]\ntempfile = \"3\"\n";
    let found = keys(purity::check_manifest("Cargo.toml", manifest));
    assert_eq!(found, ["core: depends on `tokio`"]);
    let found = purity::check_manifest(
        "Cargo.toml",
        "[dependencies]\nprometheus-client.workspace = true\n[dependencies.rand]\nversion = \"1\"\n",
    );
    assert_eq!(found.len(), 2);
}

#[test]
fn a_type_name_that_is_defined_twice_is_reported() {
    let one = root(&[
        (
            "a.rs",
            "pub struct Place; struct Args; impl Iterator for A { type Item = u8; }",
        ),
        (
            "b.rs",
            "enum Place {} struct Args; impl Iterator for B { type Item = u8; }",
        ),
        (
            "c.rs",
            "#[cfg(test)]\nstruct Place;\nfn f() { struct Item; }",
        ),
    ]);
    let expected = ["names: `Place` is defined several times"];
    assert_eq!(keys(names::check_types(&[&one])), expected);
    let other = Crate::new("other", "other", &[("a.rs", "trait Item {}")]);
    assert_eq!(keys(names::check_types(&[&other, &one])), expected);
}

#[test]
fn private_words_in_names_are_reported() {
    let found = |path: &str, text: &str| {
        let source = Source::new("src", path, text);
        keys(names::check_words(&source)).len()
    };
    for (path, text) in [
        ("a.rs", "struct Judged;"),
        ("a.rs", "pub struct RuleRefused;"),
        ("a.rs", "pub(crate) async fn tell_all() {}"),
        ("a.rs", "impl A { pub const fn words(&self) {} }"),
        ("crowd.rs", ""),
        ("door/mod.rs", ""),
        ("utils.rs", ""),
    ] {
        assert_eq!(found(path, text), 1, "{path}: {text}");
    }
    for (path, text) in [
        ("a.rs", "fn told() {}"),
        ("a.rs", "struct Keyword; pub fn keywords() {}"),
        ("help_desk.rs", "pub fn placeholder() {}"),
    ] {
        assert_eq!(found(path, text), 0, "{path}: {text}");
    }
}

#[test]
fn methods_outside_the_folder_of_their_type_are_reported() {
    let found = |path: &str, text: &str| {
        let files = [
            ("event/mod.rs", "pub struct Event;"),
            ("event/head.rs", "pub struct Head;"),
            (path, text),
        ];
        keys(names::check_methods(&root(&files))).len()
    };
    let outside = "use crate::event::Event; impl Event { fn set() {} }";
    assert_eq!(found("path/set.rs", outside), 1);
    let generic = "use crate::event::head::Head; impl<'a, T: Into<u8>> Head<'a, T> { fn set() {} }";
    assert_eq!(found("path/set.rs", generic), 1);
    assert_eq!(found("event/json/read.rs", outside), 0);
    let of_a_trait = "use crate::event::Event; impl Path for Event { fn set() {} }";
    assert_eq!(found("path/set.rs", of_a_trait), 0);
    let argument = "use crate::event::Event; fn f(x: impl Fn(Event)) { g() }";
    assert_eq!(found("path/set.rs", argument), 0);
}

#[test]
fn a_file_without_a_header_or_too_long_is_reported() {
    let found = |text: &str| keys(files::check(&Source::new("src", "run.rs", text))).len();
    assert_eq!(found("fn f() {}\n"), 1);
    assert_eq!(found("//! A sample.\n//! It refuses to do more.\n"), 1);
    assert_eq!(
        found(&format!("{HEADER}const A: &str = \"30 s unless given\";\n")),
        1
    );
    assert_eq!(found(&format!("{HEADER}{}", "\n".repeat(400))), 1);
    let tests = format!("{HEADER}#[cfg(test)]\nmod tests {{\n{}}}", "\n".repeat(400));
    assert_eq!(found(&tests), 0);
    assert_eq!(found(&format!("{HEADER}// It refuses nothing.\n")), 0);
}

#[test]
fn a_file_beside_its_folder_is_reported() {
    let beside = root(&[("run.rs", ""), ("run/retry.rs", ""), ("main.rs", "")]);
    let expected = ["files: src/run.rs should be `mod.rs` in its folder"];
    assert_eq!(keys(files::check_folders(&beside)), expected);
    let inside = root(&[("run/mod.rs", ""), ("run/retry.rs", "")]);
    assert_eq!(keys(files::check_folders(&inside)), Vec::<String>::new());
}

#[test]
fn only_document_uses_the_yaml_crates() {
    let found = |path: &str| {
        let sources = root(&[(
            path,
            "use serde_yaml::Value; fn f() { granit_parser::parse() }",
        )]);
        keys(files::check_yaml(&sources, &["core"])).len()
    };
    assert_eq!(found("core/document/reader.rs"), 0);
    assert_eq!(found("core/document/mod.rs"), 0);
    assert_eq!(found("core/rule/mod.rs"), 2);
    assert_eq!(found("document/mod.rs"), 2);
}
