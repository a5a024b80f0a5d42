//! Cleans the texts of an exchange and cuts them to their budget: values of secrets become names, values of
//! redacted fields and the tokens of answer links are replaced, also where only the beginning of one is left.

use std::borrow::Cow;

use super::field_mask::FieldMask;
use crate::action::secret::SecretStore;
use flowtrigger_core::run::answer_link::{hide_tokens, hide_tokens_in_tail};
use flowtrigger_core::run::exchange::{BodyContent, CapturedBody, ExchangeText, TextBudget};

/// Whether a text has its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextEnd {
    Whole,
    Missing,
}

/// The bytes of a body or an output as far as they were read.
pub(super) struct ReceivedBytes<'b> {
    pub bytes: &'b [u8],
    pub end: TextEnd,
    /// Bytes of the whole, as far as it is known.
    pub size: u64,
}

pub(super) struct TextCleaner<'c> {
    pub secrets: &'c SecretStore,
    pub mask: &'c FieldMask,
}

impl TextCleaner<'_> {
    /// Cleans the plain parts of a text that was sent. Returns whether one changed.
    pub(super) fn sent(&self, text: &mut ExchangeText) -> bool {
        text.change(&|part| {
            let clean = self.text(part);
            (clean != part).then_some(clean)
        })
    }

    /// Cleans a whole text.
    pub(super) fn text(&self, text: &str) -> String {
        let clean = self.secrets.redact(text);
        hide_tokens(&self.mask.text(&clean)).into_owned()
    }

    /// Cleans a text whose end is missing.
    fn head(&self, text: &str) -> String {
        let clean = self.secrets.redact_head(text);
        hide_tokens(&self.mask.head(&clean)).into_owned()
    }

    /// Cleans a text whose beginning is missing.
    fn tail(&self, text: &str) -> String {
        let clean = self.secrets.redact_tail(text);
        hide_tokens_in_tail(&self.mask.tail(&clean)).into_owned()
    }

    /// A body as it is kept, from its beginning.
    pub(super) fn body(&self, body: &ReceivedBytes<'_>, budget: &mut TextBudget) -> CapturedBody {
        let masked = match body.end {
            TextEnd::Whole => self.mask.json(body.bytes),
            TextEnd::Missing => None,
        };
        let bytes = masked.as_deref().map_or(body.bytes, str::as_bytes);
        let head = &bytes[..bytes.len().min(budget.left())];
        let end = match head.len() < bytes.len() {
            true => TextEnd::Missing,
            false => body.end,
        };
        let mut kept = match text_of(head, end) {
            Some(text) => {
                let clean = match end {
                    TextEnd::Whole => self.text(text),
                    TextEnd::Missing => self.head(text),
                };
                budget.take_body(ExchangeText::plain(clean), body.size)
            }
            None => self.bytes(head, end, body.size, budget),
        };
        kept.cut |= end == TextEnd::Missing;
        kept
    }

    /// The end of an output as it is kept.
    pub(super) fn tail_of(&self, output: &ReceivedBytes<'_>, limit: usize) -> CapturedBody {
        let from = output.bytes.len().saturating_sub(limit);
        let text = String::from_utf8_lossy(&output.bytes[from..]);
        let end = match from {
            0 => output.end,
            _ => TextEnd::Missing,
        };
        let clean = match end {
            TextEnd::Whole => self.text(&text),
            TextEnd::Missing => self.tail(&text),
        };
        CapturedBody {
            content: BodyContent::Text(ExchangeText::plain(clean)),
            size: output.size,
            cut: end == TextEnd::Missing,
        }
    }

    /// Bytes that are not text, unless a secret or a redacted value is among them.
    fn bytes(&self, head: &[u8], end: TextEnd, size: u64, budget: &mut TextBudget) -> CapturedBody {
        let lossy = String::from_utf8_lossy(head);
        let clean = match end {
            TextEnd::Whole => self.text(&lossy),
            TextEnd::Missing => self.head(&lossy),
        };
        match clean == lossy {
            true => budget.take_bytes(head, size),
            false => budget.take_body(ExchangeText::plain(clean), size),
        }
    }
}

/// The text, without a last character of which a part is missing. `None` if it is not UTF-8.
fn text_of(bytes: &[u8], end: TextEnd) -> Option<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() && end == TextEnd::Missing => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    }
}

/// Text from outside as it is kept: invalid UTF-8 is replaced.
pub(super) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use flowtrigger_core::secret::SecretValue;
    use serde_json::json;

    fn secrets() -> SecretStore {
        SecretStore::new(BTreeMap::from([(
            "KEY".to_owned(),
            SecretValue::new("top-secret-value"),
        )]))
    }

    fn body(bytes: &[u8], limit: usize) -> CapturedBody {
        let (secrets, mask) = (secrets(), FieldMask::new(&[&json!("a customer's words")]));
        let cleaner = TextCleaner {
            secrets: &secrets,
            mask: &mask,
        };
        let received = ReceivedBytes {
            bytes,
            end: TextEnd::Whole,
            size: bytes.len() as u64,
        };
        cleaner.body(&received, &mut TextBudget::new(limit))
    }

    fn text(body: &CapturedBody) -> String {
        match &body.content {
            BodyContent::Text(text) => text.to_string(),
            BodyContent::Base64(bytes) => format!("base64 {bytes}"),
        }
    }

    #[test]
    fn no_part_of_a_secret_or_a_field_is_left_at_the_cut() {
        let sent = b"key top-secret-value, said a customer's words.";
        let whole = body(sent, 100);
        assert_eq!(text(&whole), "key [secret KEY], said [redacted].");
        assert!(!whole.cut);
        for limit in 0..sent.len() {
            let kept = body(sent, limit);
            assert!(kept.cut, "{limit}");
            let text = text(&kept);
            for hidden in ["top-", "cret-val", "a cu", "tomer"] {
                assert!(!text.contains(hidden), "{limit}: {text}");
            }
        }
    }

    #[test]
    fn bytes_that_are_not_text_are_kept_unless_they_hold_a_secret() {
        assert_eq!(text(&body(&[255, 0, 254], 100)), "base64 /wD+");
        let mixed = [&[255][..], b"top-secret-value"].concat();
        assert_eq!(text(&body(&mixed, 100)), "\u{fffd}[secret KEY]");
        // Not a text that is cut within a character.
        assert_eq!(text(&body("é".as_bytes(), 1)), "");
    }
}
