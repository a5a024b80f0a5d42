//! Finds the ends of runs of bytes, sixteen at a time, and compares short texts.

use wide::u8x16;

/// The number of bytes that are looked at together.
const WIDTH: usize = 16;

/// The position of the next quote, backslash or control character.
#[inline(always)]
pub(in crate::event::json) fn plain(bytes: &[u8], start: usize) -> usize {
    run(bytes, start, |chunk| {
        // With this bit flipped, the quote and the control characters are the values up to 0x20.
        let flipped = chunk ^ u8x16::splat(0x02);
        let low = flipped.min(u8x16::splat(0x20)).simd_eq(flipped);
        (low | chunk.simd_eq(u8x16::splat(b'\\'))).to_bitmask()
    })
}

/// The position of the next byte that is not a digit.
#[inline(always)]
pub(super) fn digits(bytes: &[u8], start: usize) -> usize {
    run(bytes, start, |chunk| {
        let value = chunk ^ u8x16::splat(b'0');
        value.min(u8x16::splat(9)).simd_eq(value).to_bitmask() ^ 0xFFFF
    })
}

/// The first position from `start` on whose bit is set.
#[inline(always)]
fn run(bytes: &[u8], start: usize, ends: impl Fn(u8x16) -> u32) -> usize {
    let mut at = start;
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<WIDTH>()) {
        let ends = ends(u8x16::new(*chunk));
        if ends != 0 {
            return at + ends.trailing_zeros() as usize;
        }
        at += WIDTH;
    }
    last_run(bytes, at, ends)
}

/// The same for fewer bytes.
#[cold]
#[inline(never)]
fn last_run(bytes: &[u8], at: usize, ends: impl Fn(u8x16) -> u32) -> usize {
    let Some(rest) = bytes.get(at..) else {
        return bytes.len();
    };
    let mut chunk = [0; WIDTH];
    let rest = &rest[..rest.len().min(WIDTH)];
    chunk[..rest.len()].copy_from_slice(rest);
    let ends = ends(u8x16::new(chunk));
    at + rest.len().min(ends.trailing_zeros() as usize)
}

/// The number of bytes in which two texts are equal from the start.
#[inline(always)]
pub(super) fn common(a: &[u8; 2 * WIDTH], b: &[u8; 2 * WIDTH]) -> usize {
    let half = |text: &[u8; 2 * WIDTH], at: usize| {
        u8x16::new(*text[at..].first_chunk().expect("half of the text"))
    };
    let equal = |at| half(a, at).simd_eq(half(b, at)).to_bitmask();
    (equal(0) | equal(WIDTH) << WIDTH).trailing_ones() as usize
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
            prop_assert_eq!(digits(&bytes, start), end(|byte| !byte.is_ascii_digit()));
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
    fn equal_bytes_are_counted_from_the_start() {
        let mut text = [b'a'; 32];
        assert_eq!(common(&text, &[b'a'; 32]), 32);
        for at in (0..32).rev() {
            text[at] = b'b';
            assert_eq!(common(&text, &[b'a'; 32]), at);
        }
    }
}
