//! Measures a backtest of a large archive beside the plain evaluation of the same events: `cargo bench --bench backtest`.
//! `BACKTEST_EVENTS` and `BACKTEST_RULES` change the numbers.

#![allow(clippy::print_stdout)]

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use flowtrigger::engine::{Rulebook, RulebookPaths};
use flowtrigger::report::backtest::execute::{BacktestBase, BacktestScope, execute};
use flowtrigger::store::history::ArchiveFilter;
use flowtrigger::store::{History, SqliteHistory};
use flowtrigger_core::event::format::FormatHint;
use flowtrigger_core::matching::find::MatchScratch;
use flowtrigger_testing::large_folder::LargeFolder;
use jiff::{SignedDuration, Timestamp};

/// Events of a page of the yardstick.
const PAGE: usize = 500;

fn number(variable: &str, default: usize) -> usize {
    let number = std::env::var(variable).ok();
    number
        .and_then(|number| number.parse().ok())
        .unwrap_or(default)
}

/// Rules without gates, or with those of `gate`. Two of them match an event, however many there are.
fn rules(count: usize, events: usize, gate: &str) -> Rulebook {
    let tickets = (events / 10).div_ceil(count).max(1);
    let rules = (0..count).map(|number| {
        let first = 100_000 + number * tickets;
        format!(
            "name: rule-{number}\nevent_source: support\nevent_type: ticket.PriorityChanged\nwhen: {{ current: urgent, ticket.id: {{ between: [{first}, {}] }} }}\n{gate}flow: [{{ succeed: fine }}]\n",
            first + 2 * tickets - 1
        )
    });
    let folder = tempfile::tempdir().expect("a folder");
    let text = rules.collect::<Vec<_>>().join("---\n");
    std::fs::write(folder.path().join("rules.yaml"), text).expect("a file");
    let loaded = RulebookPaths::new(folder.path()).read();
    assert!(!loaded.diagnostics.has_errors(), "{:?}", loaded.diagnostics);
    loaded.rulebook
}

/// Reads and evaluates the same events on one core, without comparing anything.
fn yardstick(history: &dyn History, book: &Rulebook) -> (usize, Duration, Duration) {
    let (mut read, mut evaluated, mut matches) = (Duration::ZERO, Duration::ZERO, 0);
    let (mut after, mut scratch) = (None, MatchScratch::default());
    loop {
        let began = Instant::now();
        let heads = history
            .archive(&ArchiveFilter::default(), after, PAGE)
            .expect("a page");
        let texts = history.archived_texts(&heads).expect("texts");
        read += began.elapsed();
        let Some(last) = heads.last() else { break };
        after = Some(last.position);
        let began = Instant::now();
        for text in &texts {
            let scanned = text.as_received().and_then(|raw| {
                let format = FormatHint::Endpoint("support");
                let found = book
                    .rules
                    .evaluate_scanned(raw.as_bytes(), format, &mut scratch)?;
                Some(found.numbers().len())
            });
            matches += scanned.unwrap_or_else(|| {
                let event = text.decode().expect("an event");
                book.rules
                    .evaluate_event(&event, &mut scratch)
                    .numbers()
                    .len()
            });
        }
        evaluated += began.elapsed();
    }
    (matches, read, evaluated)
}

fn main() {
    let events = number("BACKTEST_EVENTS", 1_000_000);
    let count = number("BACKTEST_RULES", 1_000);
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("flowtrigger.db");
    let end = Timestamp::now();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let began = Instant::now();
    runtime.block_on(LargeFolder { events, end }.write(&database));
    println!(
        "{events} events written in {:.1} s",
        began.elapsed().as_secs_f64()
    );
    let history = SqliteHistory::open(&database).expect("a history");
    for (name, gate) in [
        ("without gates", ""),
        ("with dedupe", "dedupe: { per: ticket.id, for: 1h }\n"),
        ("with debounce", "debounce: { per: ticket.id, quiet: 1h }\n"),
    ] {
        let book = rules(count, events, gate);
        let (matches, read, evaluated) = yardstick(&history, &book);
        let began = Instant::now();
        let scope = BacktestScope {
            since: end - SignedDuration::from_hours(8 * 24),
            until: end + SignedDuration::from_secs(1),
            now: end,
            rules: Vec::new(),
            samples: 3,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
        };
        let base = BacktestBase::WhatRan;
        let result = execute(&history, &book, base, scope, &mut |_| {
            ControlFlow::Continue(())
        });
        let result = result.expect("a result");
        let took = began.elapsed();
        let runs: u64 = result.rules.iter().map(|rule| rule.after).sum();
        let plain = read + evaluated;
        println!(
            "{count} rules {name}: {:.1} s, {runs} runs of {matches} matches; plain evaluation {:.1} s (read {:.1} s, evaluate {:.1} s): {:.2} times",
            took.as_secs_f64(),
            plain.as_secs_f64(),
            read.as_secs_f64(),
            evaluated.as_secs_f64(),
            took.as_secs_f64() / plain.as_secs_f64()
        );
        assert_eq!(result.coverage.events, events as u64);
    }
}
