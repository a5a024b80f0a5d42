//! The result of a conversion: rules as documents, and what they omit.
//! Text of the original is printed only in comments and quoted values.

use serde_json::{Value, json};

const CONFIGURE: &str = "Set in flowtrigger.yaml first (for an address with credentials, use a connection in the step instead):";

/// The width of comments.
const MAX_LINE_CHARS: usize = 100;

/// The rules of one file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Conversion {
    pub rules: Vec<ConvertedRule>,
    /// What did not become part of any rule.
    pub omitted: Vec<Omission>,
}

/// One rule, and what it omits of its original.
#[derive(Debug, Clone, PartialEq)]
pub struct ConvertedRule {
    pub name: String,
    /// Its original, for people.
    pub from: String,
    pub document: Value,
    /// An example of a `when`, written as a comment above the flow.
    pub condition: Option<&'static str>,
    pub omitted: Vec<Omission>,
    /// How parts were converted, where that is not obvious.
    pub notes: Vec<String>,
    /// What the configuration must contain before the rule loads.
    pub configure: Vec<String>,
}

/// A part of the original that a rule does not reproduce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Omission {
    pub what: String,
    pub why: String,
    /// Its location in the original.
    pub at: String,
}

impl Omission {
    pub fn new(what: impl Into<String>, why: impl Into<String>, at: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            why: why.into(),
            at: at.into(),
        }
    }

    /// One line for a list.
    pub fn line(&self) -> String {
        one_line(&format!("{}: {} ({})", self.what, self.why, self.at))
    }

    pub fn to_json(&self) -> Value {
        json!({"what": self.what, "why": self.why, "at": self.at})
    }
}

impl Conversion {
    /// All omissions, rule by rule.
    pub fn all_omitted(&self) -> impl Iterator<Item = &Omission> {
        let of_rules = self.rules.iter().flat_map(|rule| &rule.omitted);
        of_rules.chain(&self.omitted)
    }
}

impl ConvertedRule {
    /// The YAML document with its comments.
    pub fn text(&self) -> String {
        let mut text = comment(&format!("From {}.", self.from));
        text += &list("Not converted:", self.omitted.iter().map(Omission::line));
        text += &list("How it was converted:", self.notes.iter().cloned());
        let configure = self.configure.iter().cloned();
        text += &list(CONFIGURE, configure);
        text + &self.yaml()
    }

    fn yaml(&self) -> String {
        let text = crate::document::writer::write(&self.document);
        match self.condition {
            // Only a key of the top level starts a line: text is quoted or indented.
            Some(condition) => text.replacen("\nflow", &format!("\n# {condition}\nflow"), 1),
            None => text,
        }
    }
}

/// What is part of no rule, as comments above the rules.
pub fn part_of_no_rule(lines: impl Iterator<Item = String>) -> String {
    list("Part of no rule:", lines)
}

fn list(title: &str, lines: impl Iterator<Item = String>) -> String {
    let lines: String = lines.map(|line| comment(&format!("  - {line}"))).collect();
    match lines.is_empty() {
        true => lines,
        false => comment(title) + &lines,
    }
}

/// Wraps a text as comment lines; continuation lines of a list item are indented.
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
        if !begins && last + word.chars().count() > MAX_LINE_CHARS {
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

/// Whether a YAML parser accepts the character and does not end the line at it.
fn is_printable(c: char) -> bool {
    let separates = matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}');
    !c.is_control() && !separates && !('\u{fff0}'..='\u{ffff}').contains(&c)
}
