//! Numbers as they were received: parses, compares and rounds them without losing digits.
//! Integers compare exactly at any size. A number with a fraction or an exponent compares as the nearest
//! double, or exactly if it is beyond the range of doubles.

use std::cmp::Ordering;

use serde_json::Number;

/// The key that `serde_json` reserves for the text of a number. An object with it could not be read back.
pub const RESERVED_KEY: &str = "$serde_json::private::Number";

/// Parses a text that is exactly one JSON number.
pub fn parse_number(text: &str) -> Option<Number> {
    let first = text.as_bytes().first()?;
    let last = text.as_bytes().last()?;
    // `serde_json` would skip white space around the number.
    let bare = (first.is_ascii_digit() || *first == b'-') && last.is_ascii_digit();
    bare.then(|| serde_json::from_str(text).ok()).flatten()
}

/// The nearest double of a text that is exactly one JSON number; infinite beyond the range of doubles. The same as
/// [`double`] of [`parse_number`], without an allocation.
pub fn parse_double(text: &str) -> Option<f64> {
    is_json_number(text.as_bytes()).then(|| nearest_double(text))
}

fn is_json_number(text: &[u8]) -> bool {
    /// What follows one or more digits.
    fn after_digits(text: &[u8]) -> Option<&[u8]> {
        let length = text.iter().take_while(|byte| byte.is_ascii_digit());
        let (digits, rest) = text.split_at(length.count());
        (!digits.is_empty()).then_some(rest)
    }
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let mut rest = match unsigned {
        [b'0', rest @ ..] => rest,
        _ => match after_digits(unsigned) {
            Some(rest) => rest,
            None => return false,
        },
    };
    if let [b'.', fraction @ ..] = rest {
        match after_digits(fraction) {
            Some(exponent) => rest = exponent,
            None => return false,
        }
    }
    match rest {
        [] => true,
        [b'e' | b'E', b'+' | b'-', digits @ ..] | [b'e' | b'E', digits @ ..] => {
            after_digits(digits).is_some_and(<[u8]>::is_empty)
        }
        _ => false,
    }
}

/// Compares two numbers.
pub fn compare_numbers(a: &Number, b: &Number) -> Ordering {
    if let (Some(a), Some(b)) = (a.as_i64(), b.as_i64()) {
        return a.cmp(&b);
    }
    let (x, y) = (double(a), double(b));
    if (is_integer(a) && is_integer(b)) || (x.is_infinite() && x == y) {
        return Decimal::of(a.as_str()).compare(&Decimal::of(b.as_str()));
    }
    x.partial_cmp(&y)
        .expect("the text of a number is never NaN")
}

/// The nearest double; infinite for a number beyond the range of doubles.
pub fn double(number: &Number) -> f64 {
    nearest_double(number.as_str())
}

/// The same for the text of a number.
pub fn nearest_double(text: &str) -> f64 {
    text.parse()
        .expect("a JSON number has the syntax of a float")
}

/// Whether the number is written without fraction and exponent.
pub fn is_integer(number: &Number) -> bool {
    !number.as_str().contains(['.', 'e', 'E'])
}

/// Whether the nearest double, written as short as possible, is the same number.
pub fn fits_double(number: &Number) -> bool {
    let nearest = Number::from_f64(double(number));
    nearest.is_some_and(|nearest| {
        let (exact, nearest) = (Decimal::of(number.as_str()), Decimal::of(nearest.as_str()));
        exact.compare(&nearest) == Ordering::Equal
    })
}

/// A number as sign, digits and power: 0.DIGITS times ten to the power. Zero has no digits.
struct Decimal {
    negative: bool,
    digits: String,
    power: i64,
}

impl Decimal {
    fn of(text: &str) -> Self {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let digits = all.trim_start_matches('0');
        let leading = all.len() - digits.len();
        let shift = i64::try_from(whole.len()).unwrap_or(i64::MAX)
            - i64::try_from(leading).unwrap_or(i64::MAX);
        let digits = digits.trim_end_matches('0').to_owned();
        Self {
            negative: negative && !digits.is_empty(),
            power: power_of(exponent).saturating_add(shift),
            digits,
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self.sign(), other.sign()) {
            (0, 0) => Ordering::Equal,
            (a, b) if a != b => a.cmp(&b),
            (1, _) => self.size(other),
            (_, _) => other.size(self),
        }
    }

    fn sign(&self) -> i8 {
        match (self.digits.is_empty(), self.negative) {
            (true, _) => 0,
            (false, false) => 1,
            (false, true) => -1,
        }
    }

    fn size(&self, other: &Self) -> Ordering {
        let powers = self.power.cmp(&other.power);
        powers.then_with(|| self.digits.cmp(&other.digits))
    }
}

/// An exponent; one that no 64-bit number holds counts as the largest of its sign.
fn power_of(exponent: &str) -> i64 {
    let digits = exponent.trim_start_matches('+');
    let beyond = match digits.starts_with('-') {
        true => i64::MIN,
        false => i64::MAX,
    };
    digits.parse().unwrap_or(beyond)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Number {
        parse_number(text).unwrap_or_else(|| panic!("{text} is a number"))
    }

    #[test]
    fn numbers_are_ordered_by_value() {
        let ascending = [
            "-1e500",
            "-1e400",
            "-18446744073709551617",
            "-18446744073709551616",
            "-1.5",
            "-1",
            "0",
            "0.1",
            "1",
            "9007199254740992",
            "9007199254740993",
            "18446744073709551615",
            "18446744073709551616",
            "123456789012345678901234567890",
            "1e308",
            "1e400",
            "1.1e400",
            "1e99999999999999999999",
        ];
        for (at, a) in ascending.iter().enumerate() {
            for (other, b) in ascending.iter().enumerate() {
                let order = compare_numbers(&number(a), &number(b));
                assert_eq!(order, at.cmp(&other), "{a} {b}");
            }
        }
        for (a, b) in [
            ("1", "1.0"),
            ("-0", "0"),
            ("100", "1e2"),
            ("0.10", "1e-1"),
            ("-0.0", "0"),
        ] {
            assert_eq!(
                compare_numbers(&number(a), &number(b)),
                Ordering::Equal,
                "{a} {b}"
            );
        }
    }

    #[test]
    fn what_a_double_cannot_hold_is_recognised() {
        for text in ["0", "-1", "1.10", "19.990000000000002", "1e300"] {
            assert!(fits_double(&number(text)), "{text}");
        }
        for text in [
            "37.807807921694092",
            "12345678901234567.89",
            "9007199254740993",
            "1e400",
            "0.1000000000000000000001",
        ] {
            assert!(!fits_double(&number(text)), "{text}");
        }
    }

    #[test]
    fn only_json_numbers_are_parsed() {
        for text in [
            "", " 1", "1 ", "+1", "01", "1.", ".5", "0x1", "1_000", "1e", "NaN", "-", "1\n", "1e+",
            "1.e1", "-a", "--1", "1.5.5", "1e5e5", "1e5.5", "inf",
        ] {
            assert_eq!(parse_number(text), None, "{text}");
            assert_eq!(parse_double(text), None, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_double_is_that_of_the_number(
            text in "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{0,20})?([eE][-+]?[0-9]{0,3})?|[-+0-9.eE ]{0,6}",
        ) {
            let double = parse_number(&text).as_ref().map(double);
            prop_assert_eq!(parse_double(&text).map(f64::to_bits), double.map(f64::to_bits));
        }
    }
}
