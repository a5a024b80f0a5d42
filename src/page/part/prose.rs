//! Shows sentences of reports: what they have in backquotes is code.

use maud::{Markup, html};

use crate::page::text::{short, text};

/// Characters of a sentence, which can repeat a text from outside.
const MAX_CHARS: usize = 2_000;

/// A sentence. One with an unpaired backquote is shown as it is.
pub fn prose(sentence: &str) -> Markup {
    let parts: Vec<&str> = sentence.split('`').collect();
    let is_paired = parts.len() % 2 == 1;
    if !is_paired || sentence.chars().count() > MAX_CHARS {
        return short(sentence, MAX_CHARS);
    }
    html! {
        @for (number, part) in parts.iter().enumerate() {
            @if number % 2 == 1 {
                code { (text(part)) }
            } @else if !part.is_empty() {
                (text(part))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_of_backquotes_are_code() {
        for (sentence, expected) in [
            (
                "use `exists: <b>` here",
                "<bdi>use </bdi><code><bdi>exists: &lt;b&gt;</bdi></code><bdi> here</bdi>",
            ),
            ("one ` alone", "<bdi>one ` alone</bdi>"),
            ("", ""),
        ] {
            assert_eq!(prose(sentence).into_string(), expected);
        }
        let long = prose(&"`x` ".repeat(10_000)).into_string();
        assert!(long.len() < 10_000, "{}", long.len());
    }
}
