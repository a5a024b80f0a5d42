//! Makes unique rule names, and variable names, from titles.

use std::collections::BTreeSet;

const MAX_NAME_CHARS: usize = 80;

/// Gives each rule a name that no earlier rule has.
#[derive(Debug, Default)]
pub struct NameAllocator(BTreeSet<String>);

impl NameAllocator {
    /// A unique name for a title; `default` replaces a title without letters or digits.
    pub fn allocate(&mut self, title: &str, default: &str) -> String {
        let name = match slug(title, '-') {
            slug if slug.is_empty() => default.to_owned(),
            slug => slug,
        };
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let mut names = std::iter::once(name.clone()).chain(numbered);
        let free = names.find(|name| !self.0.contains(name)).unwrap_or(name);
        self.0.insert(free.clone());
        free
    }
}

/// Lower-case letters and digits; other characters become one separator.
pub fn slug(text: &str, separator: char) -> String {
    let mut slug = String::new();
    for c in text.chars() {
        match c {
            c if c.is_ascii_alphanumeric() => slug.push(c.to_ascii_lowercase()),
            _ => slug.push_str(to_ascii(c)),
        }
        if !c.is_ascii_alphanumeric() && to_ascii(c).is_empty() && !slug.ends_with(separator) {
            slug.push(separator);
        }
        if slug.len() >= MAX_NAME_CHARS {
            break;
        }
    }
    slug.trim_matches(separator).to_owned()
}

/// Common accented letters in ASCII.
fn to_ascii(c: char) -> &'static str {
    match c {
        'ä' | 'Ä' => "ae",
        'ö' | 'Ö' => "oe",
        'ü' | 'Ü' => "ue",
        'ß' => "ss",
        'à' | 'á' | 'â' | 'ã' | 'å' | 'À' | 'Á' | 'Â' | 'Ã' | 'Å' => "a",
        'ç' | 'Ç' => "c",
        'è' | 'é' | 'ê' | 'ë' | 'È' | 'É' | 'Ê' | 'Ë' => "e",
        'ì' | 'í' | 'î' | 'ï' | 'Ì' | 'Í' | 'Î' | 'Ï' => "i",
        'ñ' | 'Ñ' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ø' | 'Ò' | 'Ó' | 'Ô' | 'Õ' | 'Ø' => "o",
        'ù' | 'ú' | 'û' | 'Ù' | 'Ú' | 'Û' => "u",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_becomes_a_valid_name() {
        for (title, name) in [
            ("Notify Slack: urgent!", "notify-slack-urgent"),
            ("Rückruf für Größe", "rueckruf-fuer-groesse"),
            ("  --  ", "trigger-7"),
            ("東京", "trigger-7"),
            ("../../etc/passwd", "etc-passwd"),
            ("a\nname: b", "a-name-b"),
        ] {
            assert_eq!(
                NameAllocator::default().allocate(title, "trigger-7"),
                name,
                "{title}"
            );
        }
        let long = NameAllocator::default().allocate(&"x".repeat(500), "trigger-1");
        assert!(long.len() <= 100, "{}", long.len());
    }

    #[test]
    fn names_are_unique() {
        let mut names = NameAllocator::default();
        let unique = ["A b", "a-B", "A  b"].map(|title| names.allocate(title, "x"));
        assert_eq!(unique, ["a-b", "a-b-2", "a-b-3"]);
    }
}
