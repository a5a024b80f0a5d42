//! Splits Rust source text into tokens, without comments and without code that is compiled for tests only.

/// A token with its line, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub line: usize,
    pub kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A name or keyword; a raw identifier without its `r#`.
    Ident(String),
    /// One character of an operator or a bracket.
    Punct(char),
    /// A string, with what is between its quotes.
    Text(String),
    /// A number, character or lifetime.
    Other,
}

impl Token {
    pub fn is_ident(&self, name: &str) -> bool {
        matches!(&self.kind, Kind::Ident(ident) if ident == name)
    }

    pub fn is_punct(&self, punct: char) -> bool {
        self.kind == Kind::Punct(punct)
    }

    pub fn ident(&self) -> Option<&str> {
        match &self.kind {
            Kind::Ident(name) => Some(name),
            Kind::Punct(_) | Kind::Text(_) | Kind::Other => None,
        }
    }
}

/// The tokens of a text.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer {
        chars: text.chars().collect(),
        at: 0,
        line: 1,
    };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.token() {
        tokens.push(token);
    }
    tokens
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek(0)?;
        self.at += 1;
        self.line += usize::from(next == '\n');
        Some(next)
    }

    fn starts_with(&self, text: &str) -> bool {
        text.chars()
            .enumerate()
            .all(|(n, c)| self.peek(n) == Some(c))
    }

    fn take_while(&mut self, holds: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some(next) = self.peek(0).filter(|c| holds(*c)) {
            taken.push(next);
            self.next();
        }
        taken
    }

    fn token(&mut self) -> Option<Token> {
        self.skip_blanks_and_comments();
        let line = self.line;
        let kind = self.kind()?;
        Some(Token { line, kind })
    }

    fn kind(&mut self) -> Option<Kind> {
        let first = self.peek(0)?;
        if let Some(hashes) = self.raw_string_hashes() {
            return Some(self.raw_string(hashes));
        }
        if first.is_alphabetic() || first == '_' {
            let word = self.take_while(|c| c.is_alphanumeric() || c == '_');
            return Some(match (word.as_str(), self.peek(0)) {
                ("b" | "c", Some('"')) => self.string(),
                ("b", Some('\'')) => self.character(),
                ("r", Some('#')) => {
                    self.next();
                    Kind::Ident(self.take_while(|c| c.is_alphanumeric() || c == '_'))
                }
                _ => Kind::Ident(word),
            });
        }
        match first {
            '"' => Some(self.string()),
            '\'' => Some(self.character()),
            first if first.is_ascii_digit() => {
                self.take_while(|c| c.is_alphanumeric() || c == '_');
                Some(Kind::Other)
            }
            first => {
                self.next();
                Some(Kind::Punct(first))
            }
        }
    }

    fn skip_blanks_and_comments(&mut self) {
        loop {
            self.take_while(char::is_whitespace);
            if self.starts_with("//") {
                self.take_while(|c| c != '\n');
            } else if self.starts_with("/*") {
                self.block_comment();
            } else {
                return;
            }
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        loop {
            if self.starts_with("/*") {
                depth += 1;
                self.at += 2;
            } else if self.starts_with("*/") {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return;
                }
            } else if self.next().is_none() {
                return;
            }
        }
    }

    /// At the start of a raw string such as `br##"`, the number of its hashes.
    fn raw_string_hashes(&self) -> Option<usize> {
        let prefix = ["br", "cr", "r"]
            .into_iter()
            .find(|p| self.starts_with(p))?;
        let mut hashes = 0;
        while self.peek(prefix.len() + hashes) == Some('#') {
            hashes += 1;
        }
        (self.peek(prefix.len() + hashes) == Some('"')).then_some(hashes)
    }

    fn raw_string(&mut self, hashes: usize) -> Kind {
        self.take_while(|c| c != '"');
        self.next();
        let end = format!("\"{}", "#".repeat(hashes));
        let mut text = String::new();
        while !self.starts_with(&end) {
            match self.next() {
                Some(next) => text.push(next),
                None => return Kind::Text(text),
            }
        }
        self.at += end.chars().count();
        Kind::Text(text)
    }

    fn string(&mut self) -> Kind {
        self.next();
        let mut text = String::new();
        while let Some(next) = self.next() {
            match next {
                '"' => break,
                '\\' => text.extend(self.next()),
                next => text.push(next),
            }
        }
        Kind::Text(text)
    }

    /// A character, or a lifetime or label.
    fn character(&mut self) -> Kind {
        self.next();
        match (self.peek(0), self.peek(1)) {
            (Some('\\'), _) => {
                self.next();
                self.next();
                self.take_while(|c| c != '\'');
                self.next();
            }
            (Some(_), Some('\'')) => {
                self.next();
                self.next();
            }
            _ => drop(self.take_while(|c| c.is_alphanumeric() || c == '_')),
        }
        Kind::Other
    }
}

