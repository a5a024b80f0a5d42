//! Reads a secret from its place, an environment variable or a file, and words why it cannot be had.
//! It refuses empty values and files too long to be a key, and never tells what it read.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::SecretValue;
use crate::core::secret::SecretPlace;

/// A key or a token is short; whatever is longer than this was not meant.
const FILE_CAP: u64 = 64 * 1024;

/// A secret that a rule names and that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    pub name: String,
    pub place: SecretPlace,
    pub why: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, place, why } = self;
        match place {
            SecretPlace::Env(variable) => write!(
                f,
                "secret `{name}`: the environment variable `{variable}` {why}; set it, or name \
                 another place for the secret in the configuration"
            ),
            SecretPlace::File(path) => write!(
                f,
                "secret `{name}`: the file `{}` {why}; write the value to it, or name another \
                 place for the secret in the configuration",
                path.display()
            ),
        }
    }
}

pub(super) fn read(name: &str, place: &SecretPlace) -> Result<SecretValue, String> {
    let value = match place {
        SecretPlace::Env(variable) => read_env(variable)?,
        SecretPlace::File(path) => read_file(&file_of(name, path))?,
    };
    // An empty value is a forgotten one; it would also make every text look like a secret.
    if value.is_empty() {
        return Err("is empty".into());
    }
    Ok(SecretValue::new(value))
}

fn read_env(variable: &str) -> Result<String, String> {
    match std::env::var(variable) {
        Ok(value) => Ok(value),
        Err(std::env::VarError::NotPresent) => Err("is not set".into()),
        Err(std::env::VarError::NotUnicode(_)) => Err("is not UTF-8".into()),
    }
}

fn file_of(name: &str, path: &Path) -> PathBuf {
    if path.is_dir() {
        return path.join(name);
    }
    path.to_owned()
}

fn read_file(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_CAP + 1).read_to_end(&mut bytes))
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => "does not exist".to_owned(),
            _ => format!("cannot be read ({error})"),
        })?;
    if bytes.len() as u64 > FILE_CAP {
        return Err(format!("is longer than {FILE_CAP} bytes"));
    }
    let mut value = String::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())?;
    // Editors and `echo` end a file with a newline that is not part of the value.
    if value.ends_with('\n') {
        value.pop();
        if value.ends_with('\r') {
            value.pop();
        }
    }
    Ok(value)
}
