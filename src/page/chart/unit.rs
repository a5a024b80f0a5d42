//! The units of charts: how a value is written, and how several columns become one.

use crate::report::deliveries::row::grouped;

/// What the values of a chart are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things that happened. Columns add up.
    Count,
    /// Things that are there. The last column counts.
    Level,
    /// Durations. The longest counts.
    Seconds,
}

impl Unit {
    pub fn show(self, value: f64) -> String {
        match self {
            Unit::Count | Unit::Level => grouped(value.round() as u64),
            Unit::Seconds => duration(value),
        }
    }

    /// Several columns as one; `None` if nothing was measured in any.
    pub fn joined(self, values: &[Option<f64>]) -> Option<f64> {
        let measured = values.iter().flatten().copied();
        match self {
            Unit::Count => measured.reduce(|sum, value| sum + value),
            Unit::Level => measured.last(),
            Unit::Seconds => measured.reduce(f64::max),
        }
    }

    /// The number beside the name of a series: all that happened, how it is now, or the longest.
    pub fn current(self, values: &[Option<f64>]) -> Option<f64> {
        match self {
            Unit::Count | Unit::Seconds => self.joined(values),
            Unit::Level => values.iter().flatten().copied().last(),
        }
    }
}

/// Seconds with two significant digits, in the unit that people read best.
pub fn duration(seconds: f64) -> String {
    let digits = |value: f64| match value {
        value if value < 9.95 => {
            let shown = format!("{value:.1}");
            shown.strip_suffix(".0").map(str::to_owned).unwrap_or(shown)
        }
        value => format!("{value:.0}"),
    };
    match seconds {
        s if s < 0.000_999_5 => format!("{} µs", digits(s * 1e6)),
        s if s < 0.999_5 => format!("{} ms", digits(s * 1e3)),
        s if s < 120.0 => format!("{} s", digits(s)),
        s if s < 7_200.0 => format!("{} min", digits(s / 60.0)),
        s if s < 172_800.0 => format!("{} h", digits(s / 3_600.0)),
        s => format!("{} d", digits(s / 86_400.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_readable() {
        let shown = [
            0.0, 0.0004, 0.01, 0.039, 1.0, 1.26, 45.0, 600.0, 90_000.0, 260_000.0,
        ];
        assert_eq!(
            shown.map(duration),
            [
                "0 µs", "400 µs", "10 ms", "39 ms", "1 s", "1.3 s", "45 s", "10 min", "25 h", "3 d"
            ]
        );
    }

    #[test]
    fn columns_are_joined_by_what_they_are() {
        let values = [Some(1.0), Some(4.0), None, Some(2.0)];
        let joined = [Unit::Count, Unit::Level, Unit::Seconds].map(|unit| unit.joined(&values));
        assert_eq!(joined, [Some(7.0), Some(2.0), Some(4.0)]);
        assert_eq!(Unit::Seconds.current(&values), Some(4.0));
        assert_eq!(Unit::Level.current(&values), Some(2.0));
        assert_eq!(Unit::Count.joined(&[None]), None);
    }
}
