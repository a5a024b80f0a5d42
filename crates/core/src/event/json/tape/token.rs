//! Scans the parts of a text that need more than the end of a run: escapes and numbers.

use crate::event::json::tape::EntryKind;
use crate::event::json::tape::run::{digits, plain};

/// The number of digits with which every integer fits into 64 bits.
const MAX_DIGITS: usize = 18;
/// The maximum length of a decimal number.
const MAX_DECIMAL_BYTES: usize = 40;

#[inline(always)]
fn byte_at(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

/// The position of the quote that ends a string, from its first escape on.
pub fn escaped_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match byte_at(bytes, at)? {
            b'"' => return Some(at),
            b'\\' => at = plain(bytes, escape(bytes, at)?),
            _ => return None,
        }
    }
}

/// The position after an escape.
#[inline(always)]
fn escape(bytes: &[u8], at: usize) -> Option<usize> {
    match byte_at(bytes, at + 1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 2),
        b'u' => unicode(bytes, at),
        _ => None,
    }
}

#[inline(never)]
fn unicode(bytes: &[u8], at: usize) -> Option<usize> {
    match code_unit(bytes, at)? {
        // The parser repairs a lone surrogate.
        0xDC00..=0xDFFF => None,
        0xD800..=0xDBFF => match code_unit(bytes, at + 6)? {
            0xDC00..=0xDFFF => Some(at + 12),
            _ => None,
        },
        _ => Some(at + 6),
    }
}

fn code_unit(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(unit * 16 + digit)
    })
}

/// The kind of a number and the position after it. `None` for one that the parser has to read.
#[inline(always)]
pub fn number(bytes: &[u8], byte: u8, start: usize) -> Option<(EntryKind, usize)> {
    match byte {
        b'1'..=b'9' => after_digits(bytes, start, start, digits(bytes, start + 1)),
        _ => unusual_number(bytes, byte, start),
    }
}

/// A number that starts with a zero or a sign.
#[inline(never)]
fn unusual_number(bytes: &[u8], byte: u8, start: usize) -> Option<(EntryKind, usize)> {
    let (negative, first) = (byte == b'-', start + usize::from(byte == b'-'));
    let end = digits(bytes, first);
    let zero = byte_at(bytes, first)? == b'0';
    if end == first || (zero && (negative || end - first > 1)) {
        return None;
    }
    after_digits(bytes, start, first, end)
}

#[inline(always)]
fn after_digits(
    bytes: &[u8],
    start: usize,
    first: usize,
    end: usize,
) -> Option<(EntryKind, usize)> {
    if end - first > MAX_DIGITS {
        return None;
    }
    match byte_at(bytes, end) {
        Some(b'.') => decimal(bytes, start, end + 1),
        // An exponent can exceed the range.
        Some(b'e' | b'E') => None,
        _ => Some((EntryKind::Integer, end)),
    }
}

#[inline(never)]
fn decimal(bytes: &[u8], start: usize, at: usize) -> Option<(EntryKind, usize)> {
    let end = digits(bytes, at);
    let power = matches!(byte_at(bytes, end), Some(b'e' | b'E'));
    if end == at || power || end - start > MAX_DECIMAL_BYTES {
        return None;
    }
    Some((EntryKind::Decimal, end))
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
