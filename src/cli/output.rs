//! Where a command writes: standard output or error, with colour and width as the other end has them.
//! It refuses to fail on a reader that went away (`| head`): what comes after is dropped in silence, so
//! that a command that acts still finishes its work.

use std::io::{self, BufWriter, IsTerminal, Write};

use clap::ValueEnum;

use super::exit::CommandError;

/// How wide lines may be where no terminal says.
const WIDTH: usize = 100;

/// When output is coloured; by itself on a terminal, unless NO_COLOR is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

pub struct Output {
    to: Box<dyn Write + Send>,
    /// Whether escape sequences for colour are wanted.
    pub color: bool,
    /// Whether a person is watching, so that progress makes sense.
    pub terminal: bool,
    /// How many columns a line may have.
    pub width: usize,
    /// Columns before each line.
    indent: usize,
    /// Nothing was written of the line yet.
    at_start: bool,
    reader: ReaderState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReaderState {
    Listening,
    Gone,
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
        Self {
            to,
            color: color.wanted(terminal),
            terminal,
            width: width.unwrap_or(WIDTH),
            indent: 0,
            at_start: true,
            reader: ReaderState::Listening,
        }
    }

    /// Whether nobody reads any more: a command without effects may stop.
    pub fn is_closed(&self) -> bool {
        self.reader == ReaderState::Gone
    }

    /// Whatever is written meanwhile stands so many columns further in.
    pub fn indented<T>(&mut self, by: usize, write: impl FnOnce(&mut Self) -> T) -> T {
        self.indent += by;
        let written = write(self);
        self.indent -= by;
        written
    }

    /// A line, or the part of one up to its end.
    fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        if self.at_start && line != b"\n" {
            write!(self.to, "{:1$}", "", self.indent)?;
        }
        self.at_start = line.ends_with(b"\n");
        self.to.write_all(line)
    }

    /// Hands over what is still held back.
    pub fn finish(&mut self) -> Result<(), CommandError> {
        Ok(self.flush()?)
    }

    fn note<T>(&mut self, result: io::Result<T>, instead: T) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.reader = ReaderState::Gone;
                Ok(instead)
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
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
        let result = lines.try_for_each(|line| self.write_line(line));
        self.note(result, ())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.is_closed() {
            return Ok(());
        }
        let result = self.to.flush();
        self.note(result, ())
    }
}

impl Color {
    fn wanted(self, terminal: bool) -> bool {
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
    // A terminal that does not know its size says zero.
    (size.ws_col >= 40).then_some(usize::from(size.ws_col))
}

#[cfg(test)]
mod captured {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What a command under test wrote.
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
    fn a_reader_that_went_away_is_no_failure() {
        let mut out = broken(io::ErrorKind::BrokenPipe);
        assert!(!out.is_closed());
        writeln!(out, "one").unwrap();
        writeln!(out, "two").unwrap();
        assert!(out.is_closed());
        assert!(out.finish().is_ok());
    }

    #[test]
    fn a_full_disk_is_one() {
        let mut out = broken(io::ErrorKind::StorageFull);
        assert!(writeln!(out, "one").is_err());
        assert!(out.finish().is_err());
    }

    #[test]
    fn colour_is_for_terminals_unless_asked_for() {
        assert!(Color::Always.wanted(false));
        assert!(!Color::Never.wanted(true));
        assert!(!Color::Auto.wanted(false));
    }
}
