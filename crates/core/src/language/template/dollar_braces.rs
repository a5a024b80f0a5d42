//! Reports `${ticket.id}`, which other languages replace and a template sends as it is.

use std::ops::Range;

use crate::diagnostic::{Code, Report};
use crate::language::event_fields::FieldCheck;
use crate::language::resolver::NameResolver;
use crate::language::template::location::TextLocation;
use crate::path::Path;

/// One `${…}` of a text with a dotted name. A name without a dot is a variable of a shell too.
struct DollarBraces {
    whole: Range<usize>,
    name: Range<usize>,
}

/// Reports the first one that names a known field; whether there is none.
pub fn check(text: &str, location: &TextLocation<'_>, names: &mut NameResolver<'_>) -> bool {
    if names.diagnostics.is_of_stored_rules() {
        return true;
    }
    let mut found = find_all(text).into_iter();
    let Some(found) = found.find(|found| is_known(&text[found.name.clone()], names)) else {
        return true;
    };
    let name = &text[found.name];
    let message = format!("`${{{name}}}` is sent as it is");
    let help = format!("write `{{{{ {name} }}}}`");
    let at = location.span(&found.whole);
    names.error(Code::BadTemplate, at, message, &help);
    false
}

fn find_all(text: &str) -> Vec<DollarBraces> {
    let opened = text.match_indices("${").filter_map(|(open, _)| {
        let start = open + 2;
        let length = text[start..].find('}')?;
        let name = &text[start..start + length];
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
        let is_dotted = name.contains('.') && name.chars().all(is_name);
        is_dotted.then_some(DollarBraces {
            whole: open..start + length + 1,
            name: start..start + length,
        })
    });
    opened.collect()
}

/// Whether events have the field.
fn is_known(name: &str, names: &NameResolver<'_>) -> bool {
    let path = Path::parse(name);
    path.is_ok_and(|path| matches!(names.types_at(&path), FieldCheck::Known(_)))
}
