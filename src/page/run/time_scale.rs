//! Places times on the line of a run's timeline. The distance of two times grows with the logarithm of what is between
//! them, so that a wait of hours leaves room for attempts of milliseconds.

use jiff::Timestamp;

use super::timeline::{TimeSpan, TimelineRow};

/// The smallest part of the line that anything takes, of 1.
const MIN_WIDTH: f64 = 0.008;
/// Two labels of the axis stand at least so far apart.
const LABEL_DISTANCE: f64 = 0.22;
/// A line of fewer seconds is labelled with milliseconds.
const SHORT_SECONDS: i64 = 10;

/// Where times are on the line, from 0 to 1.
#[derive(Debug)]
pub struct TimeScale {
    times: Vec<Timestamp>,
    /// The place of each time.
    places: Vec<f64>,
}

impl TimeScale {
    pub fn of(rows: &[TimelineRow<'_>]) -> Self {
        let spans = rows.iter().flat_map(TimelineRow::spans);
        let mut times: Vec<Timestamp> = spans.flat_map(|span| [span.from, span.to]).collect();
        times.sort_unstable();
        times.dedup();
        let mut places = Vec::with_capacity(times.len());
        let mut place = 0.0;
        for (index, time) in times.iter().enumerate() {
            if let Some(before) = index.checked_sub(1).map(|before| times[before]) {
                let millis = time.duration_since(before).as_secs_f64() * 1_000.0;
                place += (1.0 + millis.max(0.0) / 20.0).ln();
            }
            places.push(place);
        }
        let all = place.max(f64::MIN_POSITIVE);
        for place in &mut places {
            *place /= all;
        }
        Self { times, places }
    }

    /// Whether seconds do not tell its times apart.
    pub fn is_short(&self) -> bool {
        let ends = self.times.first().zip(self.times.last());
        ends.is_some_and(|(first, last)| last.duration_since(*first).as_secs() < SHORT_SECONDS)
    }

    fn place(&self, at: Timestamp) -> f64 {
        let index = self.times.partition_point(|time| *time < at);
        let place = self.places.get(index).or(self.places.last());
        place.copied().unwrap_or_default()
    }

    /// Start and width of a bar, in per cent, within the line.
    pub fn bar(&self, span: TimeSpan) -> TimeBar {
        let (from, to) = (self.place(span.from), self.place(span.to));
        let width = (to - from).max(MIN_WIDTH);
        let from = from.min(1.0 - width).max(0.0);
        TimeBar {
            x: percent(from),
            width: percent(width),
        }
    }

    /// Times that label the axis, with their places in per cent.
    pub fn labels(&self) -> Vec<AxisLabel> {
        let mut labels = Vec::new();
        let mut free = 0.0;
        for (at, place) in self.times.iter().zip(&self.places) {
            if *place >= free && *place <= 1.0 - LABEL_DISTANCE / 2.0 {
                free = place + LABEL_DISTANCE;
                labels.push(AxisLabel {
                    at: *at,
                    x: percent(*place),
                });
            }
        }
        labels
    }
}

/// A bar of the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeBar {
    pub x: String,
    pub width: String,
}

/// A time on the axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AxisLabel {
    pub at: Timestamp,
    pub x: String,
}

fn percent(part: f64) -> String {
    format!("{:.1}%", part * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn long_waits_are_drawn_short_and_all_bars_are_on_the_line() {
        let rows = [
            TimelineRow::Planned(at(0)),
            TimelineRow::Retried(at(1)),
            TimelineRow::Wait(
                "wait-1",
                TimeSpan {
                    from: at(1),
                    to: at(36_000),
                },
            ),
            TimelineRow::Retried(at(36_002)),
        ];
        let scale = TimeScale::of(&rows);
        let (one, wait, two) = (
            scale.place(at(1)),
            scale.place(at(36_000)) - scale.place(at(1)),
            1.0 - scale.place(at(36_000)),
        );
        assert!(one < two && two < wait && wait < 0.7, "{one} {wait} {two}");
        for row in &rows {
            for span in row.spans() {
                let bar = scale.bar(span);
                let number = |text: &str| text.trim_end_matches('%').parse::<f64>().unwrap();
                assert!(number(&bar.x) >= 0.0 && number(&bar.x) + number(&bar.width) <= 100.1);
            }
        }
        assert!(!scale.labels().is_empty() && !scale.is_short());
        assert!(TimeScale::of(&rows[..2]).is_short());
        let empty = TimeScale::of(&[]);
        assert_eq!(
            empty
                .bar(TimeSpan {
                    from: at(0),
                    to: at(0)
                })
                .x,
            "0.0%"
        );
    }
}
