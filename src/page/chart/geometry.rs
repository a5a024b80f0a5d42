//! The geometry of charts: paths of bars and lines in the attributes of SVG elements.

use super::Band;

/// The size of the drawing area; the style sheet stretches it.
pub(super) const WIDTH: f64 = 600.0;
pub(super) const HEIGHT: f64 = 120.0;
/// The share of a column that a bar fills.
const BAR: f64 = 0.8;

/// One `path` element.
pub(super) struct SvgPath {
    pub class: &'static str,
    pub data: String,
}

pub(super) fn grid(marks: usize) -> String {
    let steps = marks.saturating_sub(1).max(1);
    let mut data = String::new();
    for step in 0..=steps {
        let y = (HEIGHT * step as f64 / steps as f64).clamp(0.5, HEIGHT - 0.5);
        data.push_str(&format!("M0 {y:.1}H{WIDTH}"));
    }
    data
}

pub(super) fn stack_top(bands: &[Band]) -> f64 {
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
pub(super) fn nice_top(highest: f64) -> f64 {
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

pub(super) fn bar_paths(bands: &[Band], top: f64) -> Vec<SvgPath> {
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
pub(super) struct Scale {
    low: i32,
    high: i32,
}

impl Scale {
    pub fn of(bands: &[Band]) -> Self {
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

    pub fn marks(self) -> impl Iterator<Item = f64> {
        (self.low..=self.high).rev().map(|power| 10f64.powi(power))
    }

    fn y(self, value: f64) -> f64 {
        let share = (value.log10() - f64::from(self.low)) / f64::from(self.high - self.low);
        HEIGHT * (1.0 - share.clamp(0.0, 1.0))
    }
}

/// A line with gaps where nothing was measured; a single value is a point, which the round ends of the line show.
pub(super) fn line(values: &[Option<f64>], scale: Scale) -> String {
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
            false => data.push_str(&format!("M{x:.1} {y:.1}h0")),
        }
        is_open = true;
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    fn band(values: &[f64]) -> Band {
        Band {
            name: "matched",
            class: "f1",
            values: values.iter().map(|value| Some(*value)).collect(),
        }
    }

    #[test]
    fn the_top_of_a_scale_is_a_round_number() {
        let tops = [0.0, 2.0, 3.0, 9.0, 11.0, 41.0].map(nice_top);
        assert_eq!(tops, [2.0, 2.0, 4.0, 10.0, 20.0, 80.0]);
    }

    #[test]
    fn bars_stand_on_one_another() {
        let paths = bar_paths(&[band(&[1.0, 0.0]), band(&[1.0, 2.0])], 2.0);
        assert_eq!(paths[0].data, "M30.0 120.0v-60.0h240.0v60.0z");
        assert_eq!(
            paths[1].data,
            "M30.0 60.0v-60.0h240.0v60.0zM330.0 120.0v-120.0h240.0v120.0z"
        );
    }

    #[test]
    fn lines_have_gaps() {
        let scale = Scale::of(&[band(&[0.02, 0.5])]);
        assert_eq!(scale, Scale { low: -2, high: 0 });
        let data = line(&[Some(0.1), None, Some(1.0), Some(0.01)], scale);
        assert_eq!(data, "M75.0 60.0h0M375.0 0.0h0L525.0 120.0");
    }
}
