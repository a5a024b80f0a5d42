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
