//! The charts of the overview: events, unfinished runs, and the durations of attempts and commits.

use maud::{Markup, html};

use super::chart_range::{ChartColumn, ChartRange};
use crate::page::chart::{Band, Chart, Columns, Unit, bars, current, duration, lines};
use crate::report::deliveries::row::grouped;
use crate::store::Percentiles;

/// The states of runs that need a person, and those that wait for a time.
const NEED_A_PERSON: [&str; 2] = ["dead", "held"];
const WAIT: [&str; 2] = ["waiting", "debouncing"];

/// The section with its range.
pub fn section(columns: &[ChartColumn], range: ChartRange) -> Markup {
    let labels = Columns {
        labels: columns
            .iter()
            .map(|column| range.label(column.from))
            .collect(),
        starts: columns.iter().map(|column| column.from).collect(),
    };
    html! {
        section id="charts" data-fresh aria-labelledby="h-charts" {
            div class="bar" {
                h2 id="h-charts" { "Last " (range.name().trim_start_matches("1 ")) }
                p { (range.column_name()) " a column" }
            }
            div class="charts" {
                (bars(&events(columns, &labels, range)))
                (bars(&unfinished(columns, &labels)))
                (lines(&attempts(columns, &labels)))
                (lines(&commits(columns, &labels)))
            }
        }
    }
}

fn counts(
    columns: &[ChartColumn],
    name: &'static str,
    class: &'static str,
    count: impl Fn(&ChartColumn) -> u64,
) -> Band {
    Band {
        name,
        class,
        values: columns
            .iter()
            .map(|column| column.counted(count(column)))
            .collect(),
    }
}

/// `25 minutes`, or hours if there are many.
fn period(minutes: u64) -> String {
    match minutes {
        0 | 1 => "1 minute".to_owned(),
        2..120 => format!("{minutes} minutes"),
        minutes => duration(minutes as f64 * 60.0),
    }
}

fn events<'c>(columns: &[ChartColumn], labels: &'c Columns, range: ChartRange) -> Chart<'c> {
    let accepted: u64 = columns.iter().map(ChartColumn::events).sum();
    let rejected: u64 = columns.iter().map(|column| column.rejected).sum();
    let minutes = range.covered_minutes(columns);
    let per_minute = accepted as f64 / minutes.max(1) as f64;
    let bands = vec![
        counts(columns, "rejected", "f3", |column| column.rejected),
        counts(columns, "redelivered", "f2", |column| column.redelivered),
        counts(columns, "matched", "f1", |column| column.matched),
        counts(columns, "no match", "f0", |column| column.unmatched),
    ];
    Chart {
        id: "c-events",
        title: "Events",
        description: described("Events and rejected requests", &bands, Unit::Count),
        summary: html! {
            b { (rate(per_minute)) } " per minute in " (period(minutes)) ": " (grouped(accepted)) " accepted"
            @if rejected > 0 { ", " (grouped(rejected)) " rejected" }
        },
        columns: labels,
        bands,
        unit: Unit::Count,
    }
}

fn unfinished<'c>(columns: &[ChartColumn], labels: &'c Columns) -> Chart<'c> {
    let state = |name: &'static str, class| {
        counts(columns, name, class, move |column| column.runs_in(&[name]))
    };
    let bands = vec![
        state("dead", "f3"),
        state("held", "f5"),
        state("retrying", "f4"),
        state("running", "f1"),
        state("queued", "f0"),
        counts(columns, "waiting, debouncing", "f6", |column| {
            column.runs_in(&WAIT)
        }),
    ];
    let last = columns.iter().rev().find(|column| column.minutes > 0);
    let need = last.map_or(0, |column| column.runs_in(&NEED_A_PERSON));
    let all: u64 = last.map_or(0, |column| column.runs.values().sum());
    Chart {
        id: "c-runs",
        title: "Unfinished and dead runs",
        description: described("Unfinished, held and dead runs", &bands, Unit::Level),
        summary: html! {
            b { (grouped(all.saturating_sub(need))) } " unfinished, " (grouped(need)) " need a person"
        },
        columns: labels,
        bands,
        unit: Unit::Level,
    }
}

