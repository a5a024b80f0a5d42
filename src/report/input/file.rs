//! Splits a file or standard input into parts with complete events: lines, or the whole file.
//! The first line decides: if it is a complete JSON text, every line is a part.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::iter::FlatMap;
use std::path::{Path, PathBuf};
use std::vec::IntoIter;

use crate::report::input::ReadEventError;
use flowtrigger_core::event::json::parse::parse;
use flowtrigger_core::event::json::utf16::wide_encoding;

/// The parts of one file, in order.
pub struct InputFile {
    name: String,
    state: FileState,
}

/// The parts of several files, in order. A file is opened when the one before it has ended.
pub type InputParts = FlatMap<IntoIter<PathBuf>, InputFile, fn(PathBuf) -> InputFile>;

pub fn parts(files: &[PathBuf]) -> InputParts {
    Vec::from(files).into_iter().flat_map(InputFile::new)
}

/// A part and its location.
pub struct InputPart {
    /// The name of the file for messages.
    pub name: String,
    /// The number of lines before it.
    pub above: usize,
    pub bytes: Result<Vec<u8>, ReadEventError>,
}

enum FileState {
    Closed(PathBuf),
    /// Each line is a part; with the number of lines read.
    Open(Box<dyn BufRead + Send>, usize),
    Ended,
}

impl InputFile {
    fn new(file: PathBuf) -> Self {
        Self {
            name: file_name(&file),
            state: FileState::Closed(file),
        }
    }

    fn part(&self, above: usize, bytes: Result<Vec<u8>, ReadEventError>) -> InputPart {
        InputPart {
            name: self.name.clone(),
            above,
            bytes,
        }
    }

    /// Returns the first line, or the whole file if the first line is not complete.
    fn first(&mut self, mut reader: Box<dyn BufRead + Send>) -> InputPart {
        let mut bytes = Vec::new();
        let read = first_line(&mut reader, &mut bytes).and_then(|lines| {
            if is_complete(&bytes) {
                return Ok(Some(lines));
            }
            reader.read_to_end(&mut bytes).map(|_| None)
        });
        match read {
            Ok(_) if let Some(encoding) = wide_encoding(&bytes) => {
                self.part(0, Err(wide_error(encoding)))
            }
            Ok(Some(lines)) => {
                self.state = FileState::Open(reader, lines);
                self.part(0, Ok(bytes))
            }
            Ok(None) => self.part(0, Ok(bytes)),
            Err(error) => self.part(0, Err(read_error(&error))),
        }
    }
}

impl Iterator for InputFile {
    type Item = InputPart;

    fn next(&mut self) -> Option<InputPart> {
        match std::mem::replace(&mut self.state, FileState::Ended) {
            FileState::Closed(file) if is_yaml(&file) => Some(self.part(0, Err(yaml_error(&file)))),
            FileState::Closed(file) => Some(match open(&file) {
                Ok(reader) => self.first(reader),
                Err(error) => self.part(0, Err(error)),
            }),
            FileState::Open(mut reader, mut above) => loop {
                let mut line = Vec::new();
                match reader.read_until(b'\n', &mut line) {
                    Ok(0) => return None,
                    Ok(_) if line.trim_ascii().is_empty() => above += 1,
                    Ok(_) => {
                        self.state = FileState::Open(reader, above + 1);
                        // Trimmed, so that errors at the end of a line point to this line.
                        line.truncate(line.trim_ascii_end().len());
                        return Some(self.part(above, Ok(line)));
                    }
                    Err(error) => {
                        return Some(self.part(above, Err(read_error(&error))));
                    }
                }
            },
            FileState::Ended => None,
        }
    }
}

/// Reads up to and including the first line that is not blank; returns the number of lines read.
fn first_line(reader: &mut impl BufRead, bytes: &mut Vec<u8>) -> io::Result<usize> {
    let mut lines = 0;
    loop {
        let start = bytes.len();
        if reader.read_until(b'\n', bytes)? == 0 {
            return Ok(lines);
        }
        lines += 1;
        if !bytes[start..].trim_ascii().is_empty() {
            return Ok(lines);
        }
    }
}

/// Whether the line is a complete JSON text without indentation. Then every line is one.
fn is_complete(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = text.trim_ascii_end();
    let start = text
        .iter()
        .position(|byte| !b"\r\n".contains(byte))
        .unwrap_or(0);
    matches!(text.get(start), Some(b'{' | b'[')) && parse(text).is_ok()
}

/// The name of a file in messages.
pub fn file_name(file: &Path) -> String {
    match file.to_str() {
        Some("-") => "standard input".into(),
        _ => file.display().to_string(),
    }
}

fn is_yaml(file: &Path) -> bool {
    file.extension()
        .is_some_and(|end| end == "yaml" || end == "yml")
}

fn wide_error(encoding: &str) -> ReadEventError {
    ReadEventError {
        message: format!("this file is {encoding}, and events are UTF-8"),
        help: Some("save it as UTF-8; in PowerShell, write it with `-Encoding utf8`".into()),
    }
}

/// The error for a rule file in place of an event.
fn yaml_error(file: &Path) -> ReadEventError {
    let file = file.display();
    ReadEventError {
        message: "a YAML file, and events are JSON".into(),
        help: Some(format!(
            "pass a rule file as `--rules {file}`, in addition to the file of an event"
        )),
    }
}

pub fn open(file: &Path) -> Result<Box<dyn BufRead + Send>, ReadEventError> {
    if file == Path::new("-") {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let opened = File::open(file).and_then(|opened| match opened.metadata()?.is_dir() {
        true => Err(io::Error::from(io::ErrorKind::IsADirectory)),
        false => Ok(opened),
    });
    match opened {
        Ok(file) => Ok(Box::new(BufReader::new(file))),
        Err(error) => Err(open_error(&error)),
    }
}

fn open_error(error: &io::Error) -> ReadEventError {
    let help = match error.kind() {
        io::ErrorKind::IsADirectory => "it is a folder; name the files in it",
        io::ErrorKind::NotFound => {
            "`flowtrigger events TYPE --sample` prints an event of any type to start from"
        }
        _ => "check its permissions",
    };
    ReadEventError {
        message: format!("failed to read this file: {error}"),
        help: Some(help.into()),
    }
}

pub fn read_error(error: &io::Error) -> ReadEventError {
    ReadEventError {
        message: format!("failed to read this file: {error}"),
        help: Some("write events to it, or name a file".into()),
    }
}

#[cfg(test)]
mod tests {
    use crate::report::input::file::*;

    fn parts(text: &str) -> Vec<(usize, String)> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("events");
        std::fs::write(&file, text).expect("a file");
        let parts = InputFile::new(file);
        parts
            .map(|part| {
                let bytes = part.bytes.expect("read");
                (
                    part.above,
                    String::from_utf8(bytes).expect("UTF-8").trim().to_owned(),
                )
            })
            .collect()
    }

    #[test]
    fn complete_lines_are_separate_parts() {
        let found = parts("\n{\"a\":1}\n\n{\"a\":\n[1]\n");
        let expected = [(0, "{\"a\":1}"), (3, "{\"a\":"), (4, "[1]")];
        assert_eq!(
            found,
            expected.map(|(above, text)| (above, text.to_owned()))
        );
    }

    #[test]
    fn a_text_over_several_lines_is_one_part() {
        for text in [
            "{\n\"a\": 1\n}",
            "[{\"a\":1},\n{\"a\":2}]",
            "no JSON\n{\"a\":1}",
            "",
        ] {
            assert_eq!(parts(text), [(0, text.to_owned())]);
        }
    }
}
