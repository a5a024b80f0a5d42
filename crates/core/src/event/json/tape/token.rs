//! Scans the parts of a text: white space, literals, strings with their escapes, numbers.

use crate::event::json::tape::EntryKind;
use crate::event::json::tape::run::{after_digits, after_plain};

/// The number of digits with which every integer fits into 64 bits.
const MAX_DIGITS: usize = 18;
/// The maximum length of a decimal number.
const MAX_DECIMAL_BYTES: usize = 40;

/// Where a value is in the text.
pub struct ScannedValue<'a> {
    pub kind: EntryKind,
    pub start: &'a [u8],
    pub end: &'a [u8],
    /// The text after it.
    pub rest: &'a [u8],
}

/// What is left of a text from the next byte on that is not white space.
#[inline(always)]
pub fn visible(rest: &[u8]) -> Option<&[u8]> {
    match rest.first()? {
        0..=b' ' => after_space(rest),
        _ => Some(rest),
    }
}

#[inline(never)]
pub fn after_space(mut rest: &[u8]) -> Option<&[u8]> {
    while let [b' ' | b'\n' | b'\r' | b'\t', after @ ..] = rest {
        rest = after;
    }
    (!rest.is_empty()).then_some(rest)
}

#[inline(always)]
fn literal<'a, const N: usize>(rest: &'a [u8], word: &[u8; N]) -> Option<&'a [u8]> {
    let (start, after) = rest.split_first_chunk::<N>()?;
    (start == word).then_some(after)
}

/// A text, number or literal from its first byte on.
#[inline(always)]
pub fn scalar<'a>(byte: u8, rest: &'a [u8], after: &'a [u8]) -> Option<ScannedValue<'a>> {
    if byte == b'"' {
        let end = after_plain(after);
        let (kind, end) = match end.first()? {
            b'"' => (EntryKind::Text, end),
            b'\\' => (EntryKind::EscapedText, escaped_end(end)?),
            _ => return None,
        };
        return Some(ScannedValue {
            kind,
            start: after,
            end,
            rest: end.get(1..)?,
        });
    }
    let (kind, end) = match byte {
        b'-' | b'0'..=b'9' => number(byte, rest, after)?,
        b'n' => (EntryKind::Null, literal(rest, b"null")?),
        b't' => (EntryKind::True, literal(rest, b"true")?),
        b'f' => (EntryKind::False, literal(rest, b"false")?),
        _ => return None,
    };
    Some(ScannedValue {
        kind,
        start: rest,
        end,
        rest: end,
    })
}

/// What is left of a text from the quote on that ends a string; given from its first escape on.
fn escaped_end(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        match rest {
            [b'"', ..] => return Some(rest),
            [b'\\', after @ ..] => rest = after_plain(escape(after)?),
            _ => return None,
        }
    }
}

/// What follows an escape; given without its backslash.
#[inline(always)]
fn escape(after: &[u8]) -> Option<&[u8]> {
    let (byte, left) = after.split_first()?;
    match byte {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(left),
        b'u' => unicode(left),
        _ => None,
    }
}

#[inline(never)]
fn unicode(digits: &[u8]) -> Option<&[u8]> {
    let (unit, left) = code_unit(digits)?;
    match unit {
        // The parser repairs a lone surrogate.
        0xDC00..=0xDFFF => None,
        0xD800..=0xDBFF => match code_unit(left.strip_prefix(b"\\u")?)? {
            (0xDC00..=0xDFFF, left) => Some(left),
            _ => None,
        },
        _ => Some(left),
    }
}

fn code_unit(digits: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, left) = digits.split_first_chunk::<4>()?;
    let unit = digits.iter().try_fold(0, |unit, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(unit * 16 + digit)
    });
    Some((unit?, left))
}

