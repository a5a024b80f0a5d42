//! Makes the certificates of a server with TLS, with the program `openssl`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::installation::Installation;

/// The files of a server with TLS: an authority, and a certificate of it for `localhost` and 127.0.0.1.
#[derive(Debug)]
pub struct Certificate {
    folder: PathBuf,
}

impl Certificate {
    /// Makes the files in a folder that the server's user can read.
    pub fn make(folder: &Path, installation: &Installation) -> Self {
        openssl(
            folder,
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
             -subj /CN=authority -keyout ca.key -out ca.pem",
        );
        openssl(
            folder,
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
             -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
             -addext basicConstraints=critical,CA:FALSE -CA ca.pem -CAkey ca.key \
             -keyout server.key -out server.pem",
        );
        for file in ["server.key", "server.pem"] {
            installation.give(&folder.join(file));
        }
        Self {
            folder: folder.to_owned(),
        }
    }

    /// What a client must trust.
    pub fn authority(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// The settings of the server.
    pub fn settings(&self) -> Vec<String> {
        let file =
            |setting: &str, name: &str| format!("{setting}={}", self.folder.join(name).display());
        vec![
            "ssl=on".to_owned(),
            file("ssl_cert_file", "server.pem"),
            file("ssl_key_file", "server.key"),
        ]
    }
}

fn openssl(folder: &Path, arguments: &str) {
    let mut command = Command::new("openssl");
    command.args(arguments.split_whitespace());
    command.current_dir(folder).stdin(Stdio::null());
    let output = command.output();
    let output = output.expect("`openssl` is installed: the tests with TLS need it");
    assert!(output.status.success(), "{command:?}: {output:?}");
    fs::metadata(folder.join("ca.pem")).expect("a certificate");
}
