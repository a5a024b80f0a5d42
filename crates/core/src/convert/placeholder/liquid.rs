//! Converts Liquid tags (`{% if %}`, `{% unless %}`, `{% for %}`) to statements of templates.
//! Only tags with the same meaning in both languages are converted; others are an error with its reason.

use crate::convert::placeholder::TemplateWriter;
use crate::convert::placeholder::desk_value::CommentSelection;
use crate::convert::placeholder::expression::{TypeContext, with_filters};
use crate::convert::placeholder::record::DeskRecord;

const UNBALANCED: &str = "its Liquid tags do not start and end in the same text";
const MIXED: &str = "Liquid reads `and` and `or` in one condition from right to left; write the condition with brackets";

/// The Liquid blocks that are open, outermost first.
#[derive(Debug, Default)]
pub(super) struct LiquidBlocks(Vec<LiquidBlock>);

#[derive(Debug)]
struct LiquidBlock {
    /// The tag that ends it.
    end: &'static str,
    /// The variable of a loop in the payload.
    variable: Option<String>,
}

impl LiquidBlocks {
    /// The name of a loop's variable in the template, and the attribute that the placeholder reads of it.
    pub(super) fn loop_variable<'n>(&self, name: &'n str) -> Option<(String, &'n str)> {
        let (first, attribute) = name.split_once('.')?;
        let mut open = self.0.iter().rev();
        let variable = open.find_map(|block| block.variable.as_deref().filter(|v| *v == first))?;
        Some((local(variable), attribute))
    }

    /// Checks that no block is open at the end of a text.
    pub(super) fn close(&mut self) -> Result<(), String> {
        match std::mem::take(&mut self.0).is_empty() {
            true => Ok(()),
            false => Err(UNBALANCED.into()),
        }
    }

    fn open(&mut self, end: &'static str, variable: Option<String>) {
        self.0.push(LiquidBlock { end, variable });
    }

    fn end(&mut self, tag: &str) -> Result<(), String> {
        match self.0.pop() {
            Some(block) if block.end == tag => Ok(()),
            Some(_) | None => Err(UNBALANCED.into()),
        }
    }
}

/// The name of a loop's variable in the template, where no other name can hide it.
fn local(variable: &str) -> String {
    format!("{variable}_item")
}

