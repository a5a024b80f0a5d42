//! How deep a program is nested, before anything recurses into it: brackets first, then operators.
//! It refuses to be exact: what it counts is never less than what the parser goes down.

use jaq_core::load::lex::{StrPart, Tok, Token};

/// Brackets within each other.
pub(super) const BRACKETS: usize = 40;
/// Brackets, operators and keywords on the way to one place. Half a stack of 2 MiB as a build for
/// development lays it out.
pub(super) const OPERATORS: usize = 120;

const KEYWORDS: [&str; 8] = ["if", "try", "reduce", "foreach", "label", "as", "and", "or"];
/// Symbols that end or join nothing.
const FLAT: [&str; 4] = [".", ":", "?", ".."];

/// How many brackets stand open together at most; a text holds programs of its own in `\(…)`.
pub(super) fn brackets(program: &str) -> usize {
    let (mut open, mut most) = (Vec::new(), 0);
    let mut rest = program.chars();
    while let Some(next) = rest.next() {
        let in_text = open.last() == Some(&'"');
        match next {
            '\\' if in_text => {
                if rest.next() == Some('(') {
                    open.push('(');
                }
            }
            '"' if in_text => drop(open.pop()),
            _ if in_text => {}
            '(' | '[' | '{' | '"' => open.push(next),
            ')' | ']' | '}' => drop(open.pop()),
            '#' => rest = behind_comment(rest.as_str()).chars(),
            _ => {}
        }
        most = most.max(open.len());
    }
    most
}

/// A line of comment that ends with an odd number of backslashes goes on in the next.
fn behind_comment(mut rest: &str) -> &str {
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

/// How many brackets, operators and keywords lead to the deepest place.
pub(super) fn operators(tokens: &[Token<&str>]) -> usize {
    within(tokens, "")
}

/// `open` is the bracket around them.
fn within(tokens: &[Token<&str>], open: &str) -> usize {
    let (mut definitions, mut here, mut most, mut below) = (0, 0, 0, 0);
    for Token(text, token) in tokens {
        match token {
            Tok::Word if *text == "def" => definitions += 1,
            Tok::Word => here += usize::from(KEYWORDS.contains(text)),
            // What stands apart does not add up.
            Tok::Sym if *text == ";" || (*text == "," && open == "{") => here = 0,
            Tok::Sym => here += usize::from(!FLAT.contains(text) && !text.starts_with('.')),
            Tok::Block(inner) => below = below.max(within(inner, text.get(..1).unwrap_or(""))),
            Tok::Str(parts) => below = below.max(in_text(parts)),
            Tok::Var | Tok::Fmt | Tok::Num => {}
        }
        most = most.max(here);
    }
    definitions + most + below + 1
}

fn in_text(parts: &[StrPart<&str, Token<&str>>]) -> usize {
    let programs = parts.iter().filter_map(|part| match part {
        StrPart::Term(token) => Some(operators(std::slice::from_ref(token))),
        StrPart::Str(_) | StrPart::Char(_) => None,
    });
    programs.max().unwrap_or_default()
}
