//! Files with expected output. `UPDATE_CASES=1` rewrites them.

use std::fs;
use std::path::Path;

/// Whether expected files are to be rewritten.
pub fn is_update() -> bool {
    std::env::var_os("UPDATE_CASES").is_some()
}

/// Compares a text with a file, line ends at the end aside; returns both if they differ. With `UPDATE_CASES` writes the
/// text to the file first.
pub fn difference(file: &Path, actual: &str) -> Option<String> {
    if is_update() {
        fs::write(file, actual).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
    let expected = fs::read_to_string(file).unwrap_or_default();
    (actual != expected).then(|| {
        format!(
            "{}\n--- expected\n{expected}--- actual\n{actual}",
            file.display()
        )
    })
}
