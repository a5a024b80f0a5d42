//! Formats diagnostics as text, with source line and caret, and as JSON.
//! Every position is accepted: one past the end of the text points to the end.

use std::io::{self, Write};
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::report::output::Output;
use crate::report::render::escape::plain;
use flowtrigger_core::diagnostic::{Code, Diagnostic, Diagnostics, Files, Severity, Span};

/// The maximum number of bytes of a line before and after the location. A generated file may be one line
/// of megabytes.
const MAX_AROUND: usize = 1_000;

/// The maximum number of printed diagnostics. A bug in a generator repeats the same mistake in every rule.
const MAX_SHOWN: usize = 100;

/// Prints the diagnostics with their source lines.
pub fn text(out: &mut Output, files: &Files, diagnostics: &Diagnostics) -> io::Result<()> {
    let renderer = match out.color {
        true => Renderer::styled(),
        false => Renderer::plain(),
    };
    let renderer = renderer.term_width(out.width);
    let (shown, more) = first_to_show(diagnostics.sorted());
    for diagnostic in shown {
        let rendered = renderer.render(&[report(files, &diagnostic)]);
        writeln!(out, "{rendered}\n")?;
    }
    match more {
        0 => Ok(()),
        more => {
            let more = grouped(more);
            let help = "`flowtrigger check --format json` prints all of them";
            writeln!(out, "{more} more, not shown; {help}\n")
        }
    }
}

/// The diagnostics with their source lines, as a text without colour.
pub fn plain_text(files: &Files, diagnostics: &Diagnostics) -> String {
    let renderer = Renderer::plain();
    let (shown, more) = first_to_show(diagnostics.sorted());
    let rendered = shown
        .iter()
        .map(|diagnostic| renderer.render(&[report(files, diagnostic)]).to_string());
    let mut parts: Vec<String> = rendered.collect();
    if more > 0 {
        parts.push(format!("{} more, not shown", grouped(more)));
    }
    parts.join("\n\n")
}

/// The first diagnostics in order, errors before warnings if not all fit, and the number of the omitted ones.
pub fn first_to_show(mut found: Vec<Diagnostic>) -> (Vec<Diagnostic>, usize) {
    let more = found.len().saturating_sub(MAX_SHOWN);
    if more == 0 {
        return (found, 0);
    }
    let is_error = |found: &Diagnostic| found.severity == Severity::Error;
    let errors = found.iter().filter(|found| is_error(found)).count();
    let mut free = [MAX_SHOWN.min(errors), MAX_SHOWN.saturating_sub(errors)];
    found.retain(|found| {
        let free = &mut free[usize::from(!is_error(found))];
        let fits = *free > 0;
        *free = free.saturating_sub(1);
        fits
    });
    (found, more)
}

/// `3 errors, 1 warning`. Empty text for no diagnostics is up to the caller.
pub fn counted(diagnostics: &Diagnostics) -> String {
    let (errors, warnings) = (diagnostics.errors(), diagnostics.warnings());
    match (errors, warnings) {
        (errors, 0) => number(errors, "error"),
        (0, warnings) => number(warnings, "warning"),
        (errors, warnings) => {
            let errors = number(errors, "error");
            format!("{errors}, {}", number(warnings, "warning"))
        }
    }
}

/// `1 rule`, `2 rules`, `100,000 rules`.
pub fn number(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{} {noun}s", grouped(count)),
    }
}

/// `100,000`.
pub fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The source line of a diagnostic. `None` if it has no line, or if the line holds a secret.
pub fn excerpt<'a>(files: &'a Files, diagnostic: &Diagnostic) -> Option<Excerpt<'a>> {
    let file = files.get(diagnostic.at.file)?;
    match diagnostic.code == Code::SecretInFile {
        true => None,
        false => Excerpt::new(&file.text, diagnostic.at),
    }
}