/// Removes the items under `#[cfg(test)]`; adds the names of the modules among them to `modules`.
pub fn without_tests(tokens: &[Token], modules: &mut Vec<String>) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match is_cfg_test(&tokens[at..]) {
            true => {
                let item = at + CFG_TEST.len();
                let end = item_end(tokens, item);
                let names = tokens[item..end].windows(2);
                let mut names = names.filter(|pair| pair[0].is_ident("mod"));
                modules.extend(names.find_map(|pair| pair[1].ident().map(str::to_owned)));
                at = end;
            }
            false => {
                kept.push(tokens[at].clone());
                at += 1;
            }
        }
    }
    kept
}

const CFG_TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];

fn is_cfg_test(tokens: &[Token]) -> bool {
    let is = |token: &Token, text: &str| match &token.kind {
        Kind::Ident(name) => name == text,
        Kind::Punct(punct) => text.chars().eq([*punct]),
        Kind::Text(_) | Kind::Other => false,
    };
    tokens.len() >= CFG_TEST.len()
        && CFG_TEST
            .iter()
            .zip(tokens)
            .all(|(text, token)| is(token, text))
}

/// The index after an item: after its `;`, or after the brace that closes its body.
fn item_end(tokens: &[Token], start: usize) -> usize {
    let mut at = start;
    while tokens.get(at).is_some_and(|token| token.is_punct('#')) {
        at = group_end(tokens, at + 1);
    }
    // A brace in these is no body.
    let keywords = ["use", "const", "static", "let"];
    let visible = tokens[at..].iter().take(6);
    let needs_semicolon = visible
        .take_while(|token| !token.is_punct('{'))
        .any(|token| keywords.iter().any(|keyword| token.is_ident(keyword)))
        && !tokens[at..]
            .iter()
            .take(6)
            .any(|token| token.is_ident("fn"));
    while let Some(token) = tokens.get(at) {
        match token.kind {
            Kind::Punct(';') => return at + 1,
            Kind::Punct('{') if !needs_semicolon => return group_end(tokens, at),
            Kind::Punct('(' | '[' | '{') => at = group_end(tokens, at),
            // The end of what the item is in.
            Kind::Punct('}' | ')') => return at,
            Kind::Punct(_) | Kind::Ident(_) | Kind::Text(_) | Kind::Other => at += 1,
        }
    }
    at
}

/// The index after the bracket that closes the one at `open`.
pub fn group_end(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.kind {
            Kind::Punct('(' | '[' | '{') => depth += 1,
            Kind::Punct(')' | ']' | '}') => depth -= 1,
            Kind::Punct(_) | Kind::Ident(_) | Kind::Text(_) | Kind::Other => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

#[test]
fn comments_strings_and_tests_are_not_code() {
    let text = r###"
//! use crate::a;
/* use crate::b; /* crate::c */ */
let x = "use crate::d;"; let y = r#"crate::"e"#; let z = b"crate::f"; let c = '"'; let d = '\'';
fn f<'a>(x: &'a str) -> char { 'x' }
#[cfg(test)]
#[allow(unused)]
use crate::{g, h};
#[cfg(test)]
mod tests { use crate::i; }
#[cfg(test)]
pub const fn j() -> u8 { crate::k }
use crate::found;
"###;
    let mut modules = Vec::new();
    let code = without_tests(&tokens(text), &mut modules);
    let names: Vec<&str> = code.iter().filter_map(Token::ident).collect();
    let crates = names.iter().filter(|name| **name == "crate").count();
    assert_eq!((crates, names.last()), (1, Some(&"found")), "{names:?}");
    assert_eq!(modules, ["tests"]);
    assert_eq!(code.last().map(|token| token.line), Some(13));
}
