//! Reads `verify: { token: … }`: a secret that senders send as it is, in a header or in the query of the URL.

use serde_json::Value;

use crate::config::verification::signature::lower::lower_name;
use crate::diagnostic::{Diagnostics, Report};
use crate::document::Node;
use crate::document::decode::Decode;
use crate::document::vocabulary::{Vocabulary, text, words};

/// A token outside of `Authorization: Bearer …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenScheme {
    /// The name of the scheme.
    pub name: &'static str,
    pub location: TokenLocation,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenLocation {
    /// The complete value of a header; its name is in lower case.
    Header(String),
    /// The value of a parameter of the query.
    Query(String),
}

pub const TOKEN: Vocabulary = Vocabulary {
    name: "`token`",
    words: words! {
        "header" text => "The header whose complete value is the token. `Authorization` for a token without the word `Bearer`.";
        "query" text => "The parameter of the URL whose value is the token: `token` for `?token=…`. Only for senders that cannot set a header.";
    },
};

pub(super) fn schema() -> Value {
    let mut schema = TOKEN.schema(&[]);
    schema["minProperties"] = 1.into();
    schema["maxProperties"] = 1.into();
    schema
}

/// Reads the scheme under `token`; `None` after an error was reported.
pub(super) fn lower(
    options: Option<&Node>,
    verify: &Node,
    diagnostics: &mut Diagnostics,
) -> Option<TokenScheme> {
    let options = options.filter(|options| options.as_map().is_some());
    if let Some(options) = options {
        diagnostics.entries(options, &TOKEN)?;
    }
    let header = options.and_then(|options| options.get("header"));
    let query = options.and_then(|options| options.get("query"));
    let location = match (header, query) {
        (Some(header), None) => {
            let header = lower_name(header, "header", diagnostics)?;
            TokenLocation::Header(header.to_ascii_lowercase())
        }
        (None, Some(query)) => TokenLocation::Query(lower_name(query, "query", diagnostics)?),
        (Some(_), Some(_)) | (None, None) => {
            let message = "`token` takes a `header` or a `query`";
            let help = "write `verify: { token: { header: X-Token } }`";
            return diagnostics.reject_value(verify.at, message, help);
        }
    };
    Some(TokenScheme {
        name: "token",
        location,
    })
}
