//! Builds the node tree with spans from the events of the YAML parser.
//! Reports duplicate keys, unquoted templates, tags without effect, and aliases of unknown anchors.

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span as ParserSpan, StrInput, Tag};

use crate::diagnostic::{Code, Diagnostic, Span};
use crate::document::anchors::Anchors;
use crate::document::entries::{Entries, Key};
use crate::document::scalar::{NotFinite, plain};
use crate::document::syntax_errors::{
    is_template, nameless_key, too_deep, too_large, unknown_alias, unquoted_template,
};
use crate::document::{LineIndex, Node, Yaml};

/// The maximum depth of a document.
const MAX_DEPTH: usize = 48;

/// Why a document could not be read to its end.
pub enum ReadError {
    /// The text is not YAML.
    Scan(ScanError),
    /// A limit was exceeded.
    Limit(Diagnostic),
}

/// Returns the node of a document; adds what is wrong with it to `found`.
///
/// # Errors
/// The error after which the rest of the document cannot be read.
pub fn read(lines: &LineIndex<'_>, found: &mut Vec<Diagnostic>) -> Result<Node, ReadError> {
    let options = granit_parser::options! {
        emit_unresolved_aliases: true,
        emit_anchor_events: true,
        emit_comments: false,
    };
    let mut reader = Reader {
        parser: Parser::new_from_str_with_options(lines.chunk.text, options),
        lines,
        found,
        anchors: Anchors::new(lines.chunk.text.len()),
        depth: 0,
        templates: 0,
    };
    let node = reader.document()?;
    reader.anchors.report_unused(reader.found);
    Ok(node)
}

struct Reader<'a, 'f> {
    parser: Parser<'a, StrInput<'a>>,
    lines: &'a LineIndex<'a>,
    found: &'f mut Vec<Diagnostic>,
    anchors: Anchors,
    depth: usize,
    /// The number of unquoted templates that were reported.
    templates: usize,
}

