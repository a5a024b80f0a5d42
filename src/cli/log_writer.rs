//! Writes log lines to standard error. A line that cannot be written, or whose reader does not read, is
//! dropped and counted: logging never fails and never blocks the program for long. Control characters in it are escaped,
//! so that a text from outside neither starts a line of its own nor controls a terminal.

use std::borrow::Cow;
use std::io::{self, Stderr, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tracing_subscriber::fmt::MakeWriter;

use crate::engine::lost_log_lines;
use crate::report::terminal_filter::{ColorSequences, TerminalFilter};

/// How long a line waits for a reader that is slow. After that, further lines do not wait until the reader
/// reads again.
const MAX_WAIT: Duration = Duration::from_millis(200);
/// Bytes of one write: a pipe that is ready accepts that many without blocking.
const CHUNK_BYTES: usize = 4096;

/// The writer of all log lines of the process.
pub struct LogWriter<W>(Arc<Mutex<LogOutput<W>>>);

/// Writes one log line.
pub struct LogLine<W>(Arc<Mutex<LogOutput<W>>>);

struct LogOutput<W> {
    to: W,
    reader: LogReader,
    position: LinePosition,
    colors: ColorSequences,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LogReader {
    Reading,
    Stalled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LinePosition {
    Start,
    /// The last line was written in part.
    Middle,
}

impl LogWriter<Stderr> {
    pub fn stderr(colors: ColorSequences) -> Self {
        Self::new(io::stderr(), colors)
    }
}

impl<W> LogWriter<W> {
    pub(super) fn new(to: W, colors: ColorSequences) -> Self {
        Self(Arc::new(Mutex::new(LogOutput {
            to,
            reader: LogReader::Reading,
            position: LinePosition::Start,
            colors,
        })))
    }
}

impl<'w, W: Write + AsFd + 'w> MakeWriter<'w> for LogWriter<W> {
    type Writer = LogLine<W>;

    fn make_writer(&'w self) -> LogLine<W> {
        LogLine(Arc::clone(&self.0))
    }
}

/// The subscriber writes each line in one call.
impl<W: Write + AsFd> Write for LogLine<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut output = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let colors = output.colors;
        if output.write_line(&escaped(line, colors)).is_err() {
            lost_log_lines::count();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The line with control characters escaped, also line breaks within it.
fn escaped(line: &[u8], colors: ColorSequences) -> Cow<'_, [u8]> {
    let (text, end) = match line.strip_suffix(b"\n") {
        Some(text) => (text, "\n"),
        None => (line, ""),
    };
    let mut filter = TerminalFilter::new(colors);
    if !filter.is_needed(text) && !text.contains(&b'\n') {
        return line.into();
    }
    let mut escaped = String::with_capacity(line.len() + 16);
    for (number, part) in String::from_utf8_lossy(text).split('\n').enumerate() {
        if number > 0 {
            filter.finish(&mut escaped);
            escaped.push_str("\\n");
        }
        filter.filter(part, &mut escaped);
    }
    filter.finish(&mut escaped);
    escaped.push_str(end);
    escaped.into_bytes().into()
}

impl<W: Write + AsFd> LogOutput<W> {
    fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        if self.position == LinePosition::Middle {
            self.write_part(b"\n")?;
        }
        for part in line.chunks(CHUNK_BYTES) {
            self.write_part(part)?;
        }
        Ok(())
    }

    fn write_part(&mut self, mut part: &[u8]) -> io::Result<()> {
        while !part.is_empty() {
            self.wait_until_writable()?;
            match self.to.write(part) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    self.position = match part[written - 1] {
                        b'\n' => LinePosition::Start,
                        _ => LinePosition::Middle,
                    };
                    part = &part[written..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn wait_until_writable(&mut self) -> io::Result<()> {
        let wait = match self.reader {
            LogReader::Reading => MAX_WAIT,
            LogReader::Stalled => Duration::ZERO,
        };
        let wait = Timespec::try_from(wait).map_err(io::Error::other)?;
        let ready = {
            let mut outputs = [PollFd::new(&self.to, PollFlags::OUT)];
            poll(&mut outputs, Some(&wait))?
        };
        if ready == 0 {
            self.reader = LogReader::Stalled;
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.reader = LogReader::Reading;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::{Read, pipe};
    use std::time::Instant;

    use super::*;

    fn write<W: Write + AsFd>(writer: &LogWriter<W>, line: &str) {
        writer.make_writer().write_all(line.as_bytes()).unwrap();
    }

    #[test]
    fn a_line_that_cannot_be_written_is_counted_and_is_no_error() {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let (reader, closed) = pipe().unwrap();
        drop(reader);
        let before = lost_log_lines::counter().get();
        write(&LogWriter::new(full, ColorSequences::Escape), "one\n");
        write(&LogWriter::new(closed, ColorSequences::Escape), "two\n");
        assert!(lost_log_lines::counter().get() >= before + 2);
    }

    #[test]
    fn a_reader_that_does_not_read_delays_one_line_and_gets_whole_lines_afterwards() {
        let (mut reader, to) = pipe().unwrap();
        let writer = LogWriter::new(to, ColorSequences::Escape);
        let began = Instant::now();
        let line = format!("{}\n", "x".repeat(9_999));
        for _ in 0..1_000 {
            write(&writer, &line);
        }
        assert!(began.elapsed() < MAX_WAIT * 10, "{:?}", began.elapsed());
        let mut buffer = vec![0; 1 << 20];
        let mut read = reader.read(&mut buffer).unwrap();
        write(&writer, "last\n");
        drop(writer);
        while let more @ 1.. = reader.read(&mut buffer[read..]).unwrap() {
            read += more;
        }
        let text = String::from_utf8_lossy(&buffer[..read]).into_owned();
        assert!(text.ends_with("x\nlast\n"), "{}", &text[text.len() - 20..]);
    }

    #[test]
    fn a_text_from_outside_neither_starts_a_line_nor_controls_a_terminal() {
        for (line, expected) in [
            ("plain\n", "plain\n"),
            ("Gr\u{fc}\u{df}e\tx\n", "Gr\u{fc}\u{df}e\tx\n"),
            ("a\nINFO forged\r\n", "a\\nINFO forged\\u000d\n"),
            (
                "\u{1b}[2J\u{9b}1m\u{202e}\n",
                "\\u001b[2J\\u009b1m\\u202e\n",
            ),
        ] {
            let written = escaped(line.as_bytes(), ColorSequences::Escape);
            assert_eq!(String::from_utf8_lossy(&written), expected);
        }
        let colored = "\u{1b}[32mINFO\u{1b}[0m \u{1b}]0;x\u{7}\n";
        let written = escaped(colored.as_bytes(), ColorSequences::Keep);
        let expected = "\u{1b}[32mINFO\u{1b}[0m \\u001b]0;x\\u0007\n";
        assert_eq!(String::from_utf8_lossy(&written), expected);
    }
}