fn attempts<'c>(columns: &[ChartColumn], labels: &'c Columns) -> Chart<'c> {
    let bands = percentiles(columns, |column| column.attempts);
    Chart {
        id: "c-attempts",
        title: "Attempts",
        description: described("How long attempts of steps took", &bands, Unit::Seconds),
        summary: median(columns, |column| column.attempts),
        columns: labels,
        bands,
        unit: Unit::Seconds,
    }
}

fn commits<'c>(columns: &[ChartColumn], labels: &'c Columns) -> Chart<'c> {
    let bands = percentiles(columns, |column| column.commits);
    Chart {
        id: "c-commits",
        title: "Commits",
        description: described(
            "How long the database took to store events",
            &bands,
            Unit::Seconds,
        ),
        summary: median(columns, |column| column.commits),
        columns: labels,
        bands,
        unit: Unit::Seconds,
    }
}

fn percentiles(
    columns: &[ChartColumn],
    of: impl Fn(&ChartColumn) -> Option<Percentiles>,
) -> Vec<Band> {
    let seconds = |micros: u64| micros as f64 / 1e6;
    let band = |name, class, value: fn(Percentiles) -> u64| Band {
        name,
        class,
        values: columns
            .iter()
            .map(|column| of(column).map(|found| seconds(value(found))))
            .collect(),
    };
    vec![
        band("p99", "l0", |found| found.p99),
        band("p50", "l1", |found| found.p50),
    ]
}

/// The median of the medians of all columns.
fn median(columns: &[ChartColumn], of: impl Fn(&ChartColumn) -> Option<Percentiles>) -> Markup {
    let mut medians: Vec<u64> = columns
        .iter()
        .filter_map(of)
        .map(|found| found.p50)
        .collect();
    medians.sort_unstable();
    html! {
        @match medians.get(medians.len() / 2) {
            Some(p50) => { "usually " b { (duration(*p50 as f64 / 1e6)) } ", logarithmic" }
            None => "none measured"
        }
    }
}

/// The names of the series with their numbers, for those who cannot see the chart.
fn described(what: &str, bands: &[Band], unit: Unit) -> String {
    let values = bands
        .iter()
        .map(|band| format!("{} {}", band.name, current(band, unit)));
    let values: Vec<String> = values.collect();
    format!("{what}: {}", values.join(", "))
}

/// Events per minute: with a fraction if there are few.
fn rate(per_minute: f64) -> String {
    match per_minute {
        0.0 => "0".to_owned(),
        rate if rate < 0.1 => "under 0.1".to_owned(),
        rate if rate < 9.95 => format!("{rate:.1}"),
        rate => grouped(rate.round() as u64),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::store::Minute;

    #[test]
    fn a_chart_shows_the_sums_of_events_and_the_last_state_of_runs() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let minute = |ago: i64, unmatched: u64| Minute {
            minute: Minute::number_of(now) - ago,
            unmatched,
            commits: Some(Percentiles {
                p50: 1_200,
                p99: 2_900,
            }),
            runs: [("dead".to_owned(), unmatched), ("waiting".to_owned(), 7)].into(),
            ..Minute::default()
        };
        let rejected = Minute {
            minute: Minute::number_of(now),
            rejected: 3,
            runs: minute(0, 40).runs,
            ..Minute::default()
        };
        let minutes = [minute(9, 1_000), minute(1, 40), rejected];
        let columns = ChartRange::Hour.sum_up(&minutes, now);
        let html = section(&columns, ChartRange::Hour).into_string();
        for part in [
            "<b>104</b> per minute in 10 minutes: 1,040 accepted, 3 rejected",
            "no match <b>1,040</b>",
            "dead <b>40</b>",
            "<b>7</b> unfinished, 40 need a person",
            "usually <b>1.2 ms</b>",
            "p99 <b>up to 2.9 ms</b>",
            "none measured",
            "aria-label=\"How long attempts of steps took: p99 not measured, p50 not measured\"",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert!(!html.contains("style="));
    }

    #[test]
    fn few_events_are_no_zero() {
        let shown = [0.0, 0.01, 0.5, 42.6, 1_234.0].map(rate);
        assert_eq!(shown, ["0", "under 0.1", "0.5", "43", "1,234"]);
    }
}
