//! Charts as inline SVG with the geometry in attributes, and the same numbers as a table behind each.

use maud::{Markup, html};

/// The size of the drawing area; the style sheet stretches it.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 120.0;
/// The share of a column that a bar fills.
const BAR: f64 = 0.8;
/// Rows of the table behind a chart: it sums up neighbouring columns until there are no more.
const MAX_ROWS: usize = 12;

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
    /// The label of each column, such as `11:02`.
    pub labels: Vec<String>,
}

/// A chart with its texts.
#[derive(Debug, Clone)]
pub struct Chart<'c> {
    /// Unique on its page.
    pub id: &'static str,
    pub title: &'static str,
    /// The number of the moment, such as `43 per minute`.
    pub summary: String,
    /// What the chart shows, for those who cannot see it.
    pub description: String,
    pub columns: &'c Columns,
    pub bands: Vec<Band>,
    pub unit: Unit,
}

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Count,
    Seconds,
}

impl Unit {
    pub fn show(self, value: f64) -> String {
        match self {
            Unit::Count => thousands(value.round() as u64),
            Unit::Seconds => duration(value),
        }
    }
}

/// `1234567` as `1,234,567`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && at % 3 == first {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// Seconds with two significant digits, in the unit that people read best.
pub fn duration(seconds: f64) -> String {
    let digits = |value: f64| match value {
        value if value < 10.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    };
    match seconds {
        s if s < 0.001 => format!("{} µs", digits(s * 1e6)),
        s if s < 1.0 => format!("{} ms", digits(s * 1e3)),
        s if s < 120.0 => format!("{} s", digits(s)),
        s if s < 7_200.0 => format!("{} min", digits(s / 60.0)),
        s => format!("{} h", digits(s / 3_600.0)),
    }
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

struct SvgPath {
    class: &'static str,
    data: String,
}

#[derive(Clone, Copy)]
enum Legend {
    Square,
    Line,
}

fn frame(chart: &Chart<'_>, marks: &[String], paths: &[SvgPath], legend: Legend) -> Markup {
    let columns = chart.columns.labels.len();
    let quarter = |number: usize| chart.columns.labels.get(columns * number / 4);
    html! {
        figure class="chart" aria-labelledby=(chart.id) {
            figcaption { h3 id=(chart.id) { (chart.title) } span { (chart.summary) } }
            ul class="legend" {
                @for band in &chart.bands {
                    li { (swatch(band.class, legend)) (band.name) " " b { (current(band, chart.unit, legend)) } }
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
                    @for number in 0..4 { @if let Some(label) = quarter(number) { span { (label) } } }
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

/// The sum of bars, or the last value of a line.
fn current(band: &Band, unit: Unit, legend: Legend) -> String {
    let mut measured = band.values.iter().flatten();
    match legend {
        Legend::Square => unit.show(measured.sum()),
        Legend::Line => measured
            .next_back()
            .map_or_else(|| "none".to_owned(), |value| unit.show(*value)),
    }
}

fn grid(marks: usize) -> String {
    let steps = marks.saturating_sub(1).max(1);
    let mut data = String::new();
    for step in 0..=steps {
        let y = (HEIGHT * step as f64 / steps as f64).clamp(0.5, HEIGHT - 0.5);
        data.push_str(&format!("M0 {y:.1}H{WIDTH}"));
    }
    data
}

/// A transparent column over each minute, whose title shows its numbers.
fn hits(chart: &Chart<'_>) -> Markup {
    let step = WIDTH / chart.columns.labels.len().max(1) as f64;
    html! {
        g class="hit" {
            @for (at, label) in chart.columns.labels.iter().enumerate() {
                rect x=(format!("{:.1}", at as f64 * step)) width=(format!("{step:.1}")) height=(HEIGHT) {
                    title { (label) @for band in &chart.bands { ", " (band.name) " " (cell(band, at, chart.unit)) } }
                }
            }
        }
    }
}

fn cell(band: &Band, at: usize, unit: Unit) -> String {
    let value = band.values.get(at).copied().flatten();
    value.map_or_else(|| "none".to_owned(), |value| unit.show(value))
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
                        th scope="row" { (chart.columns.labels[start]) }
                        @for band in &chart.bands { td class="r" { (span(band, start..(start + step).min(columns), chart.unit)) } }
                    }
                }
            }
        }
    }
}

/// A band over several columns: the sum of counts, the highest of times.
fn span(band: &Band, columns: std::ops::Range<usize>, unit: Unit) -> String {
    let measured = band.values.get(columns).unwrap_or_default();
    let mut measured = measured.iter().flatten().copied().peekable();
    if measured.peek().is_none() {
        return "none".to_owned();
    }
    unit.show(match unit {
        Unit::Count => measured.sum(),
        Unit::Seconds => measured.fold(0.0, f64::max),
    })
}

fn stack_top(bands: &[Band]) -> f64 {
    let columns = bands.iter().map(|band| band.values.len()).max();
    let sum = |at: usize| -> f64 {
        let values = bands.iter().map(|band| band.values.get(at).copied());
        values
            .map(|value| value.flatten().unwrap_or_default())
            .sum()
    };
    (0..columns.unwrap_or_default())
        .map(sum)
        .fold(0.0, f64::max)
}

/// The next of 2, 4, 8, 10, 20, 40, 80, … that is no less.
fn nice_top(highest: f64) -> f64 {
    let mut decade = 1.0;
    loop {
        for factor in [2.0, 4.0, 8.0, 10.0] {
            if highest <= decade * factor {
                return decade * factor;
            }
        }
        decade *= 10.0;
    }
}

fn bar_paths(bands: &[Band], top: f64) -> Vec<SvgPath> {
    let columns = bands.iter().map(|band| band.values.len()).max();
    let columns = columns.unwrap_or_default();
    let step = WIDTH / columns.max(1) as f64;
    let (width, inset) = (step * BAR, step * (1.0 - BAR) / 2.0);
    let mut base = vec![0.0; columns];
    let mut paths = Vec::with_capacity(bands.len());
    for band in bands {
        let mut data = String::new();
        for (at, value) in band.values.iter().enumerate() {
            let Some(value) = value.filter(|value| *value > 0.0) else {
                continue;
            };
            let height = HEIGHT * value / top;
            let (x, y) = (at as f64 * step + inset, HEIGHT - base[at]);
            data.push_str(&format!(
                "M{x:.1} {y:.1}v-{height:.1}h{width:.1}v{height:.1}z"
            ));
            base[at] += height;
        }
        paths.push(SvgPath {
            class: band.class,
            data,
        });
    }
    paths
}

/// Powers of ten that cover all values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Scale {
    low: i32,
    high: i32,
}

