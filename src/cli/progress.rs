//! A progress line on the terminal while something takes long, such as loading rules.
//! It appears only on a terminal and only after a moment, and is erased at the end.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::engine::Progress;
use crate::report::render::diagnostics::grouped;

/// The delay before the line appears.
const PROGRESS_DELAY: Duration = Duration::from_millis(500);
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// The line. Dropping it erases it.
pub struct ProgressLine {
    to: Box<dyn Write + Send>,
    on_terminal: bool,
    next: Instant,
    /// The length of the text that is displayed.
    shown: usize,
}

impl ProgressLine {
    /// A line on standard error, so that it does not mix with results.
    pub fn new() -> Self {
        let to = io::stderr();
        let on_terminal = to.is_terminal();
        Self::over(Box::new(to), on_terminal, PROGRESS_DELAY)
    }

    fn over(to: Box<dyn Write + Send>, on_terminal: bool, delay: Duration) -> Self {
        Self {
            to,
            on_terminal,
            next: Instant::now() + delay,
            shown: 0,
        }
    }

    pub fn update(&mut self, progress: Progress) {
        self.show(|| describe(progress));
    }

    /// Shows a text, which is made only if the line is due.
    pub fn show(&mut self, text: impl FnOnce() -> String) {
        if !self.on_terminal || Instant::now() < self.next {
            return;
        }
        self.next = Instant::now() + PROGRESS_INTERVAL;
        self.write(&text());
    }

    /// Ignores write errors: a closed terminal must not stop the command.
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

fn describe(progress: Progress) -> String {
    let (what, read, of) = match progress {
        Progress::Files { read, of } => ("files", read, of),
        Progress::Rules { read, of } => ("rules", read, of),
    };
    format!("reading {what}: {} of {}", grouped(read), grouped(of))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::output::Output;

    const PROGRESS: Progress = Progress::Rules {
        read: 41_200,
        of: 100_000,
    };

    fn line(on_terminal: bool, delay: Duration) -> String {
        let (_, written) = Output::captured();
        let mut line = ProgressLine::over(Box::new(written.clone()), on_terminal, delay);
        line.update(PROGRESS);
        drop(line);
        written.text()
    }

    #[test]
    fn a_long_load_is_reported_and_erased() {
        let blank = " ".repeat("reading rules: 41,200 of 100,000".len());
        assert_eq!(
            line(true, Duration::ZERO),
            format!("\rreading rules: 41,200 of 100,000\r{blank}\r")
        );
    }

    #[test]
    fn a_short_load_or_no_terminal_prints_nothing() {
        assert_eq!(line(true, Duration::from_secs(3600)), "");
        assert_eq!(line(false, Duration::ZERO), "");
    }
}
