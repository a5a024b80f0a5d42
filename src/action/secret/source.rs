//! Reads a secret from its source, an environment variable, a file or a credential, and describes why it cannot be read.
//! Empty values and files over 64 KiB are rejected. Messages never contain the value.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flowtrigger_core::secret::SecretSource;
use flowtrigger_core::secret::SecretValue;

/// Keys and tokens are short; a longer file is a mistake.
const FILE_CAP: u64 = 64 * 1024;

/// Why a file is not read that belongs to another user.
const DENIED: &str = "cannot be read: permission denied";

/// A secret of a rule that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingSecret {
    pub name: String,
    pub place: SecretSource,
    pub why: String,
}

impl fmt::Display for MissingSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, place, why } = self;
        match place {
            SecretSource::Env(variable) => write!(
                f,
                "secret `{name}`: the environment variable `{variable}` {why}; set it, or configure another source for the secret"
            ),
            SecretSource::File(path) if self.is_denied() => write!(
                f,
                "secret `{name}`: the file `{}` {why}; give the user that runs flowtrigger read permission",
                path.display()
            ),
            SecretSource::File(path) => write!(
                f,
                "secret `{name}`: the file `{}` {why}; write the value to it, or configure another source for the secret",
                path.display()
            ),
            SecretSource::Credential(credential) => write!(
                f,
                "secret `{name}`: the credential `{credential}` {why}; add `LoadCredential={credential}:FILE` to the unit of the daemon, or configure another source for the secret"
            ),
        }
    }
}

impl MissingSecret {
    /// Whether the file exists and this user may not read it.
    pub fn is_denied(&self) -> bool {
        self.why == DENIED
    }
}

pub(super) fn read(name: &str, place: &SecretSource) -> Result<SecretValue, String> {
    let value = match place {
        SecretSource::Env(variable) => read_env(variable)?,
        SecretSource::File(path) => read_file(&file_of(name, path))?,
        SecretSource::Credential(credential) => read_file(&credential_file(credential)?)?,
    };
    // An empty value was forgotten, and it would be found in every text.
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

/// The folder in which systemd gives a service its credentials.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

fn credential_file(credential: &str) -> Result<PathBuf, String> {
    let folder = std::env::var_os(CREDENTIALS).filter(|folder| !folder.is_empty());
    let folder = folder.ok_or_else(|| format!("is not available: `{CREDENTIALS}` is not set"))?;
    Ok(Path::new(&folder).join(credential))
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
            io::ErrorKind::PermissionDenied => DENIED.to_owned(),
            _ => format!("cannot be read ({error})"),
        })?;
    if bytes.len() as u64 > FILE_CAP {
        return Err(format!("is longer than {FILE_CAP} bytes"));
    }
    let mut value = String::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())?;
    // Editors and `echo` end a file with a newline, which is not part of the value.
    if value.ends_with('\n') {
        value.pop();
        if value.ends_with('\r') {
            value.pop();
        }
    }
    Ok(value)
}
