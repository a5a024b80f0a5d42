//! Reads the text of one file. A file that is not UTF-8 is an error with the byte offset.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::report;
use super::unsaved::UnsavedTexts;
use flowtrigger_core::config::{CalendarFile, UnreadableCalendar};
use flowtrigger_core::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Files, Span};
use flowtrigger_core::event::json::utf16::wide_encoding;

/// Adds a file's text. None if it could not be read, which is reported.
pub fn read(
    path: &Path,
    unsaved: &UnsavedTexts,
    files: &mut Files,
    diagnostics: &mut Diagnostics,
) -> Option<FileId> {
    if let Some(text) = unsaved.get(path) {
        return Some(files.add(path.to_string_lossy(), text));
    }
    let bytes = match bytes(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            unreadable(path, &error, files, diagnostics);
            return None;
        }
    };
    if let Some(encoding) = wide_encoding(&bytes) {
        let message = format!("`{}`: this file is {encoding}", path.display());
        let help = "save it as UTF-8; in PowerShell, write it with `-Encoding utf8`";
        report(path, message, help, Code::Unreadable, files, diagnostics);
        return None;
    }
    match String::from_utf8(bytes) {
        Ok(text) => {
            let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
            Some(files.add(path.to_string_lossy(), text))
        }
        Err(error) => {
            let valid_up_to = error.utf8_error().valid_up_to();
            not_utf_8(path, error.as_bytes(), valid_up_to, files, diagnostics);
            None
        }
    }
}

/// Reads a calendar that the configuration names. What is wrong is reported where it is named.
pub fn calendar(path: &Path, files: &mut Files) -> Result<CalendarFile, UnreadableCalendar> {
    let unreadable = |(message, help): (String, &str)| UnreadableCalendar {
        message,
        help: help.to_owned(),
    };
    let bytes = bytes(path).map_err(|error| unreadable(reason(path, &error)))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let message = format!("`{}` is not UTF-8 at byte {valid}", path.display());
        unreadable((message, "save it as UTF-8"))
    })?;
    let text: Arc<str> = text.into();
    Ok(CalendarFile {
        file: files.add(path.to_string_lossy(), Arc::clone(&text)),
        text,
    })
}

fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    // Reading a pipe or a device could block forever.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    fs::read(path)
}

fn unreadable(path: &Path, error: &io::Error, files: &mut Files, diagnostics: &mut Diagnostics) {
    let (message, help) = reason(path, error);
    report(path, message, help, Code::Unreadable, files, diagnostics);
}

/// Why a file cannot be read, and what to do.
fn reason(path: &Path, error: &io::Error) -> (String, &'static str) {
    match error.kind() {
        io::ErrorKind::NotFound => (
            format!("`{}` does not exist", path.display()),
            "create it, or choose another file",
        ),
        io::ErrorKind::PermissionDenied => (
            format!("no permission to read `{}`", path.display()),
            "give the user that runs flowtrigger read permission",
        ),
        _ => (
            format!("failed to read `{}`: {error}", path.display()),
            "check that it is a readable file",
        ),
    }
}

fn not_utf_8(
    path: &Path,
    bytes: &[u8],
    offset: usize,
    files: &mut Files,
    diagnostics: &mut Diagnostics,
) {
    let before = String::from_utf8_lossy(&bytes[..offset]);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let at = Span {
        file: files.add(path.to_string_lossy(), String::from_utf8_lossy(bytes)),
        line: small(before.matches('\n').count() + 1),
        column: small(before[line_start..].chars().count() + 1),
        start: small(offset),
        len: 1,
    };
    let message = format!("`{}` is not UTF-8 at byte {offset}", path.display());
    let help = "save it as UTF-8";
    diagnostics.push(Diagnostic::error(Code::Unreadable, at, message).help(help));
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
