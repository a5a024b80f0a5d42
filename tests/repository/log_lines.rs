//! Log lines as the sources write them: every key is described in `docs/log.md`, which also lists every message.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use flowtrigger_testing::repository;

use crate::docs::{read, root};
use crate::layering::lexer::{Kind, Token, group_end, tokens, without_tests};

const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];
const PAGE: &str = "docs/log.md";

/// A log line in the sources.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct LogLine {
    message: String,
    level: usize,
    keys: Vec<String>,
}

impl LogLine {
    /// Reads the arguments of a macro: fields, then a message.
    fn new(level: usize, arguments: &[Token]) -> Self {
        let (mut keys, mut message) = (Vec::new(), String::new());
        for argument in split(arguments) {
            match &argument[0].kind {
                Kind::Text(text) => {
                    message = shown(text);
                    break;
                }
                Kind::Ident(_) | Kind::Punct(_) | Kind::Other => {
                    keys.extend(argument.iter().find_map(Token::ident).map(str::to_owned));
                }
            }
        }
        Self {
            message,
            level,
            keys,
        }
    }
}

/// The arguments between the commas.
fn split(tokens: &[Token]) -> Vec<&[Token]> {
    let mut parts = Vec::new();
    let (mut start, mut at) = (0, 0);
    while at < tokens.len() {
        match &tokens[at].kind {
            Kind::Punct('(' | '[' | '{') => at = group_end(tokens, at),
            Kind::Punct(',') => {
                parts.push(&tokens[start..at]);
                at += 1;
                start = at;
            }
            Kind::Ident(_) | Kind::Punct(_) | Kind::Text(_) | Kind::Other => at += 1,
        }
    }
    parts.push(&tokens[start..]);
    parts.retain(|part| !part.is_empty());
    parts
}

/// A message as a reader sees it: `…` for what is inserted.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '\n']) {
        shown.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with('{') {
            shown.push('…');
            rest = &rest[rest.find('}').map_or(rest.len(), |end| end + 1)..];
        } else {
            // A line of the source that continues.
            rest = rest.trim_start();
        }
    }
    shown + rest
}

fn log_lines() -> BTreeSet<LogLine> {
    let mut lines = BTreeSet::new();
    for folder in ["src", "crates/core/src"] {
        for path in repository::files_below(root().join(folder)) {
            if path.extension().is_none_or(|ending| ending != "rs") {
                continue;
            }
            let is_test = |part: &str| part == "tests" || part == "tests.rs";
            let parts = path.iter().filter_map(|part| part.to_str());
            if parts.clone().any(is_test) {
                continue;
            }
            let source = without_tests(&tokens(&read(&path)), &mut Vec::new());
            for at in 0..source.len().saturating_sub(2) {
                let level = LEVELS.iter().position(|level| source[at].is_ident(level));
                if let Some(level) = level
                    && source[at + 1].is_punct('!')
                    && source[at + 2].is_punct('(')
                {
                    let end = group_end(&source, at + 2);
                    lines.insert(LogLine::new(level, &source[at + 3..end - 1]));
                }
            }
        }
    }
    assert!(
        lines.len() > 80,
        "only {} log lines were found",
        lines.len()
    );
    lines
}

/// The table of all messages.
pub fn table() -> String {
    let mut by_message: BTreeMap<String, (BTreeSet<usize>, BTreeSet<String>)> = BTreeMap::new();
    for line in log_lines() {
        let (levels, keys) = by_message.entry(line.message).or_default();
        levels.insert(line.level);
        keys.extend(line.keys);
    }
    let rows = by_message.into_iter().map(|(message, (levels, keys))| {
        let levels: Vec<&str> = levels.into_iter().map(|level| LEVELS[level]).collect();
        let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
        format!(
            "| {} | {message} | {} |\n",
            levels.join(", "),
            keys.join(", ")
        )
    });
    let rows: String = rows.collect();
    format!("| level | message | keys |\n|---|---|---|\n{rows}")
}

/// The keys that the page describes: the first cells of its first table.
fn described() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join(Path::new(PAGE))).expect("a page");
    let (keys, _) = text.split_once("## Messages").expect("two sections");
    let cells = keys.lines().filter_map(|line| line.strip_prefix("| `"));
    let cells = cells.filter_map(|line| line.split_once(" |"));
    let names = cells.flat_map(|(cell, _)| cell.split(", "));
    names
        .map(|name| name.trim_matches('`').to_owned())
        .collect()
}

#[test]
fn every_key_of_a_log_line_is_described() {
    let used: BTreeSet<String> = log_lines().into_iter().flat_map(|line| line.keys).collect();
    let described = described();
    let missing: Vec<&String> = used.difference(&described).collect();
    assert!(
        missing.is_empty(),
        "describe these keys in {PAGE}, or use one that it has: {missing:?}"
    );
    let always = ["timestamp", "level", "message"].map(str::to_owned);
    let unused = described
        .difference(&used)
        .filter(|key| !always.contains(key));
    assert_eq!(
        unused.collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "no log line has these keys"
    );
}

#[test]
fn keys_are_words_in_lower_case_and_do_not_hide_those_of_every_line() {
    for key in log_lines().into_iter().flat_map(|line| line.keys) {
        let is_word = key
            .chars()
            .all(|letter| letter.is_ascii_lowercase() || letter == '_');
        assert!(is_word, "`{key}`");
        for reserved in ["timestamp", "level", "message", "fields", "span"] {
            assert_ne!(key, reserved);
        }
    }
}

#[test]
fn the_arguments_of_a_log_line_are_read() {
    let text = r#"run = run.0, %error, r#type = f(a, b), ?ids, n = if x { "a" } else { "b" }, "it \
        {ended} with {}", code"#;
    let line = LogLine::new(1, &tokens(text));
    assert_eq!(line.keys, ["run", "error", "type", "ids", "n"]);
    assert_eq!(line.message, "it … with …");
}
