//! Describes the errors of the YAML parser in words for authors of rules, with what to write instead.

use granit_parser::ErrorKind;

const QUOTES: &str = "put quotes around the whole value";
const NEAR: &str = "check indentation, quotes and brackets on this line and the one above";
const TABS: &str = "indent with spaces; YAML allows no tabs there";

/// Returns what is wrong and what to write, for an error on a line.
pub fn message(kind: &ErrorKind, line: &str, above: Option<&str>) -> (String, &'static str) {
    if line.trim_start_matches(' ').starts_with('\t') {
        return ("a tab in the indentation".into(), TABS);
    }
    match kind {
        ErrorKind::UnclosedFlowCollection { open } => {
            (format!("the bracket `{open}` is not closed"), CLOSE_BRACKET)
        }
        ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping
            if has_empty_item(line) =>
        {
            (
                "nothing between two commas".into(),
                "remove one of them, or write `null` or `\"\"` between them",
            )
        }
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => (
            format!("the bracket `{open}` is closed by `{close}`"),
            "close each bracket with its counterpart, the inner one first",
        ),
        ErrorKind::UnexpectedCharacter { character: '`' } => {
            ("a text cannot start with a backtick".into(), QUOTES)
        }
        ErrorKind::UnexpectedCharacter { character } => (
            format!("a text cannot start with `{}`", character.escape_debug()),
            QUOTES,
        ),
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement
            if above.is_some_and(opens_bracket) =>
        {
            (
                "a bracket of the line above is not closed".into(),
                CLOSE_BRACKET,
            )
        }
        ErrorKind::MappingValueNotAllowed if is_deeper_key(line, above) => (
            "a key below a value".into(),
            "indent this key like the one above; a key with a value cannot hold keys as well",
        ),
        kind => {
            let (message, help) = fixed_message(kind);
            (message.into(), help)
        }
    }
}

const CLOSE_BRACKET: &str = "close it, or put quotes around a text that contains a bracket; a `#` after a space starts a comment";