impl TemplateWriter<'_> {
    /// The statement for the text between `{%` and `%}`.
    pub(super) fn tag(&mut self, inside: &str) -> Result<String, String> {
        let (left, right) = (inside.starts_with('-'), inside.ends_with('-'));
        let plain = inside.trim_matches('-').trim();
        let (name, rest) = plain.split_once(char::is_whitespace).unwrap_or((plain, ""));
        let rest = rest.trim();
        let statement = match name {
            "if" => {
                let condition = self.condition(rest)?;
                self.blocks.open("endif", None);
                format!("if {condition}")
            }
            "unless" => {
                let condition = self.condition(rest)?;
                self.blocks.open("endunless", None);
                format!("if not ({condition})")
            }
            "elsif" => format!("elif {}", self.condition(rest)?),
            "else" => "else".into(),
            "for" => self.for_loop(rest)?,
            "endif" | "endunless" | "endfor" => {
                self.blocks.end(name)?;
                match name {
                    "endfor" => "endfor".into(),
                    _ => "endif".into(),
                }
            }
            _ => return Err(format!("the Liquid tag `{name}` has no counterpart here")),
        };
        let dash = |trims: bool| if trims { "-" } else { "" };
        Ok(format!("{{%{} {statement} {}%}}", dash(left), dash(right)))
    }

    fn for_loop(&mut self, rest: &str) -> Result<String, String> {
        let unsupported = || format!("the loop `for {rest}` has no counterpart here");
        let mut words = rest.split_whitespace();
        let (variable, within, list) = (words.next(), words.next(), words.next());
        let (Some(variable), Some("in"), Some(list)) = (variable, within, list) else {
            return Err(unsupported());
        };
        let selection = match list {
            "ticket.comments" => CommentSelection::All,
            "ticket.public_comments" => CommentSelection::Public,
            _ => return Err(unsupported()),
        };
        let identifier = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !variable.chars().all(identifier) || self.reading.written.comment {
            return Err(unsupported());
        }
        let limits: String = words.collect();
        let limit = match limits.as_str() {
            "" => None,
            limits => {
                let number = limits.strip_prefix("limit:").map(str::parse::<usize>);
                Some(number.and_then(Result::ok).ok_or_else(unsupported)?)
            }
        };
        self.records.insert(DeskRecord::Comments);
        let comments = selection.list();
        let comments = match limit {
            None => comments,
            Some(limit) => format!("({comments} | list)[:{limit}]"),
        };
        self.blocks.open("endfor", Some(variable.to_owned()));
        Ok(format!("for {} in {comments}", local(variable)))
    }

    fn condition(&mut self, text: &str) -> Result<String, String> {
        let words = words(text).ok_or_else(|| format!("the condition `{text}` is not complete"))?;
        let has = |word: &str| words.iter().any(|found| found == word);
        let joint = match (has("and"), has("or")) {
            (true, true) => return Err(MIXED.into()),
            (false, true) => "or",
            (_, false) => "and",
        };
        let parts = words.split(|word| word == joint);
        let parts: Result<Vec<String>, String> = parts.map(|part| self.comparison(part)).collect();
        Ok(parts?.join(&format!(" {joint} ")))
    }

    fn comparison(&mut self, words: &[String]) -> Result<String, String> {
        let unsupported = || {
            let text = words.join(" ");
            format!("the condition `{text}` has no counterpart here")
        };
        let (left, operator, right) = match words {
            [left] => return Ok(self.value(left)?.exists()),
            [left, operator, right] => (left, operator.as_str(), right.as_str()),
            _ => return Err(unsupported()),
        };
        let value = self.value(left)?;
        let operator = match operator {
            "==" => "==",
            "!=" | "<>" => "!=",
            "contains" => "in",
            _ => return Err(unsupported()),
        };
        if matches!(right, "nil" | "null") {
            return match operator {
                "==" => Ok(format!("not ({})", value.exists())),
                "!=" => Ok(value.exists()),
                _ => Err(unsupported()),
            };
        }
        let right = match right {
            "blank" | "empty" => "''".to_owned(),
            literal => literal_argument(literal).ok_or_else(unsupported)?,
        };
        let left = with_filters(value, &[], TypeContext::Text)?;
        Ok(match operator {
            "in" => format!("{right} in ({left} | string)"),
            operator => format!("({left}) {operator} {right}"),
        })
    }
}

/// The words of a condition; a quoted text is one word. `None` if a quote is not closed.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' | '\'' => rest[1..].find(first)? + 2,
            _ => {
                let length = rest.find([' ', '\t', '\n', '\r', '=', '!', '<', '>', '"', '\'']);
                match length {
                    Some(0) => rest.find(|c| !matches!(c, '=' | '!' | '<' | '>')),
                    length => length,
                }
                .unwrap_or(rest.len())
            }
        };
        words.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    (!words.is_empty()).then_some(words)
}

/// The literal of a template for one of Liquid: a quoted text, a number, `true` or `false`.
pub(super) fn literal_argument(text: &str) -> Option<String> {
    let quoted = ['"', '\''].iter().find_map(|quote| {
        let inside = text.strip_prefix(*quote)?.strip_suffix(*quote)?;
        (!inside.contains(*quote)).then_some(inside)
    });
    if let Some(inside) = quoted {
        let escaped = inside.replace('\\', "\\\\").replace('\'', "\\'");
        return Some(format!("'{escaped}'"));
    }
    let number = text.parse::<i64>().is_ok();
    (number || matches!(text, "true" | "false")).then(|| text.to_owned())
}
