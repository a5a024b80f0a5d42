//! Splits the text of a file into its YAML documents at `---` and `...` lines, without parsing them.
//! Lines such as `%YAML 1.2` belong to the document after them.

use std::ops::Range;

/// One document of a file, with the position of its text.
#[derive(Debug, Clone, Copy)]
pub struct DocumentText<'a> {
    pub text: &'a str,
    /// The number of lines before it.
    pub line: u32,
    /// The byte offset of its text, not counting the byte order mark of the file.
    pub start: u32,
    /// The byte offset in the file, including the byte order mark.
    before: usize,
}

impl<'a> DocumentText<'a> {
    /// Returns a document of the file again, by the range and line of an earlier split.
    pub fn new(file: &'a str, range: Range<usize>, line: u32) -> Self {
        let mark = file.len() - without_byte_order_mark(file).len();
        Self {
            line,
            start: count(range.start.saturating_sub(mark)),
            before: range.start,
            text: &file[range],
        }
    }

    /// The byte range in the file.
    pub fn range(&self) -> Range<usize> {
        self.before..self.before + self.text.len()
    }

    /// Whether it contains only comments, blank lines and document markers.
    pub fn is_empty(&self) -> bool {
        self.text.lines().all(|line| {
            let line = line.trim();
            line.is_empty() || line.starts_with('#') || line == "---" || line == "..."
        })
    }
}

/// Returns the documents of a file in order; at least one.
pub fn chunks(text: &str) -> impl Iterator<Item = DocumentText<'_>> {
    let bare = without_byte_order_mark(text);
    let mark = text.len() - bare.len();
    let (mut rest, mut start, mut line) = (Some(bare), 0, 0);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = end_of_document(text);
        let (text, after) = text.split_at(end.unwrap_or(text.len()));
        let chunk = DocumentText {
            text,
            line: count(line),
            start: count(start),
            before: mark + start,
        };
        rest = end.map(|_| after);
        start += text.len();
        line += text.bytes().filter(|byte| *byte == b'\n').count();
        Some(chunk)
    })
}

/// Returns the file's text with only the documents that `keep` accepts, at their original lines.
pub fn only_documents(text: &str, keep: impl Fn(&str) -> bool) -> String {
    let mut kept = String::with_capacity(text.len());
    for chunk in chunks(text) {
        if keep(chunk.text) {
            kept.push_str(chunk.text);
            continue;
        }
        if is_separator(chunk.text.lines().next().unwrap_or_default()) {
            kept.push_str("---");
        }
        kept.extend(chunk.text.matches('\n'));
    }
    kept
}

/// Returns where the next document starts: at a `---` line that is not the first line, or after a `...` line.
/// Such lines cannot be part of a scalar.
fn end_of_document(text: &str) -> Option<usize> {
    let (mut is_prologue, mut has_directive) = (true, false);
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        match line.as_bytes() {
            [b'-', b'-', b'-', ..] if is_separator(line) => {
                if start > 0 && !(is_prologue && has_directive) {
                    return Some(start);
                }
                is_prologue = false;
            }
            [b'.', b'.', b'.', ..] if is_marker(line, "...") => {
                return (end < text.len()).then_some(end);
            }
            [b'%', ..] => has_directive |= is_prologue,
            [b'#' | b'\r' | b'\n', ..] => {}
            _ => is_prologue = false,
        }
        start = end;
    }
    None
}

/// Whether a text starts with a separator line.
fn is_separator(text: &str) -> bool {
    is_marker(text, "---")
}

fn is_marker(text: &str, marker: &str) -> bool {
    text.strip_prefix(marker)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

fn without_byte_order_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<(&str, u32, u32)> {
        chunks(text).map(|c| (c.text, c.line, c.start)).collect()
    }

    #[test]
    fn documents_are_split_at_separator_lines() {
        assert_eq!(cut(""), [("", 0, 0)]);
        assert_eq!(cut("---\na: 1\n"), [("---\na: 1\n", 0, 0)]);
        assert_eq!(
            cut("a: 1\n--- # next\nb: ---\n---\n---"),
            [
                ("a: 1\n", 0, 0),
                ("--- # next\nb: ---\n", 1, 5),
                ("---\n", 3, 23),
                ("---", 4, 27)
            ]
        );
        assert_eq!(cut("a: |\n ---\n----\n"), [("a: |\n ---\n----\n", 0, 0)]);
    }

    #[test]
    fn an_end_line_ends_a_document_and_directives_start_one() {
        assert_eq!(
            cut(
                "%YAML 1.2\n---\na: 1\n...\nb: 2\n...\n# c\n%YAML 1.2\n--- # d\nc: 3\n---\nd: 4\n...\n"
            ),
            [
                ("%YAML 1.2\n---\na: 1\n...\n", 0, 0),
                ("b: 2\n...\n", 4, 23),
                ("# c\n%YAML 1.2\n--- # d\nc: 3\n", 6, 32),
                ("---\nd: 4\n...\n", 10, 59),
            ]
        );
        assert_eq!(cut("a: |\n ...\n....\n").len(), 1);
        assert_eq!(cut("# only a comment\n---\na: 1\n").len(), 2);
    }

    #[test]
    fn positions_exclude_the_byte_order_mark_and_ranges_include_it() {
        let text = "\u{feff}a: 1\n---\nb: 2\n";
        let second = chunks(text).nth(1).expect("two documents");
        assert_eq!((second.line, second.start), (1, 5));
        assert_eq!(&text[second.range()], "---\nb: 2\n");
    }

    #[test]
    fn kept_documents_keep_their_lines() {
        let text = "a: 1\n---\nb: 2\nc: 3\n---\nd: 4\n";
        let kept = only_documents(text, |document| document.contains('d'));
        assert_eq!(kept, "\n---\n\n\n---\nd: 4\n");
        assert_eq!(only_documents(text, |_| true), text);
    }
}
