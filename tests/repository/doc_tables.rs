//! Keeps the generated tables of the documents equal to the vocabularies. `UPDATE_CASES=1` rewrites them.

use std::fs;

use flowtrigger_core::compile::flow::action::STEP;
use flowtrigger_core::config::archive::ARCHIVE;
use flowtrigger_core::config::breaker::BREAKER;
use flowtrigger_core::config::commands::COMMANDS;
use flowtrigger_core::config::connection::CONNECTION;
use flowtrigger_core::config::limits::LIMITS;
use flowtrigger_core::config::listen::LISTEN;
use flowtrigger_core::config::loop_guard::LOOP_GUARD;
use flowtrigger_core::config::metrics_listener::METRICS;
use flowtrigger_core::config::outgoing::OUTGOING;
use flowtrigger_core::config::page::PAGE;
use flowtrigger_core::config::retention::RETENTION;
use flowtrigger_core::config::retry::OUTAGE_RETRY;
use flowtrigger_core::config::schedules::SCHEDULE;
use flowtrigger_core::config::source::SOURCE;
use flowtrigger_core::config::store::STORE;
use flowtrigger_core::config::tls::{CLIENT_TLS, SERVER_TLS};
use flowtrigger_core::config::traces::TRACES;
use flowtrigger_core::config::verification::GENERIC;
use flowtrigger_core::config::verification::preset::{EventTypeLocation, PRESETS, PresetKind};
use flowtrigger_core::config::verification::signature::{ED25519, HMAC};
use flowtrigger_core::config::verification::token::TOKEN;
use flowtrigger_core::config::vocabulary::CONFIG;
use flowtrigger_core::document::vocabulary::{Support, Vocabulary};
use flowtrigger_core::flow::vocabulary::command::{CONFINE, EXEC};
use flowtrigger_core::flow::vocabulary::http::HTTP;
use flowtrigger_core::flow::vocabulary::waiting::WAIT_FOR;
use flowtrigger_core::flow::vocabulary::{BRANCH, FLOW, JQ, RETRY, WAIT};
use flowtrigger_core::gate::vocabulary::{
    COUNT, DEBOUNCE, DEDUPE, SEQUENCE, SEQUENCE_STEP, THROTTLE,
};
use flowtrigger_core::language::operator::SPECS;
use flowtrigger_core::language::template::filter::FILTERS;
use flowtrigger_core::rule::expected_runs::{EXPECTED_COUNT, EXPECTED_RULE, EXPECTED_RUNS};
use flowtrigger_core::rule::test::vocabulary::AWAITED;
use flowtrigger_core::rule::test::{TEST, TEST_EVENT};
use flowtrigger_core::rule::vocabulary::{EVERY, JOBSPEC};

use crate::docs;
use crate::docs::{documents, read, root};
use crate::log_lines;
use crate::senders;

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

/// The known senders: how they sign, and where they put the id of a delivery and the type of an event.
fn presets() -> String {
    let rows = PRESETS.iter().map(|preset| {
        let header = preset.header();
        let signed = match &preset.kind {
            PresetKind::Signature(row) => format!("`{}`", row.signed),
            PresetKind::Token(_) => "–".to_owned(),
        };
        let event_type = preset.event_type.map(|location| match location {
            EventTypeLocation::Header(header) => format!("`{header}`"),
            EventTypeLocation::Body(path) => format!("`{path}` in the body"),
        });
        let id = preset.delivery_id.map(|id| format!("`{id}`"));
        let [id, event_type] = [id, event_type].map(|text| text.unwrap_or_else(|| "–".to_owned()));
        let (name, summary) = (preset.name, preset.summary);
        format!("| `{name}` | {summary} | `{header}` | {signed} | {id} | {event_type} |\n")
    });
    let head = "| scheme | description | header | signed content | delivery id | event type |";
    let rows: String = rows.collect();
    format!("{head}\n|---|---|---|---|---|---|\n{rows}")
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
        ("docs/every.md", "every", keys(&EVERY)),
        ("docs/gates.md", "dedupe", keys(&DEDUPE)),
        ("docs/gates.md", "debounce", keys(&DEBOUNCE)),
        ("docs/gates.md", "throttle", keys(&THROTTLE)),
        ("docs/gates.md", "count", keys(&COUNT)),
        ("docs/gates.md", "sequence", keys(&SEQUENCE)),
        ("docs/gates.md", "sequence-step", keys(&SEQUENCE_STEP)),
        ("docs/steps.md", "step", keys(&STEP)),
        ("docs/steps.md", "http", keys(&HTTP)),
        ("docs/steps.md", "exec", keys(&EXEC)),
        ("docs/steps.md", "confine", keys(&CONFINE)),
        ("docs/steps.md", "retry", keys(&RETRY)),
        ("docs/flows.md", "branch", keys(&BRANCH)),
        ("docs/flows.md", "wait", keys(&WAIT)),
        ("docs/flows.md", "jq", keys(&JQ)),
        ("docs/waiting.md", "wait_for", keys(&WAIT_FOR)),
        ("docs/waiting.md", "awaited mock", keys(&AWAITED)),
        ("docs/flows.md", "flow", keys(&FLOW)),
        ("docs/templates.md", "filters", filters()),
        ("docs/backtest.md", "expected runs", keys(&EXPECTED_RUNS)),
        ("docs/backtest.md", "expected rule", keys(&EXPECTED_RULE)),
        ("docs/backtest.md", "expected count", keys(&EXPECTED_COUNT)),
        ("docs/testing.md", "test", keys(&TEST)),
        ("docs/testing.md", "test_event", keys(&TEST_EVENT)),
        ("docs/configuration.md", "config", keys(&CONFIG)),
        ("docs/schedules.md", "schedule", keys(&SCHEDULE)),
        ("docs/configuration.md", "connection", keys(&CONNECTION)),
        ("docs/configuration.md", "outage_retry", keys(&OUTAGE_RETRY)),
        ("docs/configuration.md", "breaker", keys(&BREAKER)),
        ("docs/sources.md", "source", keys(&SOURCE)),
        ("docs/sources.md", "presets", presets()),
        ("docs/sources.md", "verify", keys(&GENERIC)),
        ("docs/sources.md", "hmac", keys(&HMAC)),
        ("docs/sources.md", "ed25519", keys(&ED25519)),
        ("docs/sources.md", "token", keys(&TOKEN)),
        ("docs/senders.md", "senders", senders::table()),
        ("docs/network.md", "listen", keys(&LISTEN)),
        ("docs/network.md", "server_tls", keys(&SERVER_TLS)),
        ("docs/network.md", "metrics", keys(&METRICS)),
        ("docs/configuration.md", "client_tls", keys(&CLIENT_TLS)),
        ("docs/page.md", "page", keys(&PAGE)),
        ("docs/configuration.md", "store", keys(&STORE)),
        ("docs/network.md", "outgoing", keys(&OUTGOING)),
        ("docs/network.md", "commands", keys(&COMMANDS)),
        ("docs/loop-guard.md", "loop_guard", keys(&LOOP_GUARD)),
        ("docs/operations.md", "archive", keys(&ARCHIVE)),
        ("docs/operations.md", "retention", keys(&RETENTION)),
        ("docs/operations.md", "limits", keys(&LIMITS)),
        ("docs/operations.md", "traces", keys(&TRACES)),
        ("docs/log.md", "log messages", log_lines::table()),
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
