//! Follows the structure of YAML or JSON up to the end of a text, without an error for what is incomplete.

mod brackets;

use super::{CursorRole, TreeStep};

/// Where a scan ended.
#[derive(Debug)]
pub struct ScanEnd {
    pub path: Vec<TreeStep>,
    pub role: CursorRole,
    /// Where the word at the end begins.
    pub token: usize,
    pub is_quoted: bool,
    pub is_in_brackets: bool,
}

/// A key or an item of the block structure, with its column.
#[derive(Debug)]
struct OpenBlock {
    column: usize,
    step: TreeStep,
}

/// An open bracket.
#[derive(Debug)]
enum OpenBracket {
    /// With the key whose value is being read.
    Map(Option<String>),
    List(usize),
}

/// What is being read at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ScanState {
    /// The start of a line, or of an item.
    Start,
    /// Behind the colon of a block key.
    BlockValue,
    Comment,
    /// In the text of `|` or `>`, whose lines are indented deeper than this column.
    BlockText(usize),
    /// Within brackets.
    Flow,
}

pub struct CursorScanner<'t> {
    text: &'t str,
    at: usize,
    blocks: Vec<OpenBlock>,
    brackets: Vec<OpenBracket>,
    state: ScanState,
    token: usize,
    is_quoted: bool,
}

