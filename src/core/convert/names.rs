//! Names for rules and variables, made of titles that people wrote for people.
//! It refuses to give the same name twice, and whatever a name may not hold.

use std::collections::BTreeSet;

const LONGEST: usize = 80;

/// The names given so far.
#[derive(Debug, Default)]
pub struct Names(BTreeSet<String>);

impl Names {
    /// A name for a title that no other has; `otherwise` where nothing of the title can stand in one.
    pub fn give(&mut self, title: &str, otherwise: &str) -> String {
        let name = match slug(title, '-') {
            slug if slug.is_empty() => otherwise.to_owned(),
            slug => slug,
        };
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let mut names = std::iter::once(name.clone()).chain(numbered);
        let free = names.find(|name| !self.0.contains(name)).unwrap_or(name);
        self.0.insert(free.clone());
        free
    }
}

/// Small letters and digits, anything else as one separator.
pub fn slug(text: &str, separator: char) -> String {
    let mut slug = String::new();
    for c in text.chars() {
        match c {
            c if c.is_ascii_alphanumeric() => slug.push(c.to_ascii_lowercase()),
            _ => slug.push_str(plain(c)),
        }
        if !c.is_ascii_alphanumeric() && plain(c).is_empty() && !slug.ends_with(separator) {
            slug.push(separator);
        }
        if slug.len() >= LONGEST {
            break;
        }
    }
    slug.trim_matches(separator).to_owned()
}

/// Letters of the languages that help desks speak most, without their marks.
fn plain(c: char) -> &'static str {
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
    fn a_title_becomes_a_name_that_loads() {
        for (title, name) in [
            ("Notify Slack: urgent!", "notify-slack-urgent"),
            ("Rückruf für Größe", "rueckruf-fuer-groesse"),
            ("  --  ", "trigger-7"),
            ("東京", "trigger-7"),
            ("../../etc/passwd", "etc-passwd"),
            ("a\nname: b", "a-name-b"),
        ] {
            assert_eq!(Names::default().give(title, "trigger-7"), name, "{title}");
        }
        let long = Names::default().give(&"x".repeat(500), "trigger-1");
        assert!(long.len() <= 100, "{}", long.len());
    }

    #[test]
    fn no_name_is_given_twice() {
        let mut names = Names::default();
        let given = ["A b", "a-B", "A  b"].map(|title| names.give(title, "x"));
        assert_eq!(given, ["a-b", "a-b-2", "a-b-3"]);
    }
}
