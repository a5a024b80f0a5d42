//! Charts as inline SVG with the geometry in attributes, and the same numbers as a table behind each.

mod geometry;
mod sparkline;
mod unit;

use jiff::Timestamp;
use maud::{Markup, html};

use geometry::{HEIGHT, Scale, SvgPath, WIDTH, bar_paths, grid, line, nice_top, stack_top};

pub use sparkline::{SparkColumn, sparkline, two_coloured};
pub use unit::{Unit, duration};

/// Rows of the table behind a chart: it sums up neighbouring columns until there are no more.
const MAX_ROWS: usize = 12;
/// What stands for a value where no daemon ran.
const NOT_MEASURED: &str = "not measured";

/// One named series. `class` is the style sheet's class of its colour.
#[derive(Debug, Clone)]
pub struct Band {
    pub name: &'static str,
    pub class: &'static str,
    /// A value for each column; `None` where nothing was measured.
    pub values: Vec<Option<f64>>,
}

/// The columns of a chart.
#[derive(Debug, Clone)]
pub struct Columns {
    /// The label of each column in UTC, such as `11:02`.
    pub labels: Vec<String>,
    /// When each begins.
    pub starts: Vec<Timestamp>,
}

/// A chart with its texts.
#[derive(Debug, Clone)]
pub struct Chart<'c> {
    /// Unique on its page.
    pub id: &'static str,
    pub title: &'static str,
    /// The number of the moment, such as `43 per minute`.
    pub summary: Markup,
    /// What the chart shows, for those who cannot see it.
    pub description: String,
    pub columns: &'c Columns,
    pub bands: Vec<Band>,
    pub unit: Unit,
}

/// Bars, one above the other; the first band is at the bottom.
pub fn bars(chart: &Chart<'_>) -> Markup {
    let top = nice_top(stack_top(&chart.bands));
    let marks = [top, top / 2.0, 0.0].map(|value| chart.unit.show(value));
    frame(chart, &marks, &bar_paths(&chart.bands, top), Legend::Square)
}

/// Lines over a logarithmic scale.
pub fn lines(chart: &Chart<'_>) -> Markup {
    let scale = Scale::of(&chart.bands);
    let marks: Vec<String> = scale.marks().map(|value| chart.unit.show(value)).collect();
    let paths: Vec<SvgPath> = chart
        .bands
        .iter()
        .map(|band| SvgPath {
            class: band.class,
            data: line(&band.values, scale),
        })
        .collect();
    frame(chart, &marks, &paths, Legend::Line)
}

#[derive(Clone, Copy)]
enum Legend {
    Square,
    Line,
}

fn frame(chart: &Chart<'_>, marks: &[String], paths: &[SvgPath], legend: Legend) -> Markup {
    let columns = chart.columns.labels.len();
    let quarter = |number: usize| {
        let at = columns * number / 4;
        Some((chart.columns.labels.get(at)?, chart.columns.starts.get(at)))
    };
    html! {
        figure class="chart" aria-labelledby=(chart.id) {
            figcaption { h3 id=(chart.id) { (chart.title) } span { (chart.summary) } }
            ul class="legend" {
                @for band in &chart.bands {
                    li { (swatch(band.class, legend)) (band.name) " " b { (current(band, chart.unit)) } }
                }
            }
            div class="plot" {
                div class="y" aria-hidden="true" { @for mark in marks { span { (mark) } } }
                svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) preserveAspectRatio="none" role="img" aria-label=(chart.description) {
                    path class="grid" d=(grid(marks.len())) {}
                    @for path in paths { path class=(path.class) d=(path.data) {} }
                    (hits(chart))
                }
                div class="x" aria-hidden="true" {
                    @for number in 0..4 { @if let Some((label, start)) = quarter(number) { span data-t=[start] { (label) } } }
                    span { "now" }
                }
            }
            details { summary { "Table" } (table(chart)) }
        }
    }
}