impl<'t> CursorScanner<'t> {
    pub fn new(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            blocks: Vec::new(),
            brackets: Vec::new(),
            state: ScanState::Start,
            token: 0,
            is_quoted: false,
        }
    }

    /// Reads to the end.
    pub fn run(&mut self) {
        while self.at < self.text.len() {
            let before = self.at;
            match self.brackets.is_empty() {
                true => self.line(),
                false => self.flow(),
            }
            // Each step reads at least one character.
            if self.at == before {
                self.at += self.text[self.at..]
                    .chars()
                    .next()
                    .map_or(1, char::len_utf8);
            }
        }
        if self.text.is_empty() || self.text.ends_with('\n') {
            self.start_of_line();
        }
    }

    pub fn finish(self) -> ScanEnd {
        let mut path: Vec<TreeStep> = self.blocks.into_iter().map(|block| block.step).collect();
        let is_in_brackets = !self.brackets.is_empty();
        let mut role = match self.state {
            ScanState::Start => CursorRole::KeyOrValue,
            ScanState::BlockValue | ScanState::BlockText(_) => CursorRole::Value,
            ScanState::Comment => CursorRole::Comment,
            ScanState::Flow => CursorRole::KeyOrValue,
        };
        for bracket in self.brackets {
            match bracket {
                OpenBracket::Map(Some(key)) => {
                    path.push(TreeStep::Key(key));
                    role = CursorRole::Value;
                }
                OpenBracket::Map(None) => role = CursorRole::KeyOrValue,
                OpenBracket::List(index) => {
                    path.push(TreeStep::Item(index));
                    role = CursorRole::KeyOrValue;
                }
            }
        }
        ScanEnd {
            path,
            role,
            token: self.token.min(self.text.len()),
            is_quoted: self.is_quoted,
            is_in_brackets,
        }
    }

    /// An empty line at the end: nothing is written, so its column is unknown until something is.
    fn start_of_line(&mut self) {
        let is_in_text = matches!(self.state, ScanState::BlockText(_));
        if self.brackets.is_empty() && !is_in_text {
            self.blocks.clear();
            self.state = ScanState::Start;
        }
        self.token = self.text.len();
        self.is_quoted = false;
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// One line of the block structure, or the rest of one.
    fn line(&mut self) {
        let line_start = self.text[..self.at].rfind('\n').map_or(0, |end| end + 1);
        let line = self.rest().split('\n').next().unwrap_or_default();
        let indent = line.len() - line.trim_start_matches(' ').len();
        let column = self.at - line_start + indent;
        let is_last = self.at + line.len() == self.text.len();
        let is_blank = line.trim().is_empty();
        if let ScanState::BlockText(parent) = self.state {
            if is_blank && !is_last || column > parent {
                self.token = self.at + indent;
                self.end_of_line(line);
                return;
            }
            self.state = ScanState::Start;
        }
        if is_blank {
            // The column of the cursor decides to which mapping a new key belongs.
            if is_last {
                self.leave(column);
                self.state = ScanState::Start;
                self.token = self.text.len();
                self.is_quoted = false;
            }
            self.end_of_line(line);
            return;
        }
        self.at += indent;
        self.entry(column);
    }

    fn end_of_line(&mut self, line: &str) {
        self.at = (self.at + line.len() + 1).min(self.text.len());
    }

    /// Leaves the blocks that a line at this column does not belong to.
    fn leave(&mut self, column: usize) {
        while let Some(last) = self.blocks.last() {
            if last.column < column {
                return;
            }
            self.blocks.pop();
        }
    }

    /// A key, an item or a text that begins at this column.
    fn entry(&mut self, column: usize) {
        let rest = self.rest();
        self.state = ScanState::Start;
        self.token = self.at;
        self.is_quoted = false;
        if rest.starts_with('#') {
            self.comment();
            return;
        }
        if rest == "-" || rest.starts_with("- ") || rest.starts_with("-\n") {
            self.item(column);
            return;
        }
        if column == 0 && (rest.starts_with("---") || rest.starts_with("...")) {
            self.blocks.clear();
            self.at += 3;
            self.token = self.at;
            return;
        }
        self.leave(column);
        match self.key() {
            Some(key) => {
                self.blocks.push(OpenBlock {
                    column,
                    step: TreeStep::Key(key),
                });
                self.value(column);
            }
            None => self.scalar(column, ScanState::Start),
        }
    }

    fn item(&mut self, column: usize) {
        let mut index = 0;
        while let Some(last) = self.blocks.last() {
            match &last.step {
                // A list may be at the column of its key.
                TreeStep::Key(_) if last.column <= column => break,
                TreeStep::Item(_) if last.column < column => break,
                TreeStep::Item(before) if last.column == column => {
                    index = before + 1;
                    self.blocks.pop();
                    break;
                }
                TreeStep::Key(_) | TreeStep::Item(_) => drop(self.blocks.pop()),
            }
        }
        self.blocks.push(OpenBlock {
            column,
            step: TreeStep::Item(index),
        });
        self.at += 1;
        let spaces = self.rest().len() - self.rest().trim_start_matches(' ').len();
        self.at += spaces;
        self.token = self.at;
        match self.rest().starts_with('\n') {
            true => self.at += 1,
            false if self.rest().is_empty() => {}
            false => self.nested_entry(column + 1 + spaces),
        }
    }

    /// What follows the dash of an item on its line.
    fn nested_entry(&mut self, column: usize) {
        let rest = self.rest();
        if rest.starts_with('#') {
            self.comment();
            return;
        }
        if rest.starts_with("- ") || rest == "-" {
            self.item(column);
            return;
        }
        match self.key() {
            Some(key) => {
                self.blocks.push(OpenBlock {
                    column,
                    step: TreeStep::Key(key),
                });
                self.value(column);
            }
            None => self.scalar(column, ScanState::Start),
        }
    }

    /// Reads `key:`; `None` if the line has none.
    fn key(&mut self) -> Option<String> {
        let line = self.rest().split('\n').next().unwrap_or_default();
        let (key, length) = match line.chars().next()? {
            quote @ ('"' | '\'') => {
                let end = line[1..].find(quote)? + 1;
                (line[1..end].to_owned(), end + 1)
            }
            '{' | '[' => return None,
            _ => {
                let end = line.match_indices(':').map(|(at, _)| at).find(|at| {
                    line[at + 1..].is_empty() || line[at + 1..].starts_with([' ', '\t', '\r'])
                })?;
                if line[..end].contains(" #") {
                    return None;
                }
                (line[..end].trim_end().to_owned(), end)
            }
        };
        let after = line[length..].strip_prefix(':')?;
        if !after.is_empty() && !after.starts_with([' ', '\t', '\r']) {
            return None;
        }
        self.at += length + 1;
        Some(key)
    }

    /// The value behind the colon of a key at this column.
    fn value(&mut self, column: usize) {
        let rest = self.rest();
        let spaces = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        self.at += spaces;
        self.token = self.at;
        self.state = ScanState::BlockValue;
        self.scalar(column, ScanState::BlockValue);
    }

    /// A text, a bracket or the end of the line. `parent` is the column of its key or item.
    fn scalar(&mut self, parent: usize, state: ScanState) {
        self.state = state;
        self.token = self.at;
        let line = self.rest().split('\n').next().unwrap_or_default();
        match line.chars().next() {
            None => self.at = (self.at + 1).min(self.text.len()),
            Some('{') => self.open(OpenBracket::Map(None)),
            Some('[') => self.open(OpenBracket::List(0)),
            Some(quote @ ('"' | '\'')) => {
                self.at += 1;
                self.token = self.at;
                self.quoted(quote);
            }
            Some('#') => self.comment(),
            Some('|' | '>') if is_block_header(line) => {
                self.end_of_line(line);
                if self.text[..self.at].ends_with('\n') {
                    self.state = ScanState::BlockText(parent);
                    self.token = self.at;
                }
            }
            Some(_) => {
                match line.find(" #") {
                    Some(at) => {
                        self.at += at + 1;
                        self.comment();
                    }
                    None => self.end_of_line(line),
                };
            }
        }
    }

    fn comment(&mut self) {
        let line = self.rest().split('\n').next().unwrap_or_default();
        if self.at + line.len() == self.text.len() {
            self.state = ScanState::Comment;
            self.token = self.text.len();
        }
        self.end_of_line(line);
    }

    fn open(&mut self, bracket: OpenBracket) {
        self.brackets.push(bracket);
        self.state = ScanState::Flow;
        self.at += 1;
        self.token = self.at;
    }

    /// Reads to the closing quote, or to the end.
    fn quoted(&mut self, quote: char) {
        self.is_quoted = true;
        let mut chars = self.rest().char_indices().peekable();
        while let Some((index, c)) = chars.next() {
            match c {
                '\\' if quote == '"' => drop(chars.next()),
                '\'' if quote == '\'' && chars.peek().is_some_and(|(_, next)| *next == '\'') => {
                    chars.next();
                }
                c if c == quote => {
                    self.at += index + 1;
                    self.is_quoted = false;
                    return;
                }
                _ => {}
            }
        }
        self.at = self.text.len();
    }
}

/// Whether a value is `|`, `>-` or the like, so that its text is on the lines below.
fn is_block_header(line: &str) -> bool {
    let header = line.split(" #").next().unwrap_or_default().trim_end();
    header[1..].chars().all(|c| "+-123456789".contains(c))
}
