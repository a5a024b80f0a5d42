//! Keeps the generated tables of the documents equal to the vocabularies. `UPDATE_CASES=1` rewrites them.

use std::fs;

use flowtrigger_core::compile::flow::action::STEP;
use flowtrigger_core::config::archive::ARCHIVE;
use flowtrigger_core::config::commands::COMMANDS;
use flowtrigger_core::config::connection::CONNECTION;
use flowtrigger_core::config::limits::LIMITS;
use flowtrigger_core::config::listen::LISTEN;
use flowtrigger_core::config::loop_guard::LOOP_GUARD;
use flowtrigger_core::config::outgoing::OUTGOING;
use flowtrigger_core::config::page::PAGE;
use flowtrigger_core::config::retention::RETENTION;
use flowtrigger_core::config::source::SOURCE;
use flowtrigger_core::config::store::STORE;
use flowtrigger_core::config::verification::VERIFY;
use flowtrigger_core::config::verification::hmac::HMAC;
use flowtrigger_core::config::vocabulary::CONFIG;
use flowtrigger_core::document::vocabulary::{Support, Vocabulary};
use flowtrigger_core::flow::vocabulary::command::{CONFINE, EXEC};
use flowtrigger_core::flow::vocabulary::http::HTTP;
use flowtrigger_core::flow::vocabulary::{BRANCH, FLOW, JQ, RETRY, WAIT};
use flowtrigger_core::gate::vocabulary::{DEBOUNCE, DEDUPE, THROTTLE};
use flowtrigger_core::language::operator::SPECS;
use flowtrigger_core::language::template::filter::FILTERS;
use flowtrigger_core::rule::test::{TEST, TEST_EVENT};
use flowtrigger_core::rule::vocabulary::JOBSPEC;

use crate::docs;
use crate::docs::{documents, read, root};

fn keys(vocabulary: &Vocabulary) -> String {
    let built = vocabulary
        .words
        .iter()
        .filter(|word| word.built == Support::Supported);
    let rows = built.map(|word| format!("| `{}` | {} |\n", word.name, word.summary));
    table("key", rows)
}

fn operators() -> String {
    let rows = SPECS.iter().map(|spec| {
        let case = if spec.compares_text {
            " Takes `ignore_case`."
        } else {
            ""
        };
        format!("| `{}` | {}{case} |\n", spec.name, spec.summary)
    });
    table("operator", rows)
}

fn filters() -> String {
    let rows = FILTERS.iter().map(|filter| {
        let summary = filter.summary.replace('|', "\\|");
        format!("| `{}` | {summary} |\n", filter.name)
    });
    table("filter", rows)
}

fn table(first: &str, rows: impl Iterator<Item = String>) -> String {
    let rows: String = rows.collect();
    format!("| {first} | description |\n|---|---|\n{rows}")
}

/// Page, name and content of every generated table. It is between `<!-- NAME -->` and `<!-- end of NAME -->`.
fn tables() -> Vec<(&'static str, &'static str, String)> {
    vec![
        ("docs/rules.md", "rule", keys(&JOBSPEC)),
        ("docs/rules.md", "operators", operators()),
        ("docs/gates.md", "dedupe", keys(&DEDUPE)),
        ("docs/gates.md", "debounce", keys(&DEBOUNCE)),
        ("docs/gates.md", "throttle", keys(&THROTTLE)),
        ("docs/steps.md", "step", keys(&STEP)),
        ("docs/steps.md", "http", keys(&HTTP)),
        ("docs/steps.md", "exec", keys(&EXEC)),
        ("docs/steps.md", "confine", keys(&CONFINE)),
        ("docs/steps.md", "retry", keys(&RETRY)),
        ("docs/flows.md", "branch", keys(&BRANCH)),
        ("docs/flows.md", "wait", keys(&WAIT)),
        ("docs/flows.md", "jq", keys(&JQ)),
        ("docs/flows.md", "flow", keys(&FLOW)),
        ("docs/templates.md", "filters", filters()),
        ("docs/testing.md", "test", keys(&TEST)),
        ("docs/testing.md", "test_event", keys(&TEST_EVENT)),
        ("docs/configuration.md", "config", keys(&CONFIG)),
        ("docs/configuration.md", "connection", keys(&CONNECTION)),
        ("docs/sources.md", "source", keys(&SOURCE)),
        ("docs/sources.md", "verify", keys(&VERIFY)),
        ("docs/sources.md", "hmac", keys(&HMAC)),
        ("docs/network.md", "listen", keys(&LISTEN)),
        ("docs/page.md", "page", keys(&PAGE)),
        ("docs/configuration.md", "store", keys(&STORE)),
        ("docs/network.md", "outgoing", keys(&OUTGOING)),
        ("docs/network.md", "commands", keys(&COMMANDS)),
        ("docs/loop-guard.md", "loop_guard", keys(&LOOP_GUARD)),
        ("docs/operations.md", "archive", keys(&ARCHIVE)),
        ("docs/operations.md", "retention", keys(&RETENTION)),
        ("docs/operations.md", "limits", keys(&LIMITS)),
    ]
}

#[test]
fn tables_equal_those_of_the_code() {
    for (page, name, expected) in tables() {
        let path = root().join(page);
        let mut text = read(&path);
        let open = format!("<!-- {name} -->\n");
        let close = format!("<!-- end of {name} -->");
        let start = text
            .find(&open)
            .unwrap_or_else(|| panic!("{page}: no {open}"))
            + open.len();
        let end = text[start..].find(&close);
        let end = start + end.unwrap_or_else(|| panic!("{page}: no {close}"));
        if text[start..end] == expected {
            continue;
        }
        let update = std::env::var_os("UPDATE_CASES").is_some();
        assert!(
            update,
            "the table `{name}` of {page} is out of date; it should be\n{expected}"
        );
        text.replace_range(start..end, &expected);
        fs::write(&path, &text).expect("a writable page");
    }
}

#[test]
fn each_table_is_on_one_page() {
    let tables = tables();
    for document in documents() {
        let text = read(&document);
        let ends = text
            .lines()
            .filter_map(|line| line.strip_prefix("<!-- end of "));
        for table in ends.map(|end| end.trim_end_matches(" -->")) {
            let listed = table == "threats"
                || tables
                    .iter()
                    .any(|(page, name, _)| (*page, *name) == (docs::name(&document), table));
            assert!(
                listed,
                "{}: the table `{table}` is not generated",
                docs::name(&document)
            );
        }
    }
}
