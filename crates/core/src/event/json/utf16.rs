//! Recognises text in UTF-16 and UTF-32, which some editors and shells write, so that messages can name it.

/// Returns the name of the encoding if bytes are text in UTF-16 or UTF-32.
pub fn wide_encoding(bytes: &[u8]) -> Option<&'static str> {
    match (is_utf_32(bytes), is_utf_16(bytes)) {
        (true, _) => Some("UTF-32"),
        (false, true) => Some("UTF-16"),
        (false, false) => None,
    }
}

/// Whether bytes start with the byte order mark of UTF-32, or three of every four bytes at their start are zero
/// in its order.
fn is_utf_32(bytes: &[u8]) -> bool {
    const SAMPLE: usize = 32;
    if bytes.starts_with(&[0xFF, 0xFE, 0, 0]) || bytes.starts_with(&[0, 0, 0xFE, 0xFF]) {
        return true;
    }
    let sample = &bytes[..bytes.len().min(SAMPLE) & !3];
    let all = |is_unit: fn(&[u8]) -> bool| sample.chunks_exact(4).all(is_unit);
    let big = |unit: &[u8]| unit[..3] == [0, 0, 0] && unit[3] != 0;
    let little = |unit: &[u8]| unit[0] != 0 && unit[1..] == [0, 0, 0];
    sample.len() > 4 && (all(big) || all(little))
}

/// Whether bytes are text in UTF-16: they start with its byte order mark, or every second byte at their
/// start is zero.
fn is_utf_16(bytes: &[u8]) -> bool {
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

    #[test]
    fn utf_32_is_not_called_utf_16() {
        let units = || "{\"id\": 1}".chars().map(u32::from);
        let little: Vec<u8> = units().flat_map(u32::to_le_bytes).collect();
        let big: Vec<u8> = units().flat_map(u32::to_be_bytes).collect();
        for text in [
            little.clone(),
            big,
            [&[0xFF, 0xFE, 0, 0], little.as_slice()].concat(),
        ] {
            assert_eq!(wide_encoding(&text), Some("UTF-32"), "{text:?}");
        }
        let utf_16: Vec<u8> = "{\"id\": 1}"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(wide_encoding(&utf_16), Some("UTF-16"));
        assert_eq!(wide_encoding(b"{\"id\": 1}"), None);
    }
}