impl<'a> Reader<'a, '_> {
    fn next(&mut self) -> Result<(Event<'a>, ParserSpan), ReadError> {
        match self.parser.next() {
            Some(next) => next.map_err(ReadError::Scan),
            None => Err(ReadError::Limit(too_large(self.lines.at(1, 1)))),
        }
    }

    /// Reads the only document of the chunk.
    fn document(&mut self) -> Result<Node, ReadError> {
        let mut node = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                Event::StreamEnd => {
                    let at = self.lines.at(1, 1);
                    return Ok(node.unwrap_or(Node {
                        value: Yaml::Null,
                        at,
                    }));
                }
                event => node = Some(self.node(event, &span)?),
            }
        }
    }

    /// Reads the node that starts with an event.
    fn node(&mut self, event: Event<'a>, span: &ParserSpan) -> Result<Node, ReadError> {
        let at = self.span(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = self.scalar(&text, style, at);
                let value = self.tagged(value, &text, tag.as_deref(), span);
                let node = Node { value, at };
                self.anchor_event(anchor)?;
                self.anchored(anchor, node)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.anchor_event(anchor)?;
                let value = Yaml::List(self.nested(at, Self::items)?);
                self.check_tag(&value, tag.as_deref(), span);
                self.anchored(anchor, collection(value, at))
            }
            Event::MappingStart(_, anchor, tag) => {
                self.anchor_event(anchor)?;
                let value = self.nested(at, |reader| reader.mapping(at))?;
                self.check_tag(&value, tag.as_deref(), span);
                self.anchored(anchor, collection(value, at))
            }
            Event::Alias(number) => self.anchors.repeat(number, at).map_err(ReadError::Limit),
            Event::UnresolvedAlias(name) => {
                self.found.push(unknown_alias(&name, at, self.lines));
                // The text causes no further error.
                let value = Yaml::Text(format!("*{name}"));
                Ok(Node { value, at })
            }
            _ => Err(ReadError::Limit(too_large(at))),
        }
    }

    /// Reads the name of an anchor, which follows the node's event.
    fn anchor_event(&mut self, number: usize) -> Result<(), ReadError> {
        if number == 0 {
            return Ok(());
        }
        if let (Event::Anchor(number, name), span) = self.next()? {
            let at = self.span(&span);
            self.anchors.define(number, name.into_owned(), at);
        }
        Ok(())
    }

    fn anchored(&mut self, number: usize, node: Node) -> Result<Node, ReadError> {
        if number != 0 {
            self.anchors.complete(number, &node);
        }
        Ok(node)
    }

    fn nested<T>(
        &mut self,
        at: Span,
        read: impl FnOnce(&mut Self) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ReadError::Limit(too_deep(at)));
        }
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn items(&mut self) -> Result<Vec<Node>, ReadError> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, &span)?),
            }
        }
    }

    fn mapping(&mut self, at: Span) -> Result<Yaml, ReadError> {
        let before = self.found.len();
        let mut entries = Entries::default();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let merges = matches!(
                &event,
                Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<"
            );
            let templates = self.templates;
            let key = Key {
                node: self.node(event, &span)?,
                merges,
                was_template: self.templates > templates,
            };
            let (event, span) = self.next()?;
            let value = self.node(event, &span)?;
            entries.add(key, value, self.found);
        }
        let is_template = is_template(at, self.lines);
        if is_template && entries.is_unquoted_template() {
            self.found.truncate(before);
            self.found.push(unquoted_template(collection_span(at)));
            self.templates += 1;
            // It was meant as text; a text causes no further error.
            return Ok(Yaml::Text(" ".into()));
        }
        for _ in 0..entries.nameless {
            let at = collection_span(at);
            self.found.push(match is_template {
                true => unquoted_template(at),
                false => nameless_key(at),
            });
        }
        Ok(Yaml::Map(entries.finish(self.found)))
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, at: Span) -> Yaml {
        if style != ScalarStyle::Plain {
            return Yaml::Text(text.to_owned());
        }
        plain(text).unwrap_or_else(|NotFinite| {
            let message = format!("`{text}` is not a finite number, so JSON does not have it");
            let help = "put quotes around it if it is a text; write a smaller number otherwise";
            let error = Diagnostic::error(Code::Syntax, at, message).help(help);
            self.found.push(error);
            Yaml::Text(text.to_owned())
        })
    }

    /// Applies the tag of a scalar.
    fn tagged(&mut self, value: Yaml, text: &str, tag: Option<&Tag>, span: &ParserSpan) -> Yaml {
        let Some(tag) = tag else {
            return value;
        };
        let is_text = tag.is_yaml_core_schema_tag("str") || tag.original() == "!";
        match is_text {
            true => Yaml::Text(text.to_owned()),
            false => {
                self.check_tag(&value, Some(tag), span);
                value
            }
        }
    }

    /// Reports a tag that the value does not have, and a tag that is not one of YAML's own.
    fn check_tag(&mut self, value: &Yaml, tag: Option<&Tag>, span: &ParserSpan) {
        let Some(tag) = tag.filter(|tag| tag.original() != "!") else {
            return;
        };
        let written = tag.original();
        let mut at = self.span(span);
        if let Some(start) = &span.tag_start {
            at = self.lines.at(start.line(), start.col() + 1);
            at.len = u32::try_from(written.len()).unwrap_or(u32::MAX);
        }
        let fits = match (tag.core_suffix(), value) {
            (None, _) => {
                let message = format!("unknown tag `{written}`, which is not part of the value");
                let help = format!(
                    "put quotes around a text that starts with `!`: \"{written} …\"; remove a tag"
                );
                let warning = Diagnostic::warning(Code::Syntax, at, message).help(help);
                self.found.push(warning);
                return;
            }
            (Some("int"), Yaml::Number(number)) => number.is_i64() || number.is_u64(),
            (Some("float"), Yaml::Number(_))
            | (Some("bool"), Yaml::Bool(_))
            | (Some("null"), Yaml::Null)
            | (Some("seq"), Yaml::List(_))
            | (Some("map"), Yaml::Map(_)) => true,
            (Some(_), _) => false,
        };
        if !fits {
            let message = format!("the value is not what its tag `{written}` says");
            let help = "remove the tag; `!!str` makes any value a text, as quotes do";
            self.found
                .push(Diagnostic::error(Code::WrongType, at, message).help(help));
        }
    }

    fn span(&self, span: &ParserSpan) -> Span {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let Some(bytes) = span.byte_range() else {
            return self.lines.at(span.start.line(), span.start.col() + 1);
        };
        Span {
            file: self.lines.file,
            line: self.lines.chunk.line + number(span.start.line()),
            column: number(span.start.col() + 1),
            start: self.lines.chunk.start + number(bytes.start),
            len: number(bytes.len()),
        }
    }
}

/// A list or mapping, whose span is its first character.
fn collection(value: Yaml, at: Span) -> Node {
    Node {
        value,
        at: collection_span(at),
    }
}

fn collection_span(at: Span) -> Span {
    Span {
        len: at.len.min(1),
        ..at
    }
}
