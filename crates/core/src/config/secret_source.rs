//! Reads the source of one secret from the configuration: a variable, a file or a credential, never the value.

use super::vocabulary::SECRET;
use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::decode::Decode;
use crate::document::{Entry, Node};
use crate::secret::SecretSource;

pub(super) fn lower_secret(entry: &Entry, diagnostics: &mut Diagnostics) -> Option<SecretSource> {
    let help = "write { env: VARIABLE }, { file: PATH } or { credential: NAME }; never write the value itself";
    if entry.value.as_map().is_none() {
        let message = format!("the secret `{}` takes a mapping with its source", entry.key);
        return diagnostics.reject(Code::SecretInFile, entry.value.at, message, help);
    }
    let entries = diagnostics.entries(&entry.value, &SECRET)?;
    let [source] = entries else {
        let message = format!(
            "the secret `{}` takes one of env, file, credential",
            entry.key
        );
        return diagnostics.reject_value(entry.value.at, message, help);
    };
    let text = diagnostics.text(&source.value, &source.key)?;
    match source.key.as_str() {
        "env" => Some(SecretSource::Env(text)),
        "file" => Some(SecretSource::File(text.into())),
        "credential" => lower_credential(text, &source.value, diagnostics),
        _ => None,
    }
}

/// A name, never a path: systemd accepts no other.
fn lower_credential(
    name: String,
    node: &Node,
    diagnostics: &mut Diagnostics,
) -> Option<SecretSource> {
    if name.is_empty() || name == "." || name == ".." || name.contains('/') {
        let message = format!("invalid name `{name}` of a credential");
        let help = "write the name before the `:` of `LoadCredential=NAME:FILE`";
        return diagnostics.reject_value(node.at, message, help);
    }
    Some(SecretSource::Credential(name))
}
