//! Standard output and standard error of a command, with the colour and width of the terminal.
//! Nothing that is written to it can control a terminal. A closed reader (`| head`) is not an error: further output is discarded, so that a command with effects
//! still finishes.

use std::io::{self, BufWriter, IsTerminal, Write};

use clap::ValueEnum;

use crate::report::error::CommandError;
use crate::report::terminal_filter::{ColorSequences, TerminalFilter};

/// The line width without a terminal.
const WIDTH: usize = 100;

/// When output is coloured. `Auto`: on a terminal, if `NO_COLOR` is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

pub struct Output {
    to: Box<dyn Write + Send>,
    /// Whether to write escape sequences for colour.
    pub color: bool,
    /// Whether the output is a terminal, so that progress is useful.
    pub terminal: bool,
    /// The maximum number of columns of a line.
    pub width: usize,
    /// Columns before each line.
    indent: usize,
    /// Whether nothing of the current line was written yet.
    at_start: bool,
    reader: ReaderState,
    filter: TerminalFilter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReaderState {
    Open,
    Closed,
}

impl Output {
    pub fn stdout(color: Color) -> Self {
        let to = io::stdout();
        let (terminal, width) = (to.is_terminal(), width_of(&to));
        Self::over(Box::new(BufWriter::new(to)), color, terminal, width)
    }

    pub fn stderr(color: Color) -> Self {
        let to = io::stderr();
        let (terminal, width) = (to.is_terminal(), width_of(&to));
        Self::over(Box::new(BufWriter::new(to)), color, terminal, width)
    }

    fn over(to: Box<dyn Write + Send>, color: Color, terminal: bool, width: Option<usize>) -> Self {
        let color = color.is_enabled(terminal);
        let colors = match color {
            true => ColorSequences::Keep,
            false => ColorSequences::Escape,
        };
        Self {
            to,
            color,
            terminal,
            width: width.unwrap_or(WIDTH),
            indent: 0,
            at_start: true,
            reader: ReaderState::Open,
            filter: TerminalFilter::new(colors),
        }
    }

    /// Whether the reader closed the output; a command without effects may stop.
    pub fn is_closed(&self) -> bool {
        self.reader == ReaderState::Closed
    }

    /// Indents what `write` writes by this many columns.
    pub fn indented<T>(&mut self, by: usize, write: impl FnOnce(&mut Self) -> T) -> T {
        self.indent += by;
        let written = write(self);
        self.indent -= by;
        written
    }

    /// Writes what is no text for a person, such as a shell script, without a change.
    pub fn write_unchanged(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.is_closed() {
            true => Ok(()),
            false => self.write_lines(bytes),
        }
    }

    fn write_lines(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
        let result = lines.try_for_each(|line| self.write_line(line));
        self.ignore_closed(result, ())
    }

    /// Writes a line, or a part of one.
    fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        if self.at_start && line != b"\n" {
            write!(self.to, "{:1$}", "", self.indent)?;
        }
        self.at_start = line.ends_with(b"\n");
        self.to.write_all(line)
    }

    /// Writes out what is still buffered.
    pub fn finish(&mut self) -> Result<(), CommandError> {
        Ok(self.flush()?)
    }

    fn ignore_closed<T>(&mut self, result: io::Result<T>, default: T) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.reader = ReaderState::Closed;
                Ok(default)
            }
            other => other,
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_closed() {
            return Ok(bytes.len());
        }
        if !self.filter.is_needed(bytes) {
            self.write_lines(bytes)?;
            return Ok(bytes.len());
        }
        let mut text = String::with_capacity(bytes.len() + 16);
        self.filter
            .filter(&String::from_utf8_lossy(bytes), &mut text);
        self.write_lines(text.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.is_closed() {
            return Ok(());
        }
        let mut rest = String::new();
        self.filter.finish(&mut rest);
        self.write_lines(rest.as_bytes())?;
        let result = self.to.flush();
        self.ignore_closed(result, ())
    }
}

impl Color {
    fn is_enabled(self, terminal: bool) -> bool {
        match self {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !is_set("NO_COLOR") && !is_dumb(),
        }
    }
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|value| value == "dumb")
}

fn width_of(stream: &(impl IsTerminal + std::os::fd::AsFd)) -> Option<usize> {
    if !stream.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    // A terminal without a known size reports zero.
    (size.ws_col >= 40).then_some(usize::from(size.ws_col))
}

#[cfg(test)]
mod captured {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// The output of a command in a test.
    #[derive(Clone, Default)]
    pub struct WrittenText(Arc<Mutex<Vec<u8>>>);

    impl WrittenText {
        pub fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for WrittenText {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Output {
        /// An output without colour whose text a test can read.
        pub fn captured() -> (Self, WrittenText) {
            let written = WrittenText::default();
            let out = Self::over(Box::new(written.clone()), Color::Never, false, None);
            (out, written)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    fn broken(kind: io::ErrorKind) -> Output {
        Output::over(Box::new(Broken(kind)), Color::Never, false, None)
    }

    #[test]
    fn a_closed_reader_is_not_an_error() {
        let mut out = broken(io::ErrorKind::BrokenPipe);
        assert!(!out.is_closed());
        writeln!(out, "one").unwrap();
        writeln!(out, "two").unwrap();
        assert!(out.is_closed());
        assert!(out.finish().is_ok());
    }

    #[test]
    fn no_text_controls_the_terminal() {
        let (mut out, written) = Output::captured();
        writeln!(out, "type \u{1b}[2J\u{202e}").unwrap();
        out.finish().unwrap();
        assert_eq!(written.text(), "type \\u001b[2J\\u202e\n");
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let mut out = broken(io::ErrorKind::StorageFull);
        assert!(writeln!(out, "one").is_err());
        assert!(out.finish().is_err());
    }

    #[test]
    fn auto_colours_only_terminals() {
        assert!(Color::Always.is_enabled(false));
        assert!(!Color::Never.is_enabled(true));
        assert!(!Color::Auto.is_enabled(false));
    }
}
