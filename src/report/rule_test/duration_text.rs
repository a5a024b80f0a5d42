//! Writes a duration as a test has it: `90s`, `15m`, `4h`.

use std::time::Duration;

pub fn duration_text(time: Duration) -> String {
    let milliseconds = time.as_millis();
    let units = [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1_000, "s"),
    ];
    let unit = units
        .iter()
        .find(|(unit, _)| milliseconds >= *unit && milliseconds.is_multiple_of(*unit));
    match unit {
        Some((unit, name)) => format!("{}{name}", milliseconds / unit),
        None if milliseconds == 0 => "0s".to_owned(),
        None => format!("{milliseconds}ms"),
    }
}