fn report<'a>(files: &'a Files, diagnostic: &'a Diagnostic) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level
        .primary_title(plain(&diagnostic.message))
        .id(diagnostic.code.to_string());
    let group = Group::with_title(title);
    let at = diagnostic.at;
    let group = match diagnostic.code == Code::SecretInFile {
        true => group.element(
            Origin::path(plain(files.name(at.file)))
                .line(at.line as usize)
                .char_column(at.column as usize),
        ),
        false => with_location(group, files, at),
    };
    match &diagnostic.help {
        Some(help) => group.element(Level::HELP.message(plain(help))),
        None => group,
    }
}

/// Adds `file:line:column` and the source line, if there is a text.
fn with_location<'a>(group: Group<'a>, files: &'a Files, at: Span) -> Group<'a> {
    let name = plain(files.name(at.file));
    let Some(excerpt) = files
        .get(at.file)
        .and_then(|file| Excerpt::new(&file.text, at))
    else {
        return group.element(Origin::path(name));
    };
    let line = at.line as usize;
    let snippet = Snippet::source(excerpt.line)
        .line_start(line)
        .annotation(AnnotationKind::Primary.span(excerpt.span));
    match excerpt.start {
        ExcerptStart::OfLine => group.element(snippet.path(name)),
        // The renderer cannot compute the column of a cut line.
        ExcerptStart::Within => group
            .element(
                Origin::path(name)
                    .line(line)
                    .char_column(at.column.max(1) as usize),
            )
            .element(snippet),
    }
}

/// The source line of a span, and the span within it.
#[derive(Debug, PartialEq)]
pub struct Excerpt<'a> {
    pub line: &'a str,
    pub span: Range<usize>,
    start: ExcerptStart,
}

#[derive(Debug, PartialEq, Eq)]
enum ExcerptStart {
    OfLine,
    Within,
}

impl<'a> Excerpt<'a> {
    /// Returns `None` for a span without a line, such as that of a missing file.
    fn new(text: &'a str, at: Span) -> Option<Self> {
        // Positions do not count a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if at.line == 0 || text.is_empty() {
            return None;
        }
        let start = floor(text, at.start as usize);
        let first = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let rest = &text[start..];
        let newline = rest.find('\n').map_or(text.len(), |at| start + at);
        let last = start.max(first + text[first..newline].trim_end().len());
        let left = first.max(floor(text, start.saturating_sub(MAX_AROUND)));
        let right = floor(text, last.min(start + MAX_AROUND));
        let end = floor(text, start.saturating_add(at.len as usize));
        Some(Self {
            line: &text[left..right],
            span: start - left..end.clamp(start, right) - left,
            start: match left == first {
                true => ExcerptStart::OfLine,
                false => ExcerptStart::Within,
            },
        })
    }
}

