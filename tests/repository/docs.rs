//! Keeps the documents consistent with the code and with each other: dependencies, metrics, links, the
//! JSON Schema, the tests named in SECURITY.md, and the language.
//!
//! `doc_tables.rs` checks the generated tables, `readme.rs` executes the code blocks.

use std::fs;
use std::path::{Path, PathBuf};

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// README.md and the other documents at the root, then those under `docs/` and `deploy/`.
pub fn documents() -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(root()).expect("a readable folder") {
        paths.push(entry.expect("an entry").path());
    }
    paths.retain(|path| is_markdown(path));
    markdown(&root().join("docs"), &mut paths);
    markdown(&root().join("deploy"), &mut paths);
    paths
}

fn markdown(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            markdown(&path, paths);
        } else if is_markdown(&path) {
            paths.push(path);
        }
    }
}

fn is_markdown(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
}

/// The path of a document relative to the root.
pub fn name(document: &Path) -> &str {
    let relative = document
        .strip_prefix(root())
        .expect("a path below the root");
    relative.to_str().expect("UTF-8")
}

#[test]
fn every_dependency_has_a_reason() {
    let reasons = read(root().join("docs/contributing/dependencies.md"));
    // The workspace's manifest has the dependencies of both crates.
    let manifest = read(root().join("Cargo.toml"));
    let mut section = "";
    let sections = [
        "[workspace.dependencies]",
        "[dependencies]",
        "[dev-dependencies]",
    ];
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        }
        let Some((name, _)) = line
            .split_once(" = ")
            .filter(|(name, _)| !name.starts_with('#'))
        else {
            continue;
        };
        let is_own = line.contains("path = ") || name.ends_with(".workspace");
        if !is_own && sections.contains(&section) {
            assert!(
                reasons.contains(&format!("| `{name}` |")),
                "docs/contributing/dependencies.md has no reason for `{name}`"
            );
        }
    }
}

#[test]
fn every_metric_is_described() {
    let operations = read(root().join("docs/operations.md"));
    let source = read(root().join("src/engine/metrics/mod.rs"));
    let names = source.split("name(\"").skip(1);
    let names: Vec<&str> = names
        .filter_map(|rest| Some(rest.split_once('"')?.0))
        .collect();
    assert!(names.len() >= 8, "{names:?}");
    for name in names {
        let described = operations.contains(&format!("| `flowtrigger_{name}"));
        assert!(
            described,
            "docs/operations.md does not describe `flowtrigger_{name}`"
        );
    }
}

#[test]
fn the_readme_is_short() {
    let lines = read(root().join("README.md")).lines().count();
    assert!(
        lines <= 200,
        "README.md has {lines} lines, the limit is 200"
    );
}

#[test]
fn every_page_is_in_an_index() {
    let readme = read(root().join("README.md"));
    let decisions = read(root().join("docs/decisions/README.md"));
    for document in documents() {
        let name = name(&document);
        let listed = match name.strip_prefix("docs/decisions/") {
            Some("README.md") | None => readme.contains(&format!("]({name})")),
            Some(decision) => decisions.contains(&format!("]({decision})")),
        };
        assert!(listed || name == "README.md", "no index links to {name}");
    }
}

#[test]
fn every_link_and_path_exists() {
    let mut dead = Vec::new();
    for document in documents() {
        let text = read(&document);
        let folder = document.parent().expect("a folder");
        for target in links(&text) {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let path = match file {
                "" => document.clone(),
                file => folder.join(file),
            };
            if !path.exists() || !heading.is_empty() && !has_heading(&path, heading) {
                dead.push(format!("{}: {target}", name(&document)));
            }
        }
        for path in paths(&text).filter(|path| !root().join(path).exists()) {
            dead.push(format!("{}: {path}", name(&document)));
        }
    }
    assert!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
}

/// The targets of links within the project.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let links = text.split("](").skip(1);
    let targets = links.filter_map(|rest| Some(rest.split_once(')')?.0));
    targets.filter(|target| !target.contains("://"))
}

/// The paths from the root that are named in backticks, such as `src/core/`; without placeholders.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    const FOLDERS: [&str; 11] = [
        "src/",
        "crates/",
        "tests/",
        "rules/",
        "examples/",
        "schema/",
        "deploy/",
        "docs/",
        "benches/",
        "fuzz/",
        ".ci/",
    ];
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "/._-".contains(c);
    let spans = text
        .lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2));
    spans.filter(move |span| {
        FOLDERS.iter().any(|start| span.starts_with(start)) && span.chars().all(plain)
    })
}

fn has_heading(path: &Path, expected: &str) -> bool {
    read(path)
        .lines()
        .filter(|line| line.starts_with('#'))
        .any(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.collect::<String>().replace(' ', "-") == expected
        })
}

/// Phrases that docs/contributing/style.md replaces, outside of code.
#[test]
fn documents_are_plain_english() {
    const REPLACED: [&str; 14] = [
        " unless given",
        " refuses",
        " judged",
        " whoever",
        " anew",
        " mended",
        " gives up",
        " gave up",
        " tries to",
        " is told",
        " tells of",
        " goes on",
        " by itself",
        " for good",
    ];
    let mut found = Vec::new();
    for document in documents()
        .iter()
        .filter(|path| !path.ends_with("style.md"))
    {
        let mut code = false;
        for (number, line) in read(document).lines().enumerate() {
            code ^= line.starts_with("```");
            let prose: String = line.split('`').step_by(2).collect();
            for phrase in REPLACED
                .iter()
                .filter(|phrase| !code && prose.contains(**phrase))
            {
                found.push(format!("{}:{}:{phrase}", name(document), number + 1));
            }
        }
    }
    assert!(found.is_empty(), "replace these:\n{}", found.join("\n"));
}

#[test]
fn the_schemas_equal_those_of_the_program() {
    for of in ["rule", "test", "config", "delivery", "replay"] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_flowtrigger"));
        let output = command.args(["schema", "--of", of]).output();
        let printed = String::from_utf8(output.expect("the program starts").stdout);
        let path = format!("schema/{of}.schema.json");
        let stored = read(root().join(&path));
        let equal = printed.expect("UTF-8") == stored;
        assert!(equal, "{path} is out of date: run `just schema`");
    }
}

/// Every row of the threats in SECURITY.md names a test, and every named test exists.
#[test]
fn every_defence_has_a_test() {
    let security = read(root().join("SECURITY.md"));
    let (_, rest) = security.split_once("<!-- threats -->\n").expect("a table");
    let (table, _) = rest.split_once("<!-- end of threats -->").expect("an end");
    let folders = ["src", "crates", "tests"];
    let sources: String = folders.map(|folder| sources(&root().join(folder))).concat();
    let rows = table.lines().skip(2);
    let mut named = 0;
    for row in rows {
        let tests = row.trim_end_matches('|').rsplit('|').next().unwrap_or("");
        let tests = tests.split('`').skip(1).step_by(2);
        for test in tests {
            let exists = sources.contains(&format!("fn {test}("));
            assert!(exists, "SECURITY.md: no test is called `{test}`");
            named += 1;
        }
        assert!(row.contains('`'), "SECURITY.md: no test in {row}");
    }
    assert!(named >= 10, "{named}");
}

fn sources(folder: &Path) -> String {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let texts = paths.map(|path| match path.is_dir() {
        true => sources(&path),
        false if path.extension().is_some_and(|ending| ending == "rs") => read(&path),
        false => String::new(),
    });
    texts.collect()
}
