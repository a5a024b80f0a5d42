//! Converts between the byte offsets of a text and the positions of a client, in UTF-8 or UTF-16 units.

use lsp_types::{Position, PositionEncodingKind, Range};

use flowtrigger_core::diagnostic::Span;

/// The unit of the characters in positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PositionUnit {
    Utf8,
    Utf16,
}

impl PositionUnit {
    /// The unit to use with a client: UTF-8 if it offers that, because it needs no counting.
    pub fn choose(offered: Option<&[PositionEncodingKind]>) -> Self {
        match offered.is_some_and(|offered| offered.contains(&PositionEncodingKind::UTF8)) {
            true => PositionUnit::Utf8,
            false => PositionUnit::Utf16,
        }
    }

    pub fn kind(self) -> PositionEncodingKind {
        match self {
            PositionUnit::Utf8 => PositionEncodingKind::UTF8,
            PositionUnit::Utf16 => PositionEncodingKind::UTF16,
        }
    }

    fn units(self, text: &str) -> usize {
        match self {
            PositionUnit::Utf8 => text.len(),
            PositionUnit::Utf16 => text.encode_utf16().count(),
        }
    }
}

/// A text with the offsets of its lines.
#[derive(Debug, Clone)]
pub struct IndexedText<'t> {
    text: &'t str,
    starts: Vec<usize>,
    unit: PositionUnit,
}

impl<'t> IndexedText<'t> {
    pub fn new(text: &'t str, unit: PositionUnit) -> Self {
        let ends = text.match_indices('\n').map(|(end, _)| end + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(ends).collect(),
            unit,
        }
    }

    /// The byte offset of a position. A position behind the end of a line or of the text is that end.
    pub fn offset(&self, position: Position) -> usize {
        let line = usize::try_from(position.line).unwrap_or(usize::MAX);
        let Some(&start) = self.starts.get(line) else {
            return self.text.len();
        };
        let rest = self.text[start..].split('\n').next().unwrap_or_default();
        let rest = rest.strip_suffix('\r').unwrap_or(rest);
        let wanted = usize::try_from(position.character).unwrap_or(usize::MAX);
        let (mut units, mut offset) = (0, start);
        for c in rest.chars() {
            units += match self.unit {
                PositionUnit::Utf8 => c.len_utf8(),
                PositionUnit::Utf16 => c.len_utf16(),
            };
            if units > wanted {
                break;
            }
            offset += c.len_utf8();
        }
        offset
    }

    /// The position of a byte offset.
    pub fn position(&self, offset: usize) -> Position {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.starts.partition_point(|start| *start <= offset) - 1;
        let before = &self.text[self.starts[line]..offset];
        Position::new(small(line), small(self.unit.units(before)))
    }

    pub fn range(&self, start: usize, end: usize) -> Range {
        Range::new(self.position(start), self.position(end))
    }

    /// The range of a span. One without a length, such as that of an error in the syntax, is the word at it.
    pub fn range_of(&self, span: Span) -> Range {
        let start = self.start_of(span);
        let end = start.saturating_add(span.len as usize);
        match span.len {
            0 => self.range(start, start + self.token_length(start)),
            _ => self.range(start, end),
        }
    }

    /// Its byte offset. Spans of whole files have a line, and no offset.
    fn start_of(&self, span: Span) -> usize {
        let start = span.start as usize;
        let line = (span.line as usize).saturating_sub(1);
        let line_start = self.starts.get(line).copied().unwrap_or(self.text.len());
        start.max(line_start)
    }

    fn token_length(&self, start: usize) -> usize {
        let rest = self.text.get(start..).unwrap_or_default();
        let is_word = |c: &char| c.is_alphanumeric() || "_.-".contains(*c);
        let token: usize = rest.chars().take_while(is_word).map(char::len_utf8).sum();
        match (token, rest.chars().next()) {
            (0, Some(c)) if c != '\n' && c != '\r' => c.len_utf8(),
            _ => token,
        }
    }
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_count_in_the_units_of_the_client() {
        let text = "a: 1\nname: 'é🎉x' # end\r\nlast";
        for (unit, x) in [(PositionUnit::Utf16, 10), (PositionUnit::Utf8, 13)] {
            let indexed = IndexedText::new(text, unit);
            let offset = text.find('x').expect("an x");
            assert_eq!(indexed.position(offset), Position::new(1, x), "{unit:?}");
            assert_eq!(indexed.offset(Position::new(1, x)), offset, "{unit:?}");
            let end = indexed.offset(Position::new(1, 999));
            assert_eq!(&text[..end], &text[..text.find('\r').expect("an end")]);
            assert_eq!(indexed.offset(Position::new(99, 0)), text.len());
        }
    }

    #[test]
    fn every_offset_has_a_position_that_leads_back() {
        let text = "ä\n🎉🎉\n\nb🎉c\n";
        for unit in [PositionUnit::Utf16, PositionUnit::Utf8] {
            let indexed = IndexedText::new(text, unit);
            for (offset, _) in text.char_indices().chain([(text.len(), ' ')]) {
                assert_eq!(indexed.offset(indexed.position(offset)), offset);
            }
        }
    }

    #[test]
    fn a_position_within_a_character_is_its_start() {
        let indexed = IndexedText::new("🎉a", PositionUnit::Utf16);
        assert_eq!(indexed.offset(Position::new(0, 1)), 0);
        assert_eq!(indexed.offset(Position::new(0, 2)), 4);
    }

    #[test]
    fn utf_8_is_chosen_if_it_is_offered() {
        let both = [PositionEncodingKind::UTF16, PositionEncodingKind::UTF8];
        assert_eq!(PositionUnit::choose(Some(&both)), PositionUnit::Utf8);
        assert_eq!(PositionUnit::choose(Some(&both[..1])), PositionUnit::Utf16);
        assert_eq!(PositionUnit::choose(None), PositionUnit::Utf16);
    }
}
