//! Colours words of the output if colour is enabled. The text alone has the same meaning.

use std::fmt;

use crate::report::output::Output;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint {
    color: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Cyan,
}

impl Paint {
    pub fn new(out: &Output) -> Self {
        Self { color: out.color }
    }

    pub fn tone<'t>(&self, tone: Tone, text: &'t str) -> Painted<'t> {
        Painted {
            tone: self.color.then_some(tone),
            text,
        }
    }
}

pub struct Painted<'t> {
    tone: Option<Tone>,
    text: &'t str,
}

impl fmt::Display for Painted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(tone) = self.tone else {
            return f.write_str(self.text);
        };
        let code = match tone {
            Tone::Bold => 1,
            Tone::Dim => 2,
            Tone::Red => 31,
            Tone::Green => 32,
            Tone::Yellow => 33,
            Tone::Cyan => 36,
        };
        write!(f, "\u{1b}[{code}m{}\u{1b}[0m", self.text)
    }
}
