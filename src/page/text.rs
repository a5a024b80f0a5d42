//! Shows text from outside: characters that a reader cannot see are written out, and nothing in a text can change
//! the direction or the order of what stands around it.

use maud::{Markup, html};

use crate::report::deliveries::row::grouped;

/// Characters shown of a long text, before a page offers the rest.
pub const MAX_CHARS: usize = 2_000;

/// A sentence with its first letter as a capital one.
pub fn capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

/// A piece of a text.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'t> {
    Plain(&'t str),
    /// A character that has no shape of its own.
    Invisible(char),
    /// A mark such as `[secret NAME]`, by its name.
    Secret(&'t str),
}

/// Renders a text so that every character can be seen. `bdi` keeps right-to-left text to itself.
pub fn text(text: &str) -> Markup {
    html! {
        bdi {
            @for piece in pieces(text) {
                @match piece {
                    Piece::Plain(plain) => (plain),
                    Piece::Invisible(c) => span class="inv" title=(name(c)) { (code_point(c)) },
                    Piece::Secret(name) => span class="secret" { "secret " (name) },
                }
            }
        }
    }
}

/// Renders about `limit` characters, and says how many are left out. A text that is little longer stays whole.
pub fn short(whole: &str, limit: usize) -> Markup {
    match cut_at(whole, limit) {
        None => text(whole),
        Some(end) => html! {
            (text(&whole[..end])) span class="mu" { (left_out(&whole[end..])) }
        },
    }
}

/// Where a text is cut to about `limit` characters; `None` if that would save less than half as many.
pub fn cut_at(whole: &str, limit: usize) -> Option<usize> {
    let (end, _) = whole.char_indices().nth(limit)?;
    whole[end..].chars().nth(limit / 2).map(|_| end)
}

/// `… 14,040 more characters`
pub fn left_out(rest: &str) -> String {
    match rest.chars().count() {
        1 => "… 1 more character".to_owned(),
        left => format!("… {} more characters", grouped(left as u64)),
    }
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut plain = 0;
    let mut skip = 0;
    for (at, c) in text.char_indices() {
        if at < skip {
            continue;
        }
        let piece = match (c, secret(&text[at..])) {
            ('[', Some(name)) => {
                skip = at + SECRET.len() + name.len() + 1;
                Piece::Secret(name)
            }
            (c, _) if is_invisible(c) => {
                skip = at + c.len_utf8();
                Piece::Invisible(c)
            }
            _ => continue,
        };
        if plain < at {
            pieces.push(Piece::Plain(&text[plain..at]));
        }
        pieces.push(piece);
        plain = skip;
    }
    if plain < text.len() {
        pieces.push(Piece::Plain(&text[plain..]));
    }
    pieces
}

/// How a mark begins that stands for a secret.
pub const SECRET: &str = "[secret ";

/// The name in a mark that stands for a secret.
fn secret(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix(SECRET)?.split_once(']')?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-. ".contains(c);
    (!name.is_empty() && name.chars().all(fits)).then_some(name)
}

/// Control and format characters, and spaces other than the usual one. A line feed and a tab show as such.
pub fn is_invisible(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{00a0}' | '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' => true,
        '\u{17b4}' | '\u{17b5}' | '\u{1680}' | '\u{180e}' => true,
        '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}' => true,
        '\u{3000}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' => true,
        '\u{e0000}'..='\u{e0fff}' => true,
        c => c.is_control(),
    }
}

fn code_point(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}

/// The name of the characters that people meet most; of others the code point says enough.
fn name(c: char) -> String {
    let name = match c {
        '\0' => "NULL",
        '\r' => "CARRIAGE RETURN",
        '\u{1b}' => "ESCAPE",
        '\u{a0}' => "NO-BREAK SPACE",
        '\u{ad}' => "SOFT HYPHEN",
        '\u{200b}' => "ZERO WIDTH SPACE",
        '\u{200c}' => "ZERO WIDTH NON-JOINER",
        '\u{200d}' => "ZERO WIDTH JOINER",
        '\u{200e}' => "LEFT-TO-RIGHT MARK",
        '\u{200f}' => "RIGHT-TO-LEFT MARK",
        '\u{202a}'..='\u{202e}' => "BIDIRECTIONAL CONTROL",
        '\u{202f}' => "NARROW NO-BREAK SPACE",
        '\u{2066}'..='\u{2069}' => "BIDIRECTIONAL ISOLATE",
        '\u{feff}' => "ZERO WIDTH NO-BREAK SPACE",
        c if c.is_control() => "CONTROL CHARACTER",
        _ => "INVISIBLE CHARACTER",
    };
    format!("{} {name}", code_point(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text_shown: &str) -> String {
        text(text_shown).into_string()
    }

    #[test]
    fn invisible_characters_and_secrets_are_shown() {
        for (given, expected) in [
            ("vip", "<bdi>vip</bdi>"),
            (
                "vip\u{200b}!",
                r#"<bdi>vip<span class="inv" title="U+200B ZERO WIDTH SPACE">U+200B</span>!</bdi>"#,
            ),
            (
                "Bearer [secret CHAT_TOKEN]\n",
                "<bdi>Bearer <span class=\"secret\">secret CHAT_TOKEN</span>\n</bdi>",
            ),
            ("[secret <b>]", "<bdi>[secret &lt;b&gt;]</bdi>"),
            (
                "\u{202e}gnp",
                r#"<bdi><span class="inv" title="U+202E BIDIRECTIONAL CONTROL">U+202E</span>gnp</bdi>"#,
            ),
            ("<script>&\"'", "<bdi>&lt;script&gt;&amp;&quot;'</bdi>"),
        ] {
            assert_eq!(shown(given), expected, "{given:?}");
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let text = short("äöüßé", 2).into_string();
        assert!(text.contains("<bdi>äö</bdi>"), "{text}");
        assert!(text.contains("… 3 more characters"), "{text}");
        assert_eq!(short("äöü", 2).into_string(), "<bdi>äöü</bdi>");
        let long = short(&"x".repeat(14_060), 20).into_string();
        assert!(long.contains("14,040 more characters"), "{long}");
    }
}
