//! Cuts a text into what stands as written and what is evaluated, before it is compiled.
//! It refuses what would be lost silently: `{#`, which opens a comment, and what is never closed.

use std::ops::Range;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    Raw,
    /// `{{ … }}`: the expression without its braces, and where it all stands.
    Expression {
        inner: Range<usize>,
        whole: Range<usize>,
    },
    /// `{% … %}`, or all from `{% raw %}` to its end.
    Block {
        whole: Range<usize>,
        raw: bool,
    },
}

/// The engine walks an expression and the blocks around it by recursion; these keep it shallow.
const LONGEST: usize = 2_000;
const MOST_BLOCKS: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanError {
    pub message: &'static str,
    pub help: &'static str,
    pub at: Range<usize>,
}

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
        within_limits(&segments, open..from)?;
    }
    if from < text.len() {
        segments.push(Segment::Raw);
    }
    Ok(segments)
}

fn within_limits(segments: &[Segment], at: Range<usize>) -> Result<(), ScanError> {
    let help = "put the work into several texts, a `set` step, or a command";
    let blocks = segments
        .iter()
        .filter(|s| matches!(s, Segment::Block { .. }))
        .count();
    let message = match segments.last() {
        Some(Segment::Expression { whole, .. }) if whole.len() > LONGEST => {
            "one `{{ … }}` holds at most 2,000 bytes"
        }
        Some(Segment::Block { whole, raw: false }) if whole.len() > LONGEST => {
            "one `{% … %}` holds at most 2,000 bytes"
        }
        _ if blocks > MOST_BLOCKS => "a text holds at most 200 `{% … %}`",
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

/// Where the part of the text that is sure to stand as written ends.
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

/// The end mark that is neither inside of quotes nor of brackets.
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
    fn what_would_be_lost_is_refused_with_its_place() {
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
