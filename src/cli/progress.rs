//! The line on a terminal that says how far the reading of rules is.
//! It refuses to appear where nobody watches, for a reading that is over at once, and to stay.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use super::render::diagnostics::grouped;
use crate::engine::Progress;

/// A shorter reading needs no line.
const LATE: Duration = Duration::from_millis(500);
const EVERY: Duration = Duration::from_millis(100);

/// The line; gone when it is dropped.
pub struct ProgressLine {
    to: Box<dyn Write + Send>,
    watched: bool,
    next: Instant,
    /// How many characters stand there.
    shown: usize,
}

impl ProgressLine {
    /// On standard error, which no answer goes to.
    pub fn new() -> Self {
        let to = io::stderr();
        let watched = to.is_terminal();
        Self::over(Box::new(to), watched, LATE)
    }

    fn over(to: Box<dyn Write + Send>, watched: bool, late: Duration) -> Self {
        Self {
            to,
            watched,
            next: Instant::now() + late,
            shown: 0,
        }
    }

    pub fn tell(&mut self, progress: Progress) {
        if !self.watched || Instant::now() < self.next {
            return;
        }
        self.next = Instant::now() + EVERY;
        self.write(&words(progress));
    }

    /// A terminal that went away is no reason to stop.
    fn write(&mut self, line: &str) {
        let wide = self.shown;
        let _ = write!(self.to, "\r{line:wide$}");
        let _ = self.to.flush();
        self.shown = line.len();
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        if self.shown > 0 {
            self.write("");
            let _ = write!(self.to, "\r");
            let _ = self.to.flush();
        }
    }
}

fn words(progress: Progress) -> String {
    let (what, read, of) = match progress {
        Progress::Files { read, of } => ("files", read, of),
        Progress::Rules { read, of } => ("rules", read, of),
    };
    format!("reading {what}: {} of {}", grouped(read), grouped(of))
}

#[cfg(test)]
mod tests {
    use super::super::output::Output;
    use super::*;

    const PROGRESS: Progress = Progress::Rules {
        read: 41_200,
        of: 100_000,
    };

    fn line(watched: bool, late: Duration) -> String {
        let (out, written) = Output::captured();
        let mut line = ProgressLine::over(Box::new(out), watched, late);
        line.tell(PROGRESS);
        drop(line);
        written.text()
    }

    #[test]
    fn a_long_reading_is_told_and_wiped() {
        let blank = " ".repeat("reading rules: 41,200 of 100,000".len());
        assert_eq!(
            line(true, Duration::ZERO),
            format!("\rreading rules: 41,200 of 100,000\r{blank}\r")
        );
    }

    #[test]
    fn a_short_reading_and_one_that_nobody_watches_say_nothing() {
        assert_eq!(line(true, Duration::from_secs(3600)), "");
        assert_eq!(line(false, Duration::ZERO), "");
    }
}
