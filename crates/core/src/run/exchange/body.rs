//! A body as an exchange keeps it, and the budget that limits the texts of one direction.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::run::exchange::{ExchangePart, ExchangeText};

/// A body, perhaps without its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapturedBody {
    pub content: BodyContent,
    /// Bytes of the whole body, as far as it was read.
    pub size: u64,
    pub cut: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyContent {
    Text(ExchangeText),
    /// Bytes that are not UTF-8.
    Base64(String),
}

/// The bytes that are left for the texts of one direction.
#[derive(Debug, Clone, Copy)]
pub struct TextBudget {
    left: usize,
    cut: bool,
}

impl TextBudget {
    pub fn new(limit: usize) -> Self {
        Self {
            left: limit,
            cut: false,
        }
    }

    pub fn left(&self) -> usize {
        self.left
    }

    /// Whether a text was cut.
    pub fn was_cut(&self) -> bool {
        self.cut
    }

    /// The text, without its end if it is too long.
    pub fn take(&mut self, text: ExchangeText) -> ExchangeText {
        let mut kept = ExchangeText::default();
        for part in text.0 {
            if self.left == 0 {
                self.cut = true;
                break;
            }
            match part {
                ExchangePart::Text(text) => {
                    let end = floor(&text, self.left);
                    if end < text.len() {
                        self.cut = true;
                        self.left = 0;
                    }
                    self.left = self.left.saturating_sub(end);
                    kept.push(&text[..end]);
                }
                whole @ (ExchangePart::Secret { .. } | ExchangePart::Base64 { .. }) => {
                    self.left = self.left.saturating_sub(whole.to_string().len());
                    kept.0.push(whole);
                }
            }
        }
        kept
    }

    /// A body of `size` bytes with this text.
    pub fn take_body(&mut self, text: ExchangeText, size: u64) -> CapturedBody {
        let before = std::mem::take(&mut self.cut);
        let content = BodyContent::Text(self.take(text));
        let cut = self.cut;
        self.cut |= before;
        CapturedBody { content, size, cut }
    }

    /// A body of `size` bytes that is not text.
    pub fn take_bytes(&mut self, bytes: &[u8], size: u64) -> CapturedBody {
        // Base64 writes three bytes as four characters.
        let end = bytes.len().min(self.left / 4 * 3);
        let content = STANDARD.encode(&bytes[..end]);
        let cut = end < bytes.len();
        self.left = self.left.saturating_sub(content.len());
        self.cut |= cut;
        CapturedBody {
            content: BodyContent::Base64(content),
            size,
            cut,
        }
    }
}

/// The last boundary of a character within the first `limit` bytes.
fn floor(text: &str, limit: usize) -> usize {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::exchange::SecretForm;

    #[test]
    fn texts_share_the_budget_and_are_cut_between_characters() {
        let mut budget = TextBudget::new(7);
        assert_eq!(budget.take(ExchangeText::plain("abc")).to_string(), "abc");
        assert!(!budget.was_cut());
        assert_eq!(budget.take(ExchangeText::plain("déf—")).to_string(), "déf");
        assert!(budget.was_cut());
        assert_eq!(budget.take(ExchangeText::plain("x")).to_string(), "");
    }

    #[test]
    fn a_body_says_whether_it_was_cut_itself() {
        let mut budget = TextBudget::new(3);
        let whole = budget.take_body(ExchangeText::plain("ab"), 2);
        let cut = budget.take_body(ExchangeText::plain("cd"), 2);
        assert_eq!((whole.cut, cut.cut), (false, true));
        let mut budget = TextBudget::new(4);
        let bytes = budget.take_bytes(&[255; 9], 9);
        assert_eq!(bytes.content, BodyContent::Base64("////".into()));
        assert!(bytes.cut && budget.was_cut());
    }

    #[test]
    fn a_secret_is_never_cut() {
        let secret = ExchangePart::Secret {
            secret: "TOKEN".into(),
            forms: vec![SecretForm::Percent],
        };
        let mut budget = TextBudget::new(3);
        let text = ExchangeText(vec![
            ExchangePart::Text("ab".into()),
            secret.clone(),
            ExchangePart::Text("cd".into()),
        ]);
        let kept = budget.take(text);
        assert_eq!(kept.0, [ExchangePart::Text("ab".into()), secret]);
        assert!(budget.was_cut());
    }
}
