//! Estimates the nesting depth of a program before the recursive parser runs.
//! The estimate is never lower than the recursion depth of the parser.

use jaq_core::load::lex::{StrPart, Tok, Token};

/// The maximum depth of nested brackets.
pub(super) const MAX_BRACKETS: usize = 40;
/// The maximum nesting by brackets, operators and keywords. At this depth the parser uses half of a 2 MiB
/// stack in a development build.
pub(super) const MAX_OPERATORS: usize = 120;

const KEYWORDS: [&str; 8] = ["if", "try", "reduce", "foreach", "label", "as", "and", "or"];
/// Symbols that do not nest.
const FLAT: [&str; 4] = [".", ":", "?", ".."];

/// The maximum number of open brackets, including those in `\(…)` inside strings.
pub(super) fn brackets(program: &str) -> usize {
    let (mut open, mut most) = (Vec::new(), 0);
    let mut rest = program.chars();
    while let Some(next) = rest.next() {
        let in_string = open.last() == Some(&'"');
        match next {
            '\\' if in_string => {
                let escaped = rest.next();
                open.extend((escaped == Some('(')).then_some('('));
            }
            '"' if in_string => drop(open.pop()),
            _ if in_string => {}
            '(' | '[' | '{' | '"' => open.push(next),
            ')' | ']' | '}' => drop(open.pop()),
            '#' => rest = after_comment(rest.as_str()).chars(),
            _ => {}
        }
        most = most.max(open.len());
    }
    most
}

/// Skips a comment. A comment line that ends with an odd number of backslashes continues in the next line.
fn after_comment(mut rest: &str) -> &str {
    loop {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let line = line.strip_suffix('\r').unwrap_or(line);
        let backslashes = line.len() - line.trim_end_matches('\\').len();
        rest = after;
        if backslashes.is_multiple_of(2) || rest.is_empty() {
            return rest;
        }
    }
}

/// The number of brackets, operators and keywords around the most deeply nested token.
pub(super) fn operators(tokens: &[Token<&str>]) -> usize {
    within(tokens, "")
}

/// `open` is the enclosing bracket.
fn within(tokens: &[Token<&str>], open: &str) -> usize {
    let (mut definitions, mut here, mut most, mut below) = (0, 0, 0, 0);
    for Token(text, token) in tokens {
        match token {
            Tok::Word if *text == "def" => definitions += 1,
            Tok::Word => here += usize::from(KEYWORDS.contains(text)),
            // Separated parts do not nest in each other.
            Tok::Sym if *text == ";" || (*text == "," && open == "{") => here = 0,
            Tok::Sym => here += usize::from(!FLAT.contains(text) && !text.starts_with('.')),
            Tok::Block(inner) => below = below.max(within(inner, text.get(..1).unwrap_or(""))),
            Tok::Str(parts) => below = below.max(in_string(parts)),
            Tok::Var | Tok::Fmt | Tok::Num => {}
        }
        most = most.max(here);
    }
    definitions + most + below + 1
}

fn in_string(parts: &[StrPart<&str, Token<&str>>]) -> usize {
    let programs = parts.iter().filter_map(|part| match part {
        StrPart::Term(token) => Some(operators(std::slice::from_ref(token))),
        StrPart::Str(_) | StrPart::Char(_) => None,
    });
    programs.max().unwrap_or_default()
}
