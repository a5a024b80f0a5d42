//! Parses durations: numbers with units, such as `500ms`, `30s`, `1.5h`, `1h30m`.

use std::time::Duration;

/// The longest duration: 1,000 years.
const MAX_SECONDS: f64 = 31_536_000_000.0;

/// Parses a duration such as `90s` or `1h30m`. A sign, as in `-2h`, is not allowed.
pub fn parse(text: &str) -> Option<Duration> {
    let (mut rest, mut total, mut last) = (text.trim_end(), 0.0, f64::INFINITY);
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| c.is_ascii_alphabetic())?);
        let end = after.find(|c: char| !c.is_ascii_alphabetic());
        let (unit, after) = after.split_at(end.unwrap_or(after.len()));
        let (number, seconds) = (number.trim().parse::<f64>().ok()?, seconds(unit)?);
        // From the largest unit to the smallest, each once.
        if number.is_sign_negative() || seconds >= last {
            return None;
        }
        total += number * seconds;
        (rest, last) = (after, seconds);
    }
    (last.is_finite() && total <= MAX_SECONDS).then(|| Duration::from_secs_f64(total))
}

fn seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        "w" => 604_800.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_units_add_up() {
        for (text, seconds) in [
            ("500ms", 0.5),
            ("1.5h", 5_400.0),
            (" +5 m", 300.0),
            ("1h30m", 5_400.0),
            ("1d 2h", 93_600.0),
            ("2w", 1_209_600.0),
            ("0s", 0.0),
        ] {
            let parsed = parse(text).map(|time| time.as_secs_f64());
            assert_eq!(parsed, Some(seconds), "{text}");
        }
        for text in [
            "",
            " ",
            "5",
            "h",
            "-2h",
            "1h-5m",
            "1h 5",
            "30m1h",
            "1h1h",
            "1.5.2h",
            "5 x",
            "1y",
            "9999999999w",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