/// Errors whose message does not depend on the text.
fn fixed_message(kind: &ErrorKind) -> (&'static str, &'static str) {
    match kind {
        ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping => ("a bracket is not closed", CLOSE_BRACKET),
        ErrorKind::MisplacedFlowCollectionEnd => (
            "this bracket closes nothing",
            "remove it, or put quotes around the text that contains it",
        ),
        ErrorKind::ExpectedFlowMappingSeparator => (
            "expected `,` or `}`",
            "put a comma between the entries, or quotes around a text that contains brackets or quotes",
        ),
        ErrorKind::ExpectedFlowSequenceSeparator => (
            "expected `,` or `]`",
            "put a comma between the items, or quotes around a text that contains brackets or quotes",
        ),
        ErrorKind::ExpectedBlockMappingKey => (
            "expected the next key of this mapping",
            "start the keys of a mapping in the same column; put quotes around a value that continues after a bracket or a quote",
        ),
        ErrorKind::ExpectedBlockSequenceEntry => (
            "expected `- `, the next item of this list",
            "start the items of a list in the same column, each with `- `",
        ),
        ErrorKind::ExpectedNodeContent => ("expected a value", NEAR),
        ErrorKind::UnexpectedEof
        | ErrorKind::UnexpectedEofBlockSequence
        | ErrorKind::UnexpectedEofBlockMapping => ("the document ends too early", NEAR),
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar => ("a tab in the indentation", TABS),
        ErrorKind::CommentInterceptedScalar | ErrorKind::CommentNotSeparated => (
            "a comment within a text",
            "put a space before the `#` of a comment, and quotes around a text that contains `#`",
        ),
        ErrorKind::UndeclaredTagHandle
        | ErrorKind::ExpectedTagBang
        | ErrorKind::InvalidGlobalTagCharacter
        | ErrorKind::InvalidTagTerminator
        | ErrorKind::MissingTagUri
        | ErrorKind::UnclosedVerbatimTag
        | ErrorKind::InvalidTagEscape
        | ErrorKind::InvalidTagUtf8LeadingByte
        | ErrorKind::InvalidTagUtf8TrailingByte
        | ErrorKind::InvalidTagUtf8 => (
            "YAML reads `!` as a tag",
            "put quotes around a text that starts with `!`",
        ),
        ErrorKind::MissingAnchorOrAliasName | ErrorKind::UnknownAnchor => (
            "YAML reads `&` and `*` as an anchor and its alias",
            "put quotes around a text that starts with `&` or `*`",
        ),
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => (
            "expected `: ` after this key",
            "write `key: value` in one line, with a space after the colon; put quotes around a text that continues on the next line",
        ),
        ErrorKind::MappingKeyNotAllowed => ("a key cannot start here", NEAR),
        ErrorKind::MappingValueNotAllowed
        | ErrorKind::FlowMappingValueAdjacentCollection
        | ErrorKind::InvalidMappingValueWhitespace
        | ErrorKind::InvalidColonPlacement => (
            "a second `: ` in a value",
            "put quotes around a text that contains `: `",
        ),
        ErrorKind::BlockEntryInFlowCollection
        | ErrorKind::PlainScalarStartsWithDashFlowIndicator => (
            "`-` within brackets",
            "separate the items with commas, and put quotes around a text that starts with `-`",
        ),
        ErrorKind::BlockSequenceEntryNotAllowed | ErrorKind::InvalidBlockEntryWhitespace => (
            "a list cannot start here",
            "start it on the next line, each item with `- `; put quotes around a text that starts with `- `",
        ),
        ErrorKind::InvalidIndentation
        | ErrorKind::InvalidFlowScalarIndent
        | ErrorKind::InvalidBlockScalarIndent => (
            "this line is not indented deep enough",
            "indent it deeper than the key to which it belongs",
        ),
        ErrorKind::ZeroBlockScalarIndent | ErrorKind::InvalidBlockScalarHeader => (
            "text behind `|` or `>`",
            "start the text on the next line, indented; put quotes around a value that starts with `|` or `>`",
        ),
        ErrorKind::InvalidQuotedScalarIndent => (
            "a quote is not closed, or its text is not indented",
            "end the text with the quote that it starts with, or indent its lines deeper than the key",
        ),
        ErrorKind::UnclosedQuotedScalar | ErrorKind::DocumentIndicatorInQuotedScalar => (
            "a quote is not closed",
            "end the text with the quote that it starts with; within `'…'` write `''`, within `\"…\"` write `\\\"`",
        ),
        ErrorKind::InvalidTrailingSingleQuotedScalar
        | ErrorKind::InvalidTrailingDoubleQuotedScalar => (
            "text after a closing quote",
            "put quotes around the whole value; within `'…'` write `''`, within `\"…\"` write `\\\"`",
        ),
        ErrorKind::UnknownQuotedScalarEscape
        | ErrorKind::InvalidQuotedScalarHexEscape
        | ErrorKind::InvalidLowSurrogateHexEscape
        | ErrorKind::InvalidLowSurrogate
        | ErrorKind::MissingLowSurrogate
        | ErrorKind::UnpairedLowSurrogate
        | ErrorKind::InvalidUnicodeEscape => (
            "an unknown escape after `\\`",
            "write `\\\\` for a backslash, or put the text in single quotes, which have no escapes",
        ),
        ErrorKind::UnsupportedYamlMajorVersion => (
            "unsupported version of YAML",
            "write `%YAML 1.2`, or remove the line",
        ),
        ErrorKind::ExpectedDocumentStart => (
            "expected `---` or the end of the document",
            "start every key of the document in the first column; put a line `---` between documents and after a line that starts with `%`",
        ),
        ErrorKind::MissingDocumentEndBeforeDirective
        | ErrorKind::InvalidDocumentEnd
        | ErrorKind::DuplicateVersionDirective
        | ErrorKind::DuplicateTagDirective
        | ErrorKind::InvalidDirectiveTerminator
        | ErrorKind::MissingYamlVersionSeparator
        | ErrorKind::MissingDirectiveName
        | ErrorKind::InvalidDirectiveName
        | ErrorKind::YamlVersionTooLong
        | ErrorKind::MissingYamlVersion => (
            "invalid line `%…` or `...`",
            "end a document with a line `...`, start the next with `%YAML 1.2` and `---`, or only with `---`",
        ),
        _ => ("this line cannot be read", NEAR),
    }
}

/// Whether a line has two commas with nothing between them, or a comma after a bracket that opens.
fn has_empty_item(line: &str) -> bool {
    let dense: String = line.chars().filter(|c| !c.is_whitespace()).collect();
    [",,", "[,", "{,"].iter().any(|empty| dense.contains(empty))
}

/// Whether a line opens more brackets than it closes.
fn opens_bracket(line: &str) -> bool {
    line.matches(['[', '{']).count() > line.matches([']', '}']).count()
}

/// Whether a key is indented deeper than the `key: value` above it, which already has a value.
fn is_deeper_key(line: &str, above: Option<&str>) -> bool {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let one_colon = line.matches(": ").count() + usize::from(line.trim_end().ends_with(':')) == 1;
    one_colon && above.is_some_and(|above| above.contains(": ") && indent(line) > indent(above))
}
