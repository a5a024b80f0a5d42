//! Files of this repository: paths, texts and the sample events.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::Value;

/// The root of the repository.
pub fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        let own = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = own.ancestors().nth(2).expect("crates/testing is in it");
        root.to_owned()
    });
    &ROOT
}

/// A path in the repository.
pub fn path(name: &str) -> PathBuf {
    root().join(name)
}

/// The text of a file; panics with its path if it cannot be read.
#[track_caller]
pub fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The entries of a folder, sorted.
#[track_caller]
pub fn entries(folder: impl AsRef<Path>) -> Vec<PathBuf> {
    let folder = folder.as_ref();
    let entries = fs::read_dir(folder);
    let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
}

/// The files of a folder with an ending such as `json`, sorted.
#[track_caller]
pub fn files_ending(folder: impl AsRef<Path>, ending: &str) -> Vec<PathBuf> {
    let mut files = entries(folder);
    files.retain(|path| path.extension().is_some_and(|own| own == ending));
    files
}

/// The files of a folder and all folders in it, sorted.
#[track_caller]
pub fn files_below(folder: impl AsRef<Path>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in entries(folder) {
        match path.is_dir() {
            true => files.extend(files_below(&path)),
            false => files.push(path),
        }
    }
    files
}

/// A file's name.
pub fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Every event of `examples/events`, as it is written there and without white space.
pub static SAMPLES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let files = files_below(path("examples/events"));
    let texts = files.iter().flat_map(|file| {
        let text = read(file);
        match file.extension().is_some_and(|end| end == "ndjson") {
            true => text.lines().map(str::to_owned).collect(),
            false => vec![text],
        }
    });
    let both = texts.flat_map(|text| {
        let value: Value = serde_json::from_str(&text).expect("a sample is JSON");
        [value.to_string().into_bytes(), text.into_bytes()]
    });
    both.collect()
});
