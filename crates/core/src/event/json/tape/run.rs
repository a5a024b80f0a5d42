//! Finds the ends of runs of bytes, sixteen at a time, and compares short texts.

use wide::u8x16;

/// The number of bytes that are looked at together.
const WIDTH: usize = 16;

/// The position of the next quote, backslash or control character.
#[inline]
pub(in crate::event::json) fn plain(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    bytes.len() - after_plain(rest).len()
}

/// What is left of a text from the next quote, backslash or control character on.
#[inline(always)]
pub(super) fn after_plain(rest: &[u8]) -> &[u8] {
    run(rest, |chunk| {
        // With this bit flipped, the quote and the control characters are the values up to 0x20.
        let flipped = chunk ^ u8x16::splat(0x02);
        let low = flipped.min(u8x16::splat(0x20)).simd_eq(flipped);
        (low | chunk.simd_eq(u8x16::splat(b'\\'))).to_bitmask()
    })
}

/// What is left of a text from the next byte on that is not a digit.
#[inline(always)]
pub(super) fn after_digits(rest: &[u8]) -> &[u8] {
    run(rest, |chunk| {
        let value = chunk ^ u8x16::splat(b'0');
        value.min(u8x16::splat(9)).simd_eq(value).to_bitmask() ^ 0xFFFF
    })
}

/// What is left of a text from the first byte on whose bit is set.
#[inline(always)]
fn run(mut rest: &[u8], ends: impl Fn(u8x16) -> u32) -> &[u8] {
    while let Some(chunk) = rest.first_chunk::<WIDTH>() {
        let ends = ends(u8x16::new(*chunk));
        if ends != 0 {
            return &rest[ends.trailing_zeros() as usize..];
        }
        rest = &rest[WIDTH..];
    }
    last_run(rest, ends)
}

/// The same for fewer bytes.
#[cold]
#[inline(never)]
fn last_run(rest: &[u8], ends: impl Fn(u8x16) -> u32) -> &[u8] {
    let mut chunk = [0; WIDTH];
    chunk[..rest.len()].copy_from_slice(rest);
    let ends = ends(u8x16::new(chunk));
    &rest[rest.len().min(ends.trailing_zeros() as usize)..]
}

/// Which bytes of two texts are equal, one bit each.
#[inline(always)]
pub(super) fn equal_bytes(a: &[u8; 2 * WIDTH], b: &[u8; 2 * WIDTH]) -> u32 {
    let half = |text: &[u8; 2 * WIDTH], at: usize| {
        u8x16::new(*text[at..].first_chunk().expect("half of the text"))
    };
    let equal = |at| half(a, at).simd_eq(half(b, at)).to_bitmask();
    equal(0) | equal(WIDTH) << WIDTH
}

/// Whether two short texts are equal.
#[inline]
pub(in crate::event) fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    match a.len() {
        0..4 => a.iter().zip(b).all(|(a, b)| a == b),
        4..8 => a.first_chunk::<4>() == b.first_chunk() && a.last_chunk::<4>() == b.last_chunk(),
        8..=16 => a.first_chunk::<8>() == b.first_chunk() && a.last_chunk::<8>() == b.last_chunk(),
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_run_ends_where_a_search_byte_by_byte_ends(
            bytes in proptest::collection::vec(prop_oneof![any::<u8>(), b'0'..=b'9', Just(b'a')], 0..70),
            start in 0..80_usize,
        ) {
            let end = |ends: fn(&u8) -> bool| {
                let rest = bytes.get(start..).unwrap_or_default();
                let found = rest.iter().position(ends);
                found.map_or(bytes.len(), |length| start + length)
            };
            prop_assert_eq!(plain(&bytes, start), end(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1F)));
            let rest = bytes.get(start..).unwrap_or_default();
            prop_assert_eq!(bytes.len() - after_digits(rest).len(), end(|byte| !byte.is_ascii_digit()));
        }

        #[test]
        fn short_texts_are_compared_as_slices_are(
            a in "[ab]{0,20}",
            at in any::<proptest::sample::Index>(),
            cut in any::<bool>(),
        ) {
            let mut b = a.clone().into_bytes();
            prop_assert!(same(a.as_bytes(), &b));
            if !b.is_empty() {
                let at = at.index(b.len());
                if cut {
                    b.remove(at);
                } else {
                    b[at] = b'c';
                }
                prop_assert!(!same(a.as_bytes(), &b));
            }
        }
    }

    #[test]
    fn equal_bytes_have_a_bit_each() {
        let text = [b'a'; 32];
        assert_eq!(equal_bytes(&text, &text), u32::MAX);
        for at in 0..32 {
            let mut other = text;
            other[at] = b'b';
            assert_eq!(equal_bytes(&text, &other), !(1 << at));
        }
    }
}