/// The kind of a number and what follows it. `None` for one that the parser has to read. `after` is without
/// its first byte.
#[inline(always)]
fn number<'a>(byte: u8, rest: &'a [u8], after: &'a [u8]) -> Option<(EntryKind, &'a [u8])> {
    match byte {
        b'1'..=b'9' => {
            let left = after_digits(after);
            whole_part(rest, rest.len() - left.len(), left)
        }
        _ => unusual_number(rest),
    }
}

/// A number that starts with a zero or a sign.
#[inline(never)]
fn unusual_number(rest: &[u8]) -> Option<(EntryKind, &[u8])> {
    let (negative, digits) = match rest {
        [b'-', digits @ ..] => (true, digits),
        _ => (false, rest),
    };
    let left = after_digits(digits);
    let count = digits.len() - left.len();
    let zero = *digits.first()? == b'0';
    if count == 0 || (zero && (negative || count > 1)) {
        return None;
    }
    whole_part(rest, count, left)
}

/// A number after the digits before its decimal point.
#[inline(always)]
fn whole_part<'a>(number: &[u8], digits: usize, left: &'a [u8]) -> Option<(EntryKind, &'a [u8])> {
    if digits > MAX_DIGITS {
        return None;
    }
    match left.first() {
        Some(b'.') => decimal(number, left),
        // An exponent can exceed the range.
        Some(b'e' | b'E') => None,
        _ => Some((EntryKind::Integer, left)),
    }
}

#[inline(never)]
fn decimal<'a>(number: &[u8], point: &'a [u8]) -> Option<(EntryKind, &'a [u8])> {
    let digits = &point[1..];
    let left = after_digits(digits);
    let power = matches!(left.first(), Some(b'e' | b'E'));
    if left.len() == digits.len() || power || number.len() - left.len() > MAX_DECIMAL_BYTES {
        return None;
    }
    Some((EntryKind::Decimal, left))
}

/// The integer that a run of digits is. It has few enough digits for 64 bits.
pub fn integer(bytes: &[u8], start: usize, end: usize) -> u64 {
    let before = |end: usize| {
        let chunk = bytes.get(end.checked_sub(8)?..end)?.first_chunk::<8>();
        chunk.map(|chunk| u64::from_le_bytes(*chunk))
    };
    match (end - start, before(end)) {
        (count @ 1..=8, Some(last)) => eight_digits(last, count),
        (count @ 9..=16, Some(last)) => {
            let first = before(end - 8).map(|first| eight_digits(first, count - 8));
            let first = first.unwrap_or_else(|| one_by_one(&bytes[start..end - 8]));
            first * 100_000_000 + eight_digits(last, 8)
        }
        _ => one_by_one(&bytes[start..end]),
    }
}

fn one_by_one(digits: &[u8]) -> u64 {
    let next = |value: u64, digit: &u8| value * 10 + u64::from(digit - b'0');
    digits.iter().fold(0, next)
}

/// The value of the last digits of eight bytes, added in pairs, fours and eights.
#[inline]
fn eight_digits(bytes: u64, count: usize) -> u64 {
    // What is before the digits becomes zero.
    let digits = (bytes & 0x0F0F_0F0F_0F0F_0F0F) >> (64 - 8 * count) << (64 - 8 * count);
    let pairs = (digits * 10 + (digits >> 8)) & 0x00FF_00FF_00FF_00FF;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_FFFF_0000_FFFF;
    (fours * 10_000 + (fours >> 32)) & 0xFFFF_FFFF
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_one_integer_wherever_they_are() {
        let text = "\u{ff}x7 123456780912345678 ";
        let start = text.find("12").unwrap();
        for (count, first) in (1..=18).flat_map(|count| (0..=18 - count).map(move |at| (count, at)))
        {
            for before in [0, 2, start] {
                let (bytes, first) = (&text.as_bytes()[before..], start - before + first);
                let digits = std::str::from_utf8(&bytes[first..first + count]).unwrap();
                let expected: u64 = digits.parse().unwrap();
                assert_eq!(integer(bytes, first, first + count), expected);
            }
        }
    }
}