impl Scale {
    fn of(bands: &[Band]) -> Self {
        let values = bands.iter().flat_map(|band| band.values.iter().flatten());
        let logarithms = values.filter(|v| **v > 0.0).map(|value| value.log10());
        let (low, high) = logarithms.fold((f64::MAX, f64::MIN), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        if low > high {
            return Self { low: -3, high: 0 };
        }
        let low = low.floor() as i32;
        let high = (high.ceil() as i32).max(low + 1);
        Self { low, high }
    }

    fn marks(self) -> impl Iterator<Item = f64> {
        (self.low..=self.high).rev().map(|power| 10f64.powi(power))
    }

    fn y(self, value: f64) -> f64 {
        let share = (value.log10() - f64::from(self.low)) / f64::from(self.high - self.low);
        HEIGHT * (1.0 - share.clamp(0.0, 1.0))
    }
}

/// A line with gaps where nothing was measured; a single value is a short dash.
fn line(values: &[Option<f64>], scale: Scale) -> String {
    let step = WIDTH / values.len().max(1) as f64;
    let mut data = String::new();
    let mut is_open = false;
    for (at, value) in values.iter().enumerate() {
        let Some(value) = value.filter(|value| *value > 0.0) else {
            is_open = false;
            continue;
        };
        let (x, y) = ((at as f64 + 0.5) * step, scale.y(value));
        match is_open {
            true => data.push_str(&format!("L{x:.1} {y:.1}")),
            false => data.push_str(&format!("M{:.1} {y:.1}H{x:.1}", x - step * 0.3)),
        }
        is_open = true;
    }
    data
}

/// Small bars without axes.
pub fn sparkline(values: &[u64], class: &'static str, label: &str) -> Markup {
    let top = values.iter().copied().max().unwrap_or_default().max(1) as f64;
    let step = 88.0 / values.len().max(1) as f64;
    let mut data = String::new();
    let mut base = String::new();
    for (at, value) in values.iter().enumerate() {
        let (x, width) = (at as f64 * step + 0.5, step * 0.65);
        let height = match *value {
            0 => 1.0,
            value => 1.0 + 18.0 * value as f64 / top,
        };
        let bar = format!("M{x:.1} 20v-{height:.1}h{width:.1}v{height:.1}z");
        match *value {
            0 => base.push_str(&bar),
            _ => data.push_str(&bar),
        }
    }
    html! {
        svg class="spark" viewBox="0 0 88 20" role="img" aria-label=(label) {
            path class="f0" d=(base) {}
            path class=(class) d=(data) {}
        }
    }
}

#[cfg(test)]
mod tests;