/// The last character boundary at or before a byte.
fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowtrigger_core::diagnostic::Code;
    use flowtrigger_core::document;

    fn rendered(text: &str, at: (u32, u32, usize, usize)) -> String {
        let mut files = Files::default();
        let file = files.add("rules/a.yaml", text);
        let at = Span {
            file,
            line: at.0,
            column: at.1,
            start: u32::try_from(at.2).unwrap(),
            len: u32::try_from(at.3).unwrap(),
        };
        let mut diagnostics = Diagnostics::default();
        diagnostics.push(
            Diagnostic::error(Code::UnknownKey, at, "unknown key `nmae` in a rule")
                .help("did you mean `name`?"),
        );
        let (mut out, written) = Output::captured();
        super::text(&mut out, &files, &diagnostics).unwrap();
        written.text()
    }

    #[test]
    fn a_diagnostic_shows_its_line_with_a_caret_and_help() {
        assert_eq!(
            rendered("# a rule\nnmae: x\nflow: []\n", (2, 1, 9, 4)),
            "\
error[unknown-key]: unknown key `nmae` in a rule
 --> rules/a.yaml:2:1
  |
2 | nmae: x
  | ^^^^
  |
  = help: did you mean `name`?

"
        );
    }

    #[test]
    fn a_file_without_text_is_named_alone() {
        assert_eq!(
            rendered("", (1, 1, 0, 0)),
            "\
error[unknown-key]: unknown key `nmae` in a rule
--> rules/a.yaml
 = help: did you mean `name`?

"
        );
    }

    #[test]
    fn every_position_is_accepted() {
        for text in [
            "",
            "\n",
            "a",
            "a\n",
            "a\r\n",
            "é",
            "\u{feff}",
            "\u{feff}é: 1",
        ] {
            for start in 0..=text.len() + 2 {
                for len in [0, 1, 7, u32::MAX as usize] {
                    for line in [0, 1, 9] {
                        let text = rendered(text, (line, 1, start, len));
                        assert!(text.contains("rules/a.yaml"), "{text}");
                    }
                }
            }
        }
    }

    /// Asserts that the first caret is below the text that it points to.
    fn assert_caret_is_under(rendered: &str, word: &str) {
        use unicode_width::UnicodeWidthStr;
        let lines: Vec<&str> = rendered.lines().collect();
        let caret = lines.iter().position(|l| l.contains('^')).unwrap();
        let before = |line: &str, what: &str| line.find(what).map(|at| line[..at].width());
        let (above, below) = (before(lines[caret - 1], word), before(lines[caret], "^"));
        assert!(above.is_some() && above == below, "{rendered}");
    }

    #[test]
    fn tabs_and_wide_characters_do_not_misplace_the_caret() {
        for text in [
            "\t- wrong: 1",
            "- {a: 🎫 票, wrong: 1}",
            "- {é: \tü, wrong: 1}",
        ] {
            let start = text.find("wrong").unwrap();
            let column = text[..start].chars().count() + 1;
            let rendered = rendered(text, (1, u32::try_from(column).unwrap(), start, 5));
            assert_caret_is_under(&rendered, "wrong");
            assert!(
                rendered.contains(&format!("a.yaml:1:{column}\n")),
                "{rendered}"
            );
        }
    }

    #[test]
    fn a_long_line_is_cut_around_the_location() {
        for pad in [200, 100_000] {
            let text = format!("{}wrong{}", "é".repeat(pad), "x".repeat(pad));
            let column = u32::try_from(pad).unwrap() + 1;
            let rendered = rendered(&text, (1, column, 2 * pad, 5));
            assert_caret_is_under(&rendered, "wrong");
            assert!(
                rendered.contains(&format!("a.yaml:1:{column}\n")),
                "{rendered}"
            );
            let longest = rendered.lines().map(|l| l.chars().count()).max();
            assert!(longest <= Some(110), "{rendered}");
        }
    }

    #[test]
    fn a_byte_order_mark_does_not_shift_the_location() {
        let text = "\u{feff}a: 1\na: 2\n";
        let mut files = Files::default();
        let file = files.add("a.yaml", text);
        let mut diagnostics = Diagnostics::default();
        document::read(file, text, &mut diagnostics);
        let (mut out, written) = Output::captured();
        super::text(&mut out, &files, &diagnostics).unwrap();
        assert_caret_is_under(&written.text(), "a: 2");
    }

    #[test]
    fn json_has_the_same_fields_as_text() {
        let mut files = Files::default();
        let file = files.add("a.yaml", "x");
        let at = Span {
            file,
            line: 1,
            column: 1,
            start: 0,
            len: 1,
        };
        let mut diagnostics = Diagnostics::default();
        diagnostics.push(Diagnostic::warning(Code::UnsetSecret, at, "not set"));
        assert_eq!(
            diagnostics.to_json(&files),
            serde_json::json!([{
                "code": "unset-secret", "severity": "warning", "file": "a.yaml",
                "line": 1, "column": 1, "message": "not set", "help": null,
            }])
        );
        assert_eq!(counted(&diagnostics), "1 warning");
    }
}
