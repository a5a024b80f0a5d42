//! Recognises text in UTF-16, which some editors and shells write, so that messages can name it.

/// Whether bytes are text in UTF-16: they start with its byte order mark, or every second byte at their
/// start is zero.
pub fn is_utf_16(bytes: &[u8]) -> bool {
    const SAMPLE: usize = 32;
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return true;
    }
    let sample = &bytes[..bytes.len().min(SAMPLE) & !1];
    let zeros = |offset: usize| {
        let bytes = sample.iter().skip(offset).step_by(2);
        bytes.filter(|byte| **byte == 0).count()
    };
    let (even, odd, half) = (zeros(0), zeros(1), sample.len() / 2);
    half > 1 && (even == half && odd == 0 || odd == half && even == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_byte_orders_are_recognised_with_and_without_a_mark() {
        let text = "{\"id\": 1}";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert!(is_utf_16(&little) && is_utf_16(&big));
        assert!(is_utf_16(&[&[0xFF, 0xFE], little.as_slice()].concat()));
        for other in [
            text.as_bytes(),
            b"",
            b"\0",
            b"a\0",
            b"\0\0\0\0",
            "票票".as_bytes(),
        ] {
            assert!(!is_utf_16(other), "{other:?}");
        }
    }
}
