//! Follows mappings and lists in brackets, which JSON consists of.

use super::{CursorScanner, OpenBracket, ScanState};

impl CursorScanner<'_> {
    /// One token within brackets.
    pub(super) fn flow(&mut self) {
        let rest = self.rest();
        let Some(c) = rest.chars().next() else { return };
        match c {
            '{' => self.open(OpenBracket::Map(None)),
            '[' => self.open(OpenBracket::List(0)),
            '}' | ']' => {
                self.brackets.pop();
                self.at += 1;
                self.token = self.at;
                if self.brackets.is_empty() {
                    let line = self.rest().split('\n').next().unwrap_or_default();
                    self.state = ScanState::BlockValue;
                    self.end_of_line(line);
                }
            }
            ',' => {
                self.at += 1;
                self.token = self.at;
                match self.brackets.last_mut() {
                    Some(OpenBracket::Map(key)) => *key = None,
                    Some(OpenBracket::List(index)) => *index += 1,
                    None => {}
                }
            }
            ' ' | '\n' | '\r' | '\t' => {
                self.at += 1;
                self.token = self.at;
                self.is_quoted = false;
            }
            '#' if self.text[..self.at].ends_with([' ', '\n']) => {
                let line = rest.split('\n').next().unwrap_or_default();
                self.end_of_line(line);
            }
            quote @ ('"' | '\'') => {
                self.at += 1;
                self.token = self.at;
                self.quoted(quote);
                let end = self.at - usize::from(!self.is_quoted);
                let text = self.text[self.token..end.max(self.token)].to_owned();
                self.key_in_brackets(text);
            }
            _ => self.plain_in_brackets(),
        }
    }

    fn plain_in_brackets(&mut self) {
        let rest = self.rest();
        self.token = self.at;
        self.is_quoted = false;
        let mut length = 0;
        for (index, c) in rest.char_indices() {
            let after = rest[index + c.len_utf8()..].chars().next();
            let ends = match c {
                ',' | '{' | '}' | '[' | ']' | '\n' => true,
                ':' => after.is_none_or(|after| " \n\r,[]{}".contains(after)),
                _ => false,
            };
            if ends {
                break;
            }
            length = index + c.len_utf8();
        }
        self.at += length;
        let text = rest[..length].trim().to_owned();
        self.key_in_brackets(text);
        if self.at == self.text.len() {
            return;
        }
        if self.text[self.at..].starts_with(':') && length == 0 {
            self.at += 1;
        }
    }

    /// Takes a text as a key if a colon follows it.
    fn key_in_brackets(&mut self, text: String) {
        let rest = self.rest();
        let spaces = rest.len() - rest.trim_start_matches(' ').len();
        if let Some(OpenBracket::Map(key @ None)) = self.brackets.last_mut()
            && rest[spaces..].starts_with(':')
        {
            *key = Some(text);
            self.at += spaces + 1;
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start_matches(' ').len();
            self.token = self.at;
        }
    }
}
