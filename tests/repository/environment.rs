//! Environment variables: `docs/configuration.md` lists exactly those that the program reads, and no document names another.

use std::collections::BTreeSet;

use flowtrigger_core::config::environment::{COMMAND_VARIABLES, SETTINGS};
use flowtrigger_testing::repository;

use crate::docs::{documents, name, read, root};

const PREFIX: &str = "FLOWTRIGGER_";

/// The variables that a text names, without the prefix.
fn named(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in text.match_indices(PREFIX) {
        let is_part = |letter: char| letter.is_ascii_uppercase() || letter == '_';
        let rest = &text[at + PREFIX.len()..];
        let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
        names.insert(rest[..end].to_owned());
    }
    names
}

/// Whether the name is this setting, or begins with one that a name follows.
fn is_setting(name: &str, setting: &str) -> bool {
    match setting.ends_with('_') {
        true => name.starts_with(setting),
        false => name == setting,
    }
}

#[test]
fn the_table_lists_every_variable_and_no_other() {
    let text = read(root().join("docs/configuration.md"));
    let (_, section) = text
        .split_once("## Environment variables\n")
        .expect("a section");
    let rows: Vec<&str> = section
        .lines()
        .take_while(|line| !line.starts_with("## "))
        .filter(|line| line.starts_with("| `"))
        .collect();
    let listed = named(&rows.join("\n"));
    for setting in SETTINGS {
        let is_listed = listed.iter().any(|name| is_setting(name, setting));
        assert!(
            is_listed,
            "{PREFIX}{setting} is missing in docs/configuration.md"
        );
    }
    for name in listed {
        let is_read = SETTINGS.iter().any(|setting| is_setting(&name, setting));
        assert!(is_read, "nothing reads {PREFIX}{name}");
    }
}

#[test]
fn no_document_names_a_variable_that_nothing_reads() {
    let mut files = documents();
    for folder in ["deploy", "rules", "src/cli/init/files"] {
        files.extend(repository::files_below(root().join(folder)));
    }
    files.push(root().join("flowtrigger.yaml"));
    for file in files {
        // A file that is no text names no variable.
        let Ok(text) = std::fs::read_to_string(&file) else {
            continue;
        };
        for variable in named(&text) {
            let is_read = SETTINGS
                .iter()
                .any(|setting| is_setting(&variable, setting));
            let is_set = COMMAND_VARIABLES
                .iter()
                .any(|set| set.starts_with(&*variable))
                // By which a daemon recognises its commands.
                || variable == "DAEMON";
            // A pattern such as `FLOWTRIGGER_…`.
            let is_pattern = variable.is_empty();
            assert!(
                is_read || is_set || is_pattern,
                "{}: {PREFIX}{variable}",
                name(&file)
            );
        }
    }
}
