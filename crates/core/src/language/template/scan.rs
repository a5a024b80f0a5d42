//! Splits a template text into literal text, expressions and blocks, before it is compiled.
//! Reports `{#`, which would start a comment and drop text silently, and delimiters that are not closed.

use std::ops::Range;

/// One part of a template text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    Raw,
    /// `{{ … }}`: the ranges of the expression without and with its braces.
    Expression {
        inner: Range<usize>,
        whole: Range<usize>,
    },
    /// `{% … %}`, or everything from `{% raw %}` to its `{% endraw %}`.
    Block {
        whole: Range<usize>,
        raw: bool,
    },
}

// The engine walks expressions and nested blocks recursively; these limits bound the depth.
const MAX_EXPRESSION_BYTES: usize = 2_000;
const MAX_BLOCKS: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanError {
    pub message: &'static str,
    pub help: &'static str,
    pub at: Range<usize>,
}

/// Splits a text into its segments.
pub fn scan(text: &str) -> Result<Vec<Segment>, ScanError> {
    let mut segments = Vec::new();
    let mut from = 0;
    while let Some(open) = next_open(text, from) {
        if open > from {
            segments.push(Segment::Raw);
        }
        let segment = match &text[open..open + 2] {
            "{{" => expression(text, open)?,
            "{%" => block(text, open)?,
            _ => return Err(comment(open)),
        };
        from = segment.end();
        segments.push(segment);
        check_limits(&segments, open..from)?;
    }
    if from < text.len() {
        segments.push(Segment::Raw);
    }
    Ok(segments)
}

fn check_limits(segments: &[Segment], at: Range<usize>) -> Result<(), ScanError> {
    let help = "put the work into several texts, a `set` step, or a command";
    let blocks = segments
        .iter()
        .filter(|s| matches!(s, Segment::Block { .. }))
        .count();
    let message = match segments.last() {
        Some(Segment::Expression { whole, .. }) if whole.len() > MAX_EXPRESSION_BYTES => {
            "one `{{ … }}` holds at most 2,000 bytes"
        }
        Some(Segment::Block { whole, raw: false }) if whole.len() > MAX_EXPRESSION_BYTES => {
            "one `{% … %}` holds at most 2,000 bytes"
        }
        _ if blocks > MAX_BLOCKS => "a text holds at most 200 `{% … %}`",
        _ => return Ok(()),
    };
    Err(ScanError { message, help, at })
}

impl Segment {
    fn end(&self) -> usize {
        match self {
            Segment::Raw => 0,
            Segment::Expression { whole, .. } | Segment::Block { whole, .. } => whole.end,
        }
    }
}

/// Returns the literal text before the first delimiter.
pub fn literal_prefix(text: &str) -> &str {
    &text[..next_open(text, 0).unwrap_or(text.len())]
}

fn next_open(text: &str, from: usize) -> Option<usize> {
    let found = ["{{", "{%", "{#"].map(|open| text[from..].find(open));
    found.into_iter().flatten().min().map(|found| from + found)
}

fn comment(open: usize) -> ScanError {
    ScanError {
        message: "`{#` opens a template comment, and the text after it is lost",
        help: "write `{{ '{#' }}` for the two characters",
        at: open..open + 2,
    }
}

fn expression(text: &str, open: usize) -> Result<Segment, ScanError> {
    let Some(close) = closing(text, open + 2, "}}") else {
        return Err(ScanError {
            message: "`{{` is never closed",
            help: "close it with `}}`; for the two characters themselves write `{{ '{{' }}`",
            at: open..open + 2,
        });
    };
    let mut inner = open + 2..close;
    if text[inner.clone()].starts_with(['-', '+']) {
        inner.start += 1;
    }
    if text[inner.clone()].ends_with(['-', '+']) {
        inner.end -= 1;
    }
    Ok(Segment::Expression {
        inner,
        whole: open..close + 2,
    })
}

fn block(text: &str, open: usize) -> Result<Segment, ScanError> {
    let unclosed = ScanError {
        message: "`{%` is never closed",
        help: "close it with `%}`; for the two characters themselves write `{{ '{%' }}`",
        at: open..open + 2,
    };
    let Some(close) = closing(text, open + 2, "%}") else {
        return Err(unclosed);
    };
    let mut end = close + 2;
    let raw = text[open + 2..close].trim_matches(['-', '+', ' ']) == "raw";
    if raw {
        let Some(last) = text[end..].find("endraw") else {
            return Err(unclosed);
        };
        let rest = end + last;
        end = closing(text, rest, "%}").map_or(text.len(), |at| at + 2);
    }
    Ok(Segment::Block {
        whole: open..end,
        raw,
    })
}

/// Finds the end mark outside of quotes and brackets.
fn closing(text: &str, from: usize, mark: &str) -> Option<usize> {
    let (mut quote, mut depth, mut escaped) = (None, 0_usize, false);
    for (offset, c) in text[from..].char_indices() {
        if let Some(open) = quote {
            let closes = c == open && !escaped;
            escaped = c == '\\' && !escaped;
            if closes {
                quote = None;
            }
            continue;
        }
        if depth == 0 && text[from + offset..].starts_with(mark) {
            return Some(from + offset);
        }
        match c {
            '"' | '\'' => quote = Some(c),
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_in_quotes_and_mappings_do_not_close() {
        let text = "{{ {'a': {'b': '}}'}} | length }}";
        let segments = scan(text).expect("a template");
        assert_eq!(segments.len(), 1);
        assert_eq!(segments[0].end(), text.len());
    }

    #[test]
    fn plain_braces_are_text() {
        assert_eq!(scan("{\"a\": {\"b\": 1}}"), Ok(vec![Segment::Raw]));
        assert_eq!(scan("{% raw %}{{ x {% endraw %}").map(|s| s.len()), Ok(1));
    }

    #[test]
    fn comments_and_unclosed_delimiters_are_reported_with_their_position() {
        for (text, at, help) in [
            ("a {# b", 2, "{{ '{#' }}"),
            ("ticket {{ ticket.id", 7, "close it with `}}`"),
            ("{{ 'x }}", 0, "close it with `}}`"),
            ("{% if x", 0, "close it with `%}`"),
        ] {
            let error = scan(text).expect_err(text);
            assert_eq!(error.at.start, at, "{text}");
            assert!(error.help.contains(help), "{text}: {}", error.help);
        }
        assert!(scan("{{ '{#' }}").is_ok());
    }
}
