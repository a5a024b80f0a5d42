//! Repairs text: replaces invalid UTF-8 and lone surrogate escapes with U+FFFD.
//! Never changes the structure of the JSON.

use std::borrow::Cow;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Decodes bytes to text without a byte order mark.
pub fn text<'a>(bytes: &'a [u8], repairs: &mut Vec<String>) -> Cow<'a, str> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    if let Cow::Owned(_) = text {
        repairs.push("invalid UTF-8 replaced with U+FFFD".into());
    }
    text
}

/// Replaces every lone surrogate escape with `\ufffd`. `None` if there is none. They occur when a
/// producer cuts a text within an emoji.
pub fn lone_surrogates(text: &str, repairs: &mut Vec<String>) -> Option<String> {
    let bytes = text.as_bytes();
    let mut lone = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'\\' {
            at += 1;
            continue;
        }
        at += match (escape(bytes, at), escape(bytes, at + 6)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
            (Some(0xD800..=0xDFFF), _) => {
                lone.push(at);
                6
            }
            (Some(_), _) => 6,
            (None, _) => 2,
        };
    }
    if lone.is_empty() {
        return None;
    }
    repairs.push(format!(
        "lone surrogates replaced with U+FFFD: {}",
        lone.len()
    ));
    let mut repaired = text.to_owned();
    for start in lone {
        repaired.replace_range(start..start + 6, "\\ufffd");
    }
    Some(repaired)
}

/// The code unit of the `\uXXXX` escape at a position.
fn escape(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let digits = std::str::from_utf8(digits).ok()?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_text_is_not_changed() {
        let mut repairs = Vec::new();
        assert!(lone_surrogates(r#""\ud83d\ude00 \\ud83d \u00e9 \"""#, &mut repairs).is_none());
        assert!(matches!(
            text(b"plain", &mut repairs),
            Cow::Borrowed("plain")
        ));
        assert!(repairs.is_empty());
    }

    #[test]
    fn every_lone_surrogate_is_counted() {
        let mut repairs = Vec::new();
        let repaired = lone_surrogates(r"\ud83d\ud83d \ude00", &mut repairs);
        assert_eq!(repaired.as_deref(), Some(r"\ufffd\ufffd \ufffd"));
        assert!(repairs[0].ends_with(": 3"));
    }

    #[test]
    fn an_incomplete_escape_at_the_end_is_ignored() {
        let mut repairs = Vec::new();
        for text in [r"\", r"\u", r"\ud83", "\\ué", r"\\\"] {
            assert!(lone_surrogates(text, &mut repairs).is_none(), "{text}");
        }
    }
}
