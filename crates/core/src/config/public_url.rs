//! Reads `listen.public_url`: the address by which people reach the events listener, as the links of answers begin.

use serde_json::{Value, json};
use url::Url;

use crate::diagnostic::{Diagnostics, Report};
use crate::document::Node;
use crate::document::decode::Decode;

const EXAMPLE: &str = "https://hooks.example.com";

pub(super) fn schema() -> Value {
    json!({"type": "string", "format": "uri", "examples": [EXAMPLE]})
}

/// Reports what is not such an address, and leaves it out.
pub(super) fn lower(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let text = diagnostics.text(node, "public_url")?;
    match read(&text) {
        Ok(url) => Some(url),
        Err(why) => {
            let message = format!("`public_url` {why}");
            let help = format!("write the address that people use: `{EXAMPLE}`");
            diagnostics.reject_value(node.at, message, &help)
        }
    }
}

/// The address without a slash at its end; otherwise what is wrong with it.
pub(super) fn read(text: &str) -> Result<String, String> {
    let url = Url::parse(text.trim()).map_err(|error| format!("is not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err("starts neither with `https://` nor with `http://`".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a query or a fragment, behind which no path can follow".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("contains a user or a password, which every link would show".to_owned());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_without_the_slash_at_its_end() {
        for (text, url) in [
            ("https://hooks.example.com", "https://hooks.example.com"),
            ("https://hooks.example.com/", "https://hooks.example.com"),
            ("http://10.0.0.7:8080/desk/", "http://10.0.0.7:8080/desk"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(url), "{text}");
        }
    }

    #[test]
    fn what_cannot_start_a_link_is_refused() {
        for (text, part) in [
            ("hooks.example.com", "is not a URL"),
            ("ftp://hooks.example.com", "neither"),
            ("https://hooks.example.com/?a=b", "query"),
            ("https://hooks.example.com/#a", "fragment"),
            ("https://me:secret@hooks.example.com", "password"),
        ] {
            let why = read(text).expect_err(text);
            assert!(why.contains(part), "{text}: {why}");
        }
    }
}
