//! Parses durations: a number and a unit, such as `500ms`, `30s`, `1.5h`.

use std::time::Duration;

/// Parses a duration such as `90s` or `1.5h`. A sign, as in `-2h`, is not allowed.
pub fn parse(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(split);
    let number: f64 = number.trim().parse().ok()?;
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        "w" => 604_800.0,
        _ => return None,
    };
    let total = number * seconds;
    (number >= 0.0 && total <= 31_536_000_000.0).then(|| Duration::from_secs_f64(total))
}
