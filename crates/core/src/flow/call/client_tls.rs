//! The files with which requests of a connection use TLS: authorities for the server, and a client certificate.
//! Holds paths only; the program that sends the request reads the files.

use std::fmt;
use std::path::{Path, PathBuf};

/// The `tls` of a connection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ClientTls {
    /// The authorities that may sign the certificate of the server. `None` for those of the system.
    pub ca: Option<PathBuf>,
    pub identity: Option<ClientIdentity>,
}

/// The certificate that a client presents, with its key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientIdentity {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl ClientTls {
    /// The file that a message about all of them names.
    pub fn first_file(&self) -> &Path {
        let certificate = self.identity.as_ref().map(|own| own.certificate.as_path());
        certificate.or(self.ca.as_deref()).unwrap_or(Path::new(""))
    }
}

/// `client certificate crm.pem; authorities of ca.pem only`.
impl fmt::Display for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.identity {
            Some(identity) => write!(f, "client certificate {}; ", identity.certificate.display())?,
            None => write!(f, "no client certificate; ")?,
        }
        match &self.ca {
            Some(ca) => write!(f, "authorities of {} only", ca.display()),
            None => write!(f, "authorities of the system"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_names_the_files_but_not_the_key() {
        let tls = ClientTls {
            ca: Some("ca.pem".into()),
            identity: Some(ClientIdentity {
                certificate: "crm.pem".into(),
                key: "crm.key".into(),
            }),
        };
        assert_eq!(
            tls.to_string(),
            "client certificate crm.pem; authorities of ca.pem only"
        );
        assert_eq!(
            ClientTls::default().to_string(),
            "no client certificate; authorities of the system"
        );
    }
}
