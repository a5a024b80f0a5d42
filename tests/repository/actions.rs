//! Checks that no file but that of `calls!` lists the calls, so that a new one needs a row there only.

use std::collections::BTreeSet;

use flowtrigger_testing::repository;

/// The file with the list.
const LIST: &str = "crates/core/src/flow/call/mod.rs";

#[test]
fn calls_are_listed_in_one_file() {
    let calls = calls();
    assert!(calls.len() >= 4, "the list has {calls:?}");
    let further: Vec<String> = sources()
        .into_iter()
        .filter(|source| source != LIST)
        .filter(|source| matched(&repository::read(source), &calls).len() > 1)
        .collect();
    assert_eq!(
        further, [""; 0],
        "these files list calls; implement a trait for each call instead"
    );
}

#[test]
fn a_further_list_of_calls_is_found() {
    let list = "match call { Call::Http(call) => a(call), Call::Exec(call) => b(call) }";
    assert_eq!(matched(list, &calls()).len(), 2);
    let one =
        "let Call::Http(call) = call else { return }; match call { Call::Exec(call) => call }";
    assert_eq!(matched(one, &calls()).len(), 1);
}

/// The names in the list of `calls!`.
fn calls() -> BTreeSet<String> {
    let text = repository::read(LIST);
    let list = text.split_once("macro_rules! calls").expect("the list").1;
    let list = list.split_once("\n}").expect("its end").0;
    let rows = list
        .lines()
        .filter(|line| line.contains(" => ") && line.ends_with(')'));
    let names = rows.filter_map(|row| Some(row.trim().split_once('(')?.0.to_owned()));
    names.collect()
}

/// The calls for which a text has an arm of a `match`.
fn matched<'c>(text: &str, calls: &'c BTreeSet<String>) -> BTreeSet<&'c str> {
    let is_matched = |call: &&String| {
        let variants = ["Call::", "CallTemplate::"].map(|list| format!("{list}{call}("));
        let mut after = variants
            .iter()
            .flat_map(|variant| text.split(variant).skip(1));
        after.any(|after| {
            let after = after.split_once(')').map_or("", |(_, after)| after);
            after.trim_start().starts_with(['=', '|']) && !after.trim_start().starts_with("= ")
        })
    };
    calls
        .iter()
        .filter(is_matched)
        .map(String::as_str)
        .collect()
}

/// The Rust files of the program and of its core, tests left out.
fn sources() -> Vec<String> {
    let files = ["src", "crates/core/src"]
        .into_iter()
        .flat_map(repository::files_below);
    let root = repository::root();
    files
        .filter_map(|file| {
            let name = file.strip_prefix(root).ok()?.to_str()?.to_owned();
            let is_test = name.contains("/tests/") || name.ends_with("/tests.rs");
            (name.ends_with(".rs") && !is_test).then_some(name)
        })
        .collect()
}
