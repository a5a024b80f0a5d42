//! Reads `tls` of a listener and of a connection: the paths of certificates, keys and authorities.
//! A certificate without its key, and a key without its certificate, are errors.

use std::path::PathBuf;

use crate::diagnostic::{Code, Diagnostics, Report, Span};
use crate::document::Node;
use crate::document::decode::Decode;
use crate::document::vocabulary::{Vocabulary, text, words};
use crate::flow::call::{ClientIdentity, ClientTls};

/// The certificate of a listener and its key, as PEM files.
#[derive(Debug, Clone, Eq, Default)]
pub struct ServerTls {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// The span of `tls`.
    pub at: Span,
}

/// Equal if the files are the same, wherever they are written.
impl PartialEq for ServerTls {
    fn eq(&self, other: &Self) -> bool {
        (&self.certificate, &self.key) == (&other.certificate, &other.key)
    }
}

pub const SERVER_TLS: Vocabulary = Vocabulary {
    name: "`tls` of a listener",
    words: words! {
        "certificate" text =>
            "The PEM file with the certificate, followed by the intermediate certificates.";
        "key" text => "The PEM file with the private key of the certificate, not encrypted.";
    },
};

pub const CLIENT_TLS: Vocabulary = Vocabulary {
    name: "`tls` of a connection",
    words: words! {
        "ca" text =>
            "The PEM file with the authorities that may sign the certificate of the server. It replaces those of the system for this connection. Default: those of the system.";
        "certificate" text =>
            "The PEM file with the client certificate, followed by the intermediate certificates. Requires `key`. Default: no client certificate.";
        "key" text => "The PEM file with the private key of the client certificate, not encrypted.";
    },
};

pub fn server_schema() -> serde_json::Value {
    SERVER_TLS.schema(&["certificate", "key"])
}

pub fn client_schema() -> serde_json::Value {
    CLIENT_TLS.schema(&[])
}

/// Reads `tls` of a listener; `None` after an error was reported.
pub fn lower_server(node: &Node, diagnostics: &mut Diagnostics) -> Option<ServerTls> {
    diagnostics.entries(node, &SERVER_TLS)?;
    let pair = lower_pair(node, diagnostics)?;
    let Some(ClientIdentity { certificate, key }) = pair else {
        let message = "`tls` has no `certificate`";
        let help = "write `tls: { certificate: FILE, key: FILE }`";
        return diagnostics.reject(Code::MissingKey, node.at, message, help);
    };
    Some(ServerTls {
        certificate,
        key,
        at: node.at,
    })
}

/// Reads `tls` of a connection; `None` after an error was reported.
pub fn lower_client(node: &Node, diagnostics: &mut Diagnostics) -> Option<ClientTls> {
    diagnostics.entries(node, &CLIENT_TLS)?;
    let ca = match node.get("ca") {
        Some(ca) => Some(lower_path(ca, "ca", diagnostics)?),
        None => None,
    };
    let identity = lower_pair(node, diagnostics)?;
    if ca.is_none() && identity.is_none() {
        let message = "`tls` names no file";
        let help = "add `ca: FILE`, or `certificate: FILE` with `key: FILE`; remove `tls` if the authorities of the system are enough";
        return diagnostics.reject(Code::MissingKey, node.at, message, help);
    }
    Some(ClientTls { ca, identity })
}

/// The certificate and its key. The outer None follows after an error.
fn lower_pair(node: &Node, diagnostics: &mut Diagnostics) -> Option<Option<ClientIdentity>> {
    let (certificate, key) = match (node.get("certificate"), node.get("key")) {
        (None, None) => return Some(None),
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(_), None) => {
            let message = "`certificate` has no `key`";
            let help = "add `key: FILE`; it may be the same file if that contains both";
            return diagnostics.reject(Code::MissingKey, node.at, message, help);
        }
        (None, Some(_)) => {
            let message = "`key` has no `certificate`";
            let help = "add `certificate: FILE`; it may be the same file if that contains both";
            return diagnostics.reject(Code::MissingKey, node.at, message, help);
        }
    };
    let certificate = lower_path(certificate, "certificate", diagnostics);
    let key = lower_path(key, "key", diagnostics);
    Some(Some(ClientIdentity {
        certificate: certificate?,
        key: key?,
    }))
}

fn lower_path(node: &Node, key: &str, diagnostics: &mut Diagnostics) -> Option<PathBuf> {
    let text = diagnostics.text(node, key)?;
    if text.contains("-----BEGIN") {
        let message = format!("`{key}` takes the path of a file, found its content");
        let help = "write the PEM text to a file, and its path here";
        return diagnostics.reject(Code::SecretInFile, node.at, message, help);
    }
    if text.trim().is_empty() {
        let message = format!("`{key}` is empty");
        return diagnostics.reject_value(node.at, message, "write the path of a PEM file");
    }
    Some(text.into())
}
