//! Sparklines: small bars without axes, which show when something happened.

use maud::{Markup, html};

/// The size of a sparkline.
const WIDTH: f64 = 88.0;
const HEIGHT: f64 = 20.0;
/// The height of a bar of nothing, and of the highest one above it.
const BASE: f64 = 1.0;
const RISE: f64 = 18.0;

/// One column: all of it in the first colour, and the part of it in front in the second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SparkColumn {
    pub all: u64,
    pub part: u64,
}

/// Bars in one colour; columns of nothing are a grey line. `class` is the class of the colour.
pub fn sparkline(values: &[u64], class: &'static str, label: &str) -> Markup {
    let columns: Vec<SparkColumn> = values
        .iter()
        .map(|value| SparkColumn {
            all: 0,
            part: *value,
        })
        .collect();
    draw(&columns, class, label)
}

/// Grey bars, with a part of each in a colour.
pub fn two_coloured(columns: &[SparkColumn], class: &'static str, label: &str) -> Markup {
    draw(columns, class, label)
}

fn draw(columns: &[SparkColumn], class: &'static str, label: &str) -> Markup {
    let highest = columns.iter().map(|column| column.all.max(column.part));
    let top = highest.max().unwrap_or_default().max(1) as f64;
    let step = WIDTH / columns.len().max(1) as f64;
    let (mut behind, mut front) = (String::new(), String::new());
    for (at, column) in columns.iter().enumerate() {
        let (x, width) = (at as f64 * step + 0.5, step * 0.65);
        let bar = |value: u64| {
            let height = BASE + RISE * value as f64 / top;
            format!("M{x:.1} {HEIGHT}v-{height:.1}h{width:.1}v{height:.1}z")
        };
        if column.all > 0 || column.part == 0 {
            behind.push_str(&bar(column.all));
        }
        if column.part > 0 {
            front.push_str(&bar(column.part));
        }
    }
    html! {
        svg class="spark" viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(label) {
            path class="f0" d=(behind) {}
            path class=(class) d=(front) {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_nothing_are_low_and_grey() {
        let text = sparkline(&[0, 2, 1], "f3", "3 <dead>").into_string();
        for part in [
            r#"<path class="f0" d="M0.5 20v-1.0h19.1v1.0z">"#,
            r#"<path class="f3" d="M29.8 20v-19.0h19.1v19.0zM59.2 20v-10.0h19.1v10.0z">"#,
            "3 &lt;dead&gt;",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("style="));
    }

    #[test]
    fn a_part_stands_in_front_of_all() {
        let columns = [SparkColumn { all: 4, part: 1 }];
        let text = two_coloured(&columns, "f3", "").into_string();
        assert!(text.contains("v-19.0") && text.contains("v-5.5"), "{text}");
    }
}
