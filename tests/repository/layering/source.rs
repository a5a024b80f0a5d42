//! A file of `src/` as text: its layer, its code without comments and tests, and where that reaches.
//! It refuses to judge any of it.

use std::fs;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone)]
pub struct Source {
    /// From `src/`, with forward slashes.
    pub path: String,
    pub text: String,
}

impl Source {
    pub fn layer(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    pub fn is_test(&self) -> bool {
        self.path
            .split('/')
            .any(|part| part == "tests" || part == "tests.rs")
    }

    /// The modules that lead to this file: `core`, `rule`, `path`.
    pub fn modules(&self) -> Vec<&str> {
        let path = self.path.trim_end_matches(".rs").trim_end_matches("/mod");
        path.split('/').collect()
    }

    /// The lines that are compiled into the program, without comments, numbered from 1.
    pub fn code(&self) -> Vec<(usize, &str)> {
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
pub fn reaches(source: &Source) -> Vec<(usize, String)> {
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

/// Whether a path stands in the code as such, not as part of a longer word.
pub fn mentions(text: &str, word: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let after = &text[at + word.len()..];
        let open = word.ends_with(':') || !after.starts_with(inside);
        open && !text[..at].ends_with(inside)
    })
}

/// Lines up to the tests at the end of the file.
pub fn length(source: &Source) -> usize {
    let lines = source.text.lines();
    lines.take_while(|line| *line != "#[cfg(test)]").count()
}

pub fn sources() -> Vec<Source> {
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
