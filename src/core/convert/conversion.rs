//! What a conversion gives: rules as documents, and all that they do not carry over.
//! It refuses to print a word of the original where it could become more than a comment.

use serde_json::{Value, json};

use crate::core::rule::document;

const CONFIGURE: &str = "To be set in flowtrigger.yaml before it loads (where there are credentials, name a connection in the step instead):";

/// How wide comments are.
const WIDTH: usize = 100;

/// The rules of one file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Conversion {
    pub rules: Vec<Converted>,
    /// What led to no rule at all.
    pub left: Vec<Left>,
}

/// One rule, and what its original had beside.
#[derive(Debug, Clone, PartialEq)]
pub struct Converted {
    pub name: String,
    /// What it was made of, in words.
    pub from: String,
    pub document: Value,
    /// An example of a `when`, written as a comment before the flow.
    pub condition: Option<&'static str>,
    pub left: Vec<Left>,
    /// How something was carried over, where that is not plain.
    pub notes: Vec<String>,
    /// What the configuration must have before the rule loads.
    pub configure: Vec<String>,
}

/// Something that was not carried over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    pub what: String,
    pub why: String,
    /// Its place in the original.
    pub at: String,
}

impl Left {
    pub fn new(what: impl Into<String>, why: impl Into<String>, at: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            why: why.into(),
            at: at.into(),
        }
    }

    /// On one line, for a list.
    pub fn line(&self) -> String {
        one_line(&format!("{}: {} ({})", self.what, self.why, self.at))
    }

    pub fn to_json(&self) -> Value {
        json!({"what": self.what, "why": self.why, "at": self.at})
    }
}

impl Conversion {
    /// Everything that was not carried over, rule by rule.
    pub fn all_left(&self) -> impl Iterator<Item = &Left> {
        let of_rules = self.rules.iter().flat_map(|rule| &rule.left);
        of_rules.chain(&self.left)
    }
}

impl Converted {
    /// The document with its comments, ready for a file of its own.
    pub fn text(&self) -> String {
        let mut text = comment(&format!("From {}.", self.from));
        text += &list("Not carried over:", self.left.iter().map(Left::line));
        text += &list("How it was carried over:", self.notes.iter().cloned());
        let configure = self.configure.iter().cloned();
        text += &list(CONFIGURE, configure);
        text + &self.yaml()
    }

    fn yaml(&self) -> String {
        let text = document::write(&self.document);
        match self.condition {
            // Only the key of the document itself begins a line: texts are quoted or indented.
            Some(condition) => text.replacen("\nflow", &format!("\n# {condition}\nflow"), 1),
            None => text,
        }
    }
}

/// What led to no rule, as comments above the rules.
pub fn no_rules(lines: impl Iterator<Item = String>) -> String {
    list("Led to no rule:", lines)
}

fn list(title: &str, lines: impl Iterator<Item = String>) -> String {
    let lines: String = lines.map(|line| comment(&format!("  - {line}"))).collect();
    match lines.is_empty() {
        true => lines,
        false => comment(title) + &lines,
    }
}

/// Lines of comment, whatever stands in the text; what hangs over stands below its first word.
fn comment(text: &str) -> String {
    let text = one_line(text);
    let indent = match text.trim_start().starts_with("- ") {
        true => text.len() - text.trim_start().len() + 2,
        false => 0,
    };
    let mut lines = vec![format!(
        "# {}",
        &text[..text.len() - text.trim_start().len()]
    )];
    for word in text.split_whitespace() {
        let last = lines.last().map_or(0, |line| line.chars().count());
        let begins = last <= 2 + indent;
        if !begins && last + word.chars().count() > WIDTH {
            lines.push(format!("# {}", " ".repeat(indent)));
        }
        if let Some(line) = lines.last_mut() {
            if !line.ends_with(' ') {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n") + "\n"
}

fn one_line(text: &str) -> String {
    let plain = |c: char| if is_printable(c) { c } else { ' ' };
    text.chars().map(plain).collect()
}

/// Whether a character is no line break or control character to a YAML parser.
fn is_printable(c: char) -> bool {
    let separates = matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}');
    !c.is_control() && !separates && !('\u{fff0}'..='\u{ffff}').contains(&c)
}
