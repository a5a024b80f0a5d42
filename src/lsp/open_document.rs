//! A text that a client has open, kept equal to the client's by its changes.

use std::sync::Arc;

use lsp_types::TextDocumentContentChangeEvent;

use super::position::{IndexedText, PositionUnit};

/// An open text and its version.
#[derive(Debug, Clone)]
pub struct OpenDocument {
    pub text: Arc<str>,
    pub version: i32,
}

impl OpenDocument {
    /// Applies changes in their order; each one refers to the text after those before it.
    pub fn apply(
        &mut self,
        version: i32,
        changes: Vec<TextDocumentContentChangeEvent>,
        unit: PositionUnit,
    ) {
        self.version = version;
        for change in changes {
            let Some(range) = change.range else {
                self.text = change.text.into();
                continue;
            };
            let indexed = IndexedText::new(&self.text, unit);
            let start = indexed.offset(range.start);
            let end = indexed.offset(range.end).max(start);
            let parts = [&self.text[..start], &change.text, &self.text[end..]];
            self.text = parts.concat().into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lsp_types::{Position, Range};

    fn change(range: Option<[u32; 4]>, text: &str) -> TextDocumentContentChangeEvent {
        TextDocumentContentChangeEvent {
            range: range.map(|[a, b, c, d]| Range::new(Position::new(a, b), Position::new(c, d))),
            range_length: None,
            text: text.to_owned(),
        }
    }

    #[test]
    fn changes_apply_one_after_the_other() {
        let mut document = OpenDocument {
            text: "a: 🎉x\nb: 2\n".into(),
            version: 1,
        };
        let changes = vec![
            change(Some([0, 5, 0, 6]), "yy"),
            change(Some([1, 3, 1, 4]), ""),
            change(Some([1, 3, 9, 9]), "3\nc: 4\n"),
        ];
        document.apply(4, changes, PositionUnit::Utf16);
        assert_eq!(&*document.text, "a: 🎉yy\nb: 3\nc: 4\n");
        assert_eq!(document.version, 4);
        document.apply(5, vec![change(None, "new")], PositionUnit::Utf16);
        assert_eq!(&*document.text, "new");
    }
}