fn swatch(class: &str, legend: Legend) -> Markup {
    html! {
        svg viewBox="0 0 8 8" aria-hidden="true" {
            @match legend {
                Legend::Square => rect class=(class) width="8" height="8" rx="2" {},
                Legend::Line => path class=(class) d="M0 4H8" {},
            }
        }
    }
}

/// The number beside the name of a series.
pub fn current(band: &Band, unit: Unit) -> String {
    match (unit.current(&band.values), unit) {
        (None, _) => NOT_MEASURED.to_owned(),
        (Some(value), Unit::Count | Unit::Level) => unit.show(value),
        (Some(value), Unit::Seconds) => format!("up to {}", unit.show(value)),
    }
}

fn shown(value: Option<f64>, unit: Unit) -> String {
    value.map_or_else(|| NOT_MEASURED.to_owned(), |value| unit.show(value))
}

/// A transparent column over each minute, whose title shows its numbers.
fn hits(chart: &Chart<'_>) -> Markup {
    let step = WIDTH / chart.columns.labels.len().max(1) as f64;
    html! {
        g class="hit" {
            @for (at, label) in chart.columns.labels.iter().enumerate() {
                rect x=(format!("{:.1}", at as f64 * step)) width=(format!("{step:.1}")) height=(HEIGHT) {
                    title data-t=[chart.columns.starts.get(at)] { (label) @for band in &chart.bands { ", " (band.name) " " (cell(band, at, chart.unit)) } }
                }
            }
        }
    }
}

fn cell(band: &Band, at: usize, unit: Unit) -> String {
    shown(band.values.get(at).copied().flatten(), unit)
}

fn table(chart: &Chart<'_>) -> Markup {
    let columns = chart.columns.labels.len();
    let step = columns.div_ceil(MAX_ROWS).max(1);
    html! {
        table {
            caption class="vh" { (chart.title) }
            thead { tr { th scope="col" { "From" } @for band in &chart.bands { th scope="col" class="r" { (band.name) } } } }
            tbody {
                @for start in (0..columns).step_by(step) {
                    tr {
                        th scope="row" data-t=[chart.columns.starts.get(start)] { (chart.columns.labels[start]) }
                        @for band in &chart.bands { td class="r" { (span(band, start..(start + step).min(columns), chart.unit)) } }
                    }
                }
            }
        }
    }
}

/// A band over several columns.
fn span(band: &Band, columns: std::ops::Range<usize>, unit: Unit) -> Markup {
    let values = band.values.get(columns).unwrap_or_default();
    match unit.joined(values) {
        Some(value) => html! { (unit.show(value)) },
        None => html! { span aria-hidden="true" { "–" } span class="vh" { (NOT_MEASURED) } },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_has_its_numbers_in_a_table_and_no_inline_style() {
        let columns = Columns {
            labels: ["11:01", "11:02"].map(str::to_owned).to_vec(),
            starts: vec![Timestamp::UNIX_EPOCH; 2],
        };
        let band = |values: &[f64]| Band {
            name: "matched",
            class: "f1",
            values: values.iter().map(|value| Some(*value)).collect(),
        };
        let chart = Chart {
            id: "c1",
            title: "Events",
            summary: html! { b { "3" } " in all" },
            description: "Events".into(),
            columns: &columns,
            bands: vec![band(&[1.0, 2_000.0])],
            unit: Unit::Count,
        };
        let text = bars(&chart).into_string();
        assert!(text.contains(
            r#"<th scope="row" data-t="1970-01-01T00:00:00Z">11:02</th><td class="r">2,000</td>"#
        ));
        assert!(
            text.contains("<title data-t=\"1970-01-01T00:00:00Z\">11:01, matched 1</title>"),
            "{text}"
        );
        assert!(text.contains("matched <b>2,001</b>"), "{text}");
        assert!(!text.contains("style="));
        let empty = Chart {
            bands: vec![band(&[])],
            ..chart
        };
        assert!(
            lines(&empty)
                .into_string()
                .contains("matched <b>not measured</b>")
        );
    }
}
