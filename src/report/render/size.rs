//! Formats sizes of files and disks, with two or three digits.

/// `412 MB`.
pub fn size(bytes: u64) -> String {
    let shown = |value: f64, unit: &str| match value < 9.95 {
        true => format!("{value:.1} {unit}").replace(".0 ", " "),
        false => format!("{value:.0} {unit}"),
    };
    match bytes {
        ..1_000 => format!("{bytes} B"),
        1_000..999_500 => shown(bytes as f64 / 1e3, "kB"),
        999_500..999_500_000 => shown(bytes as f64 / 1e6, "MB"),
        _ => shown(bytes as f64 / 1e9, "GB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_two_or_three_digits() {
        let shown = [
            0,
            36_000,
            1_500_000,
            412_300_000,
            1_000_000_000,
            12_000_000_000,
        ]
        .map(size);
        assert_eq!(shown, ["0 B", "36 kB", "1.5 MB", "412 MB", "1 GB", "12 GB"]);
    }
}
