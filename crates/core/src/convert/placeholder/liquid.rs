//! Converts Liquid tags (`{% if %}`, `{% unless %}`, `{% case %}`, `{% for %}`) to statements of templates.
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
enum LiquidBlock {
    If,
    Unless,
    /// The variable of the loop in the payload.
    For(String),
    /// The value that the branches compare, and the number of branches so far.
    Case {
        value: String,
        branches: usize,
    },
}

impl LiquidBlock {
    /// The tag that ends it.
    fn end(&self) -> &'static str {
        match self {
            LiquidBlock::If => "endif",
            LiquidBlock::Unless => "endunless",
            LiquidBlock::For(_) => "endfor",
            LiquidBlock::Case { .. } => "endcase",
        }
    }
}

impl LiquidBlocks {
    /// The name of a loop's variable in the template, and the attribute that the placeholder reads of it.
    pub(super) fn loop_variable<'n>(&self, name: &'n str) -> Option<(String, &'n str)> {
        let (first, attribute) = name.split_once('.')?;
        let mut open = self.0.iter().rev();
        let is_open = |block: &LiquidBlock| match block {
            LiquidBlock::For(variable) => variable == first,
            LiquidBlock::If | LiquidBlock::Unless | LiquidBlock::Case { .. } => false,
        };
        open.any(is_open).then(|| (local(first), attribute))
    }

    /// Whether Liquid discards the text here: between `case` and its first `when`.
    pub(super) fn discards_text(&self) -> bool {
        matches!(self.0.last(), Some(LiquidBlock::Case { branches: 0, .. }))
    }

    /// Checks that no block is open at the end of a text.
    pub(super) fn close(&mut self) -> Result<(), String> {
        match std::mem::take(&mut self.0).is_empty() {
            true => Ok(()),
            false => Err(UNBALANCED.into()),
        }
    }

    /// The statement that ends the innermost block.
    fn end(&mut self, tag: &str) -> Result<&'static str, String> {
        match self.0.pop() {
            Some(block) if block.end() == tag => Ok(match block {
                LiquidBlock::For(_) => "endfor",
                LiquidBlock::Case { branches: 0, .. } => "",
                LiquidBlock::If | LiquidBlock::Unless | LiquidBlock::Case { .. } => "endif",
            }),
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
                self.blocks.0.push(LiquidBlock::If);
                format!("if {condition}")
            }
            "unless" => {
                let condition = self.condition(rest)?;
                self.blocks.0.push(LiquidBlock::Unless);
                format!("if not ({condition})")
            }
            "case" => {
                let value = self.value(rest)?;
                let value = with_filters(value, &[], TypeContext::Text)?;
                self.blocks.0.push(LiquidBlock::Case { value, branches: 0 });
                String::new()
            }
            "when" => self.when(rest)?,
            "elsif" | "else" if self.blocks.0.is_empty() || self.blocks.discards_text() => {
                return Err(UNBALANCED.into());
            }
            "elsif" => format!("elif {}", self.condition(rest)?),
            "else" => "else".into(),
            "for" => self.for_loop(rest)?,
            "endif" | "endunless" | "endfor" | "endcase" => self.blocks.end(name)?.into(),
            _ => return Err(format!("the Liquid tag `{name}` has no counterpart here")),
        };
        if statement.is_empty() {
            return Ok(statement);
        }
        let dash = |trims: bool| if trims { "-" } else { "" };
        Ok(format!("{{%{} {statement} {}%}}", dash(left), dash(right)))
    }

    /// A branch of a `case`.
    fn when(&mut self, rest: &str) -> Result<String, String> {
        let Some(LiquidBlock::Case { value, branches }) = self.blocks.0.last_mut() else {
            return Err(UNBALANCED.into());
        };
        let words = words(rest).unwrap_or_default();
        let literals = words
            .iter()
            .filter(|word| !matches!(word.as_str(), "or" | ","));
        let literals: Option<Vec<String>> = literals
            .map(|word| literal_argument(word.trim_matches(',')))
            .collect();
        let literals = literals.filter(|literals| !literals.is_empty());
        let literals =
            literals.ok_or_else(|| format!("the branch `when {rest}` has no counterpart here"))?;
        let equal = literals
            .iter()
            .map(|literal| format!("({value}) == {literal}"));
        let condition = equal.collect::<Vec<_>>().join(" or ");
        *branches += 1;
        Ok(match branches {
            1 => format!("if {condition}"),
            _ => format!("elif {condition}"),
        })
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
        self.blocks.0.push(LiquidBlock::For(variable.to_owned()));
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
            [left] => {
                return match left.as_str() {
                    "true" | "false" => Ok(left.clone()),
                    left => Ok(self.value(left)?.is_truthy()),
                };
            }
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
