//! Shows diagnostics of rules: what is wrong, where, the source line, and what to write instead.

use maud::{Markup, html};

use crate::page::part::prose::prose;
use crate::page::text::text;
use crate::report::render::diagnostics::{Excerpt, excerpt, first_to_show, grouped};
use flowtrigger_core::diagnostic::{Diagnostic, Diagnostics, Files, Severity};

/// The diagnostics in the order of their places, the first of many.
pub fn diagnostic_list(files: &Files, diagnostics: &Diagnostics) -> Markup {
    let (shown, more) = first_to_show(diagnostics.sorted());
    html! {
        ul class="stack" {
            @for diagnostic in &shown { li { (item(files, diagnostic)) } }
            @if more > 0 { li class="mu" { (grouped(more)) " more, not shown" } }
        }
    }
}

fn item(files: &Files, diagnostic: &Diagnostic) -> Markup {
    let class = match diagnostic.severity {
        Severity::Error => "vd fail",
        Severity::Warning => "vd missing",
    };
    let kind = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    html! {
        p {
            span class=(class) { (kind) } " " (prose(&diagnostic.message))
            " " span class="m xs mu" { (text(&files.location(diagnostic.at))) " " (diagnostic.code.to_string()) }
        }
        @if let Some(excerpt) = excerpt(files, diagnostic) { (source_line(&excerpt)) }
        @if let Some(help) = &diagnostic.help { p class="mu" { (prose(help)) } }
    }
}

fn source_line(excerpt: &Excerpt<'_>) -> Markup {
    let Excerpt { line, span, .. } = excerpt;
    html! {
        pre class="code" {
            (text(&line[..span.start]))
            @if span.is_empty() { mark { " " } } @else { mark { (text(&line[span.clone()])) } }
            (text(&line[span.end..]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowtrigger_core::diagnostic::{Code, Span};

    fn shown(text: &str, code: Code, start: usize, len: usize) -> String {
        let mut files = Files::default();
        let file = files.add("rules/a.yaml", text);
        let at = Span {
            file,
            line: 1,
            column: 1,
            start: u32::try_from(start).unwrap(),
            len: u32::try_from(len).unwrap(),
        };
        let mut diagnostics = Diagnostics::default();
        diagnostics.push(Diagnostic::error(code, at, "unknown key `<nmae>`").help("write `name`"));
        diagnostic_list(&files, &diagnostics).into_string()
    }

    #[test]
    fn a_diagnostic_marks_the_place_in_its_line() {
        let html = shown("<nmae>: x\n", Code::UnknownKey, 0, 6);
        for part in [
            "<code><bdi>&lt;nmae&gt;</bdi></code>",
            "<mark><bdi>&lt;nmae&gt;</bdi></mark><bdi>: x</bdi>",
            "rules/a.yaml:1:1",
            "unknown-key",
            "<code><bdi>name</bdi></code>",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
    }

    #[test]
    fn the_line_of_a_secret_is_not_shown() {
        let html = shown("token: hunter2\n", Code::SecretInFile, 7, 7);
        assert!(!html.contains("hunter2"), "{html}");
        assert!(html.contains("rules/a.yaml:1:1"), "{html}");
    }

    #[test]
    fn a_place_at_the_end_of_a_line_is_marked() {
        let html = shown("name:\n", Code::MissingKey, 5, 0);
        assert!(html.contains("<mark> </mark>"), "{html}");
    }
}
