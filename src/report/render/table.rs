//! Rows in aligned columns under headings. Each column is as wide as its widest cell.
//! Lines are cut only on a terminal, at its width.

use std::io::{self, Write};

use crate::report::output::Output;
use crate::report::render::color::{Paint, Tone};
use crate::report::render::escape::plain;
use crate::report::render::width::{cut, padded, width};

#[derive(Debug, Default)]
pub struct Table {
    lines: Vec<TableLine>,
}

#[derive(Debug)]
enum TableLine {
    Heading(String),
    Row {
        cells: Vec<String>,
        tone: Option<Tone>,
    },
    /// Belongs to the row before it.
    Note(String),
}

const BOLD: &str = "\u{1b}[1m";
const PLAIN: &str = "\u{1b}[0m";

impl Table {
    /// Adds a heading for the rows that follow, after a blank line.
    pub fn heading(&mut self, text: impl Into<String>) {
        self.lines.push(TableLine::Heading(text.into()));
    }

    pub fn row<'a>(
        &mut self,
        cells: impl IntoIterator<Item = impl Into<std::borrow::Cow<'a, str>>>,
    ) {
        let (cells, tone) = (escaped(cells), None);
        self.lines.push(TableLine::Row { cells, tone });
    }

    /// Adds a row in a colour.
    pub fn row_in<'a>(
        &mut self,
        tone: Tone,
        cells: impl IntoIterator<Item = impl Into<std::borrow::Cow<'a, str>>>,
    ) {
        let (cells, tone) = (escaped(cells), Some(tone));
        self.lines.push(TableLine::Row { cells, tone });
    }

    /// Adds a line without columns below the row before it.
    pub fn note(&mut self, text: &str) {
        self.lines.push(TableLine::Note(plain(text).into_owned()));
    }

    /// Writes the rows with two spaces before each column.
    pub fn write(&self, out: &mut Output) -> io::Result<()> {
        let widths = self.widths();
        for (number, line) in self.lines.iter().enumerate() {
            match line {
                TableLine::Heading(text) => {
                    let gap = if number == 0 { "" } else { "\n" };
                    match out.color {
                        true => writeln!(out, "{gap}{BOLD}{text}{PLAIN}")?,
                        false => writeln!(out, "{gap}{text}")?,
                    }
                }
                TableLine::Note(text) => writeln!(out, "{}", fit(text, out))?,
                TableLine::Row { cells, tone } => {
                    let line = fit(&join(cells, &widths), out);
                    match tone {
                        Some(tone) => {
                            let painted = Paint::new(out).tone(*tone, &line).to_string();
                            writeln!(out, "{painted}")?;
                        }
                        None => writeln!(out, "{line}")?,
                    }
                }
            }
        }
        Ok(())
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths = Vec::new();
        for cells in self.lines.iter().filter_map(TableLine::cells) {
            widths.resize(widths.len().max(cells.len()), 0);
            for (widest, cell) in widths.iter_mut().zip(cells) {
                *widest = width(cell).max(*widest);
            }
        }
        widths
    }
}

impl TableLine {
    fn cells(&self) -> Option<&[String]> {
        match self {
            TableLine::Heading(_) | TableLine::Note(_) => None,
            TableLine::Row { cells, .. } => Some(cells),
        }
    }
}

fn escaped<'a>(
    cells: impl IntoIterator<Item = impl Into<std::borrow::Cow<'a, str>>>,
) -> Vec<String> {
    let cells = cells.into_iter();
    cells.map(|cell| plain(&cell.into()).into_owned()).collect()
}

fn join(cells: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        line.push_str("  ");
        line.push_str(&padded(cell, *width));
    }
    line.truncate(line.trim_end().len());
    line
}

/// Cuts a line at the width of the terminal. Other outputs get the whole line.
fn fit(line: &str, out: &Output) -> String {
    match out.terminal {
        true => cut(line, out.width),
        false => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(table: &Table, prepare: fn(&mut Output)) -> String {
        let (mut out, written) = Output::captured();
        prepare(&mut out);
        table.write(&mut out).unwrap();
        written.text()
    }

    #[test]
    fn columns_are_aligned_and_lines_end_with_text() {
        let mut table = Table::default();
        table.heading("letters");
        table.row(["a", "b", "long text"]);
        table.row(["wörter", "", ""]);
        table.row(["東京", "d", ""]);
        table.heading("more");
        table.row(["c"]);
        assert_eq!(
            written(&table, |_| {}),
            "letters\n  a       b  long text\n  wörter\n  東京    d\n\nmore\n  c\n"
        );
    }

    #[test]
    fn a_terminal_gets_one_line_per_row() {
        let mut table = Table::default();
        table.row(["a", &"x".repeat(200)]);
        let on_terminal = written(&table, |out| out.terminal = true);
        assert_eq!(on_terminal.trim_end().chars().count(), 100);
        assert!(written(&table, |_| {}).len() > 200);
    }
}
