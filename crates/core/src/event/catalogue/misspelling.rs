//! Decides whether an unlisted field is probably a misspelling of a listed one.
//! Used where events may have other fields, so that a field that is only similar is no mistake.

/// Returns the listed field that was probably meant.
pub fn of<'a>(field: &str, listed: impl Iterator<Item = &'a str>) -> Option<String> {
    let errors = |known: &str| strsim::damerau_levenshtein(known, field);
    listed
        .filter(|known| is_misspelling(field, known))
        .min_by_key(|known| errors(known))
        .map(str::to_owned)
}

/// Whether at most one segment differs much, and by few letters for its length.
fn is_misspelling(field: &str, known: &str) -> bool {
    if without_digits(field) == without_digits(known) {
        // `line_1` and `line_2` are two fields.
        return false;
    }
    if letters(field) == letters(known) {
        return true;
    }
    let (written, meant): (Vec<&str>, Vec<&str>) =
        (field.split('.').collect(), known.split('.').collect());
    if written.len() != meant.len() {
        return false;
    }
    let mut segments = written.into_iter().zip(meant);
    segments.all(|(written, meant)| {
        strsim::damerau_levenshtein(written, meant) <= allowed_errors(written, meant)
    })
}

fn allowed_errors(written: &str, meant: &str) -> usize {
    let shorter = written.chars().count().min(meant.chars().count());
    match shorter {
        0..3 => 0,
        3..8 => 1,
        _ => 2,
    }
}

fn without_digits(field: &str) -> String {
    field.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// Whether a name differs from one of the known ones by at most one letter, whatever their case, blanks and
/// punctuation.
pub fn is_near<'a>(name: &str, mut known: impl Iterator<Item = &'a str>) -> bool {
    let plain = |name: &str| letters(name).replace('.', "");
    let name = plain(name);
    known.any(|known| strsim::damerau_levenshtein(&plain(known), &name) <= 1)
}

/// The letters and digits in lower case: `customField` and `custom_field` are the same.
fn letters(field: &str) -> String {
    let letters = field.chars().filter(|c| c.is_alphanumeric() || *c == '.');
    letters.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_is_a_misspelling_and_another_word_is_not() {
        let listed = [
            "current",
            "previous",
            "user.id",
            "user.role",
            "user.line_1",
            "tags_added",
        ];
        for (field, meant) in [
            ("currnt", Some("current")),
            ("previuos", Some("previous")),
            ("usr.id", Some("user.id")),
            ("user.rol", Some("user.role")),
            ("user.Role", Some("user.role")),
            ("tagsAdded", Some("tags_added")),
            ("user.line_2", None),
            ("user.ip", None),
            ("user.name", None),
            ("role", None),
            ("currency", None),
            ("user.role.name", None),
        ] {
            assert_eq!(of(field, listed.into_iter()).as_deref(), meant, "{field}");
        }
    }
}
