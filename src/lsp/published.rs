//! Problems as a client shows them: with ranges in its units, and with the locations that a help text names.

use std::path::Path;

use lsp_types::{
    Diagnostic as ShownDiagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, Location,
    NumberOrString, Position, Range,
};

use super::file_uri;
use super::position::IndexedText;
use flowtrigger_core::diagnostic::{Diagnostic, Severity};

/// The name of the server in lists of problems.
pub const SOURCE: &str = "flowtrigger";

/// Converts a problem. Paths in its texts become relative to the root, as the command `check` prints them there.
pub fn shown(found: &Diagnostic, text: &IndexedText<'_>, root: &Path) -> ShownDiagnostic {
    let message = relative(&found.message, root);
    let help = found.help.as_deref().map(|help| relative(help, root));
    let related = help.as_deref().and_then(|help| related(help, root));
    ShownDiagnostic {
        range: text.range_of(found.at),
        severity: Some(match found.severity {
            Severity::Error => DiagnosticSeverity::ERROR,
            Severity::Warning => DiagnosticSeverity::WARNING,
        }),
        code: Some(NumberOrString::String(found.code.to_string())),
        source: Some(SOURCE.to_owned()),
        message: match help {
            Some(help) => format!("{message}\nhelp: {help}"),
            None => message,
        },
        related_information: related.map(|related| vec![related]),
        ..ShownDiagnostic::default()
    }
}

fn relative(text: &str, root: &Path) -> String {
    text.replace(&format!("{}/", root.display()), "")
}

/// The location in a help text such as `the first one is at rules/a.yaml:3:7; names are unique`.
fn related(help: &str, root: &Path) -> Option<DiagnosticRelatedInformation> {
    let (before, after) = help.split_once(" is at ")?;
    let written = after.split("; ").next()?;
    let mut parts = written.rsplitn(3, ':');
    let column: u32 = parts.next()?.parse().ok()?;
    let line: u32 = parts.next()?.parse().ok()?;
    let uri = file_uri::uri(&root.join(parts.next()?))?;
    let at = Position::new(line.saturating_sub(1), column.saturating_sub(1));
    Some(DiagnosticRelatedInformation {
        location: Location::new(uri, Range::new(at, at)),
        message: before.to_owned() + " is here",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_in_a_help_text_is_related() {
        let help = "the first one is at rules/a b.yaml:3:7; names are unique across all files";
        let found = related(help, Path::new("/w")).expect("a location");
        assert_eq!(found.message, "the first one is here");
        assert_eq!(found.location.uri.as_str(), "file:///w/rules/a%20b.yaml");
        assert_eq!(found.location.range.start, Position::new(2, 6));
        assert!(related("remove one of them", Path::new("/w")).is_none());
    }

    #[test]
    fn paths_are_relative_to_the_root() {
        let text = relative("the first one is at /w/rules/a.yaml:3:7", Path::new("/w"));
        assert_eq!(text, "the first one is at rules/a.yaml:3:7");
    }
}
