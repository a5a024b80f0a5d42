//! Writes log lines to standard error. A line that cannot be written, or whose reader does not read, is
//! dropped and counted: logging never fails and never blocks the program for long.

use std::io::{self, Stderr, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tracing_subscriber::fmt::MakeWriter;

use crate::engine::lost_log_lines;

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
    pub fn stderr() -> Self {
        Self::new(io::stderr())
    }
}

impl<W> LogWriter<W> {
    fn new(to: W) -> Self {
        Self(Arc::new(Mutex::new(LogOutput {
            to,
            reader: LogReader::Reading,
            position: LinePosition::Start,
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
        if output.write_line(line).is_err() {
            lost_log_lines::count();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
        write(&LogWriter::new(full), "one\n");
        write(&LogWriter::new(closed), "two\n");
        assert!(lost_log_lines::counter().get() >= before + 2);
    }

    #[test]
    fn a_reader_that_does_not_read_delays_one_line_and_gets_whole_lines_afterwards() {
        let (mut reader, to) = pipe().unwrap();
        let writer = LogWriter::new(to);
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
}
