//! The hash of keys: of what scanned objects have, and of what decoders and rules look up.

/// A hash of a key's first and last eight bytes and length. Different keys can have the same hash.
pub(in crate::event::json) const fn hash(bytes: &[u8], start: usize, end: usize) -> u32 {
    let len = end - start;
    if len < 8 {
        return mix(word(bytes, start, end), 0, len);
    }
    mix(
        word(bytes, start, start + 8),
        word(bytes, end - 8, end),
        len,
    )
}

/// The hash of a whole key.
pub(super) const fn hash_of(key: &[u8]) -> u32 {
    hash(key, 0, key.len())
}

/// Up to eight bytes as one number.
const fn word(bytes: &[u8], start: usize, end: usize) -> u64 {
    let (mut word, mut at) = (0, end);
    while at > start {
        at -= 1;
        word = word << 8 | bytes[at] as u64;
    }
    word
}

#[inline(always)]
const fn mix(head: u64, tail: u64, len: usize) -> u32 {
    let mixed =
        (head ^ tail.rotate_left(23) ^ ((len as u64) << 56)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 32) as u32
}

/// The same as [`hash`], but faster if more bytes follow the key.
#[inline(always)]
pub(super) fn hash_within(bytes: &[u8], start: usize, end: usize) -> u32 {
    let len = end - start;
    let chunk = |at: usize| {
        let chunk = bytes.get(at..)?.first_chunk::<8>();
        chunk.map(|chunk| u64::from_le_bytes(*chunk))
    };
    match chunk(start) {
        Some(head) if len < 8 => mix(head & ((1 << (8 * len)) - 1), 0, len),
        Some(head) => mix(head, chunk(end - 8).unwrap_or_default(), len),
        None => hash(bytes, start, end),
    }
}

/// A key for lookups, with its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashedKey {
    pub name: Box<str>,
    pub hash: u32,
}

impl HashedKey {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            hash: hash_of(name.as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_a_key_does_not_change_its_hash() {
        let text = b"a_key_that_is_longer_than_sixteen_bytes";
        for start in 0..text.len() {
            for end in start..=text.len() {
                let alone = hash(&text[start..end], 0, end - start);
                assert_eq!(hash(text, start, end), alone);
                assert_eq!(hash_within(text, start, end), alone, "{start}..{end}");
            }
        }
    }
}
