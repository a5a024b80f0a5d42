//! Cuts the text of a file into its documents, each with the place where it starts, without reading
//! them. It refuses nothing: what a document holds is judged when it is read.

use std::ops::Range;

/// One document of a file, with the place where its text starts.
#[derive(Debug, Clone, Copy)]
pub struct DocumentText<'a> {
    pub text: &'a str,
    /// How many lines stand before it.
    pub line: u32,
    /// Where positions in it start, behind the file's byte order mark.
    pub start: u32,
    /// The bytes before it in the file.
    before: usize,
}

impl<'a> DocumentText<'a> {
    /// A document that was cut from this file before.
    pub fn of(file: &'a str, range: Range<usize>, line: u32) -> Self {
        let mark = file.len() - without_mark(file).len();
        Self {
            line,
            start: count(range.start.saturating_sub(mark)),
            before: range.start,
            text: &file[range],
        }
    }

    /// The bytes of the file that it takes.
    pub fn range(&self) -> Range<usize> {
        self.before..self.before + self.text.len()
    }

    /// Whether it holds nothing but comments.
    pub fn is_empty(&self) -> bool {
        self.text.lines().all(|line| {
            let line = line.trim();
            line.is_empty() || line.starts_with('#') || line == "---" || line == "..."
        })
    }
}

/// The documents of a file, in its order. There is always one.
pub fn chunks(text: &str) -> impl Iterator<Item = DocumentText<'_>> {
    let bare = without_mark(text);
    let mark = text.len() - bare.len();
    let (mut rest, mut start, mut line) = (Some(bare), 0, 0);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = first_cut(text);
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

/// A file's text with some of its documents alone; what is left stands where it stood.
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

/// Where the next document starts: at a `---` line that is not the first. Such a line cannot stand
/// inside a scalar, so this never cuts through one.
fn first_cut(text: &str) -> Option<usize> {
    let mut breaks = text.match_indices("\n---").map(|(at, _)| at + 1);
    breaks.find(|at| is_separator(&text[*at..]))
}

/// Whether a text starts with a line that only separates.
fn is_separator(text: &str) -> bool {
    text.strip_prefix("---")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

fn without_mark(text: &str) -> &str {
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
    fn documents_are_cut_at_their_separators_with_their_places() {
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
    fn places_count_from_behind_a_byte_order_mark_and_bytes_do_not() {
        let text = "\u{feff}a: 1\n---\nb: 2\n";
        let second = chunks(text).nth(1).expect("two documents");
        assert_eq!((second.line, second.start), (1, 5));
        assert_eq!(&text[second.range()], "---\nb: 2\n");
    }

    #[test]
    fn what_is_left_of_a_file_stands_where_it_stood() {
        let text = "a: 1\n---\nb: 2\nc: 3\n---\nd: 4\n";
        let kept = only_documents(text, |document| document.contains('d'));
        assert_eq!(kept, "\n---\n\n\n---\nd: 4\n");
        assert_eq!(only_documents(text, |_| true), text);
    }
}
