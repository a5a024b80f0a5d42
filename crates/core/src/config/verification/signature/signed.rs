//! The signed content of a request: texts with placeholders for parts of the request, such as `{timestamp}.{body}`.
//! Content without the body is an error.

use crate::config::verification::signature::is_name;

/// The parts of the signed content, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedContent(pub Vec<SignedPart>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedPart {
    Body,
    /// The body without leading and trailing white space.
    TrimmedBody,
    /// The time of signing as the request has it.
    Timestamp,
    /// The value of another header; its name is in lower case.
    Header(String),
    /// In upper case.
    Method,
    /// As received, without the query.
    Path,
    /// As received, without the question mark; empty without a query.
    Query,
    /// The complete URL that the sender called.
    Url,
    /// The URL in which the characters that [`DECODED`] lists are not percent-encoded.
    DecodedUrl,
    Text(String),
}

/// What `{decoded_url}` decodes: HubSpot signs its URLs so. Everything else stays percent-encoded.
pub const DECODED: &[u8] = b":/?@!$'()*,;";

/// The placeholders, as messages and documents list them.
pub const PLACEHOLDERS: &str = "{body}, {trimmed_body}, {timestamp}, {header:NAME}, {method}, {path}, {query}, {url} or {decoded_url}";

impl SignedContent {
    /// Parses a text such as `{timestamp}.{body}`; the error says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            if open > 0 {
                parts.push(SignedPart::Text(rest[..open].to_owned()));
            }
            let close = rest[open..].find('}').ok_or("unclosed `{`")? + open;
            parts.push(SignedPart::parse(&rest[open + 1..close])?);
            rest = &rest[close + 1..];
        }
        if !rest.is_empty() {
            parts.push(SignedPart::Text(rest.to_owned()));
        }
        let has_body =
            |part: &SignedPart| matches!(part, SignedPart::Body | SignedPart::TrimmedBody);
        match parts.iter().any(has_body) {
            true => Ok(Self(parts)),
            false => Err("without `{body}`, anyone could change the body".into()),
        }
    }

    pub fn has_timestamp(&self) -> bool {
        self.0.contains(&SignedPart::Timestamp)
    }

    /// Whether the URL that the sender called is signed.
    pub fn has_url(&self) -> bool {
        let is_url = |part: &SignedPart| matches!(part, SignedPart::Url | SignedPart::DecodedUrl);
        self.0.iter().any(is_url)
    }
}

impl SignedPart {
    fn parse(name: &str) -> Result<Self, String> {
        match (name, name.split_once(':')) {
            ("body", _) => Ok(SignedPart::Body),
            ("trimmed_body", _) => Ok(SignedPart::TrimmedBody),
            ("timestamp", _) => Ok(SignedPart::Timestamp),
            ("method", _) => Ok(SignedPart::Method),
            ("path", _) => Ok(SignedPart::Path),
            ("query", _) => Ok(SignedPart::Query),
            ("url", _) => Ok(SignedPart::Url),
            ("decoded_url", _) => Ok(SignedPart::DecodedUrl),
            (_, Some(("header", header))) if is_name(header) => {
                Ok(SignedPart::Header(header.to_ascii_lowercase()))
            }
            _ => Err(format!(
                "unknown placeholder `{{{name}}}`, expected {PLACEHOLDERS}"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_is_parsed() {
        let names = PLACEHOLDERS.replace(" or ", ", ");
        for name in names.split(", ").filter(|name| *name != "{body}") {
            let content = SignedContent::parse(&format!("a{name}b{{body}}"));
            let parts = content.unwrap_or_else(|why| panic!("{name}: {why}")).0;
            assert_eq!(parts.len(), 4, "{name}");
            assert_eq!(parts[0], SignedPart::Text("a".into()));
            assert_eq!(parts[3], SignedPart::Body);
        }
    }

    #[test]
    fn content_that_leaves_the_body_unsigned_is_an_error() {
        for text in [
            "",
            "{timestamp}",
            "{url}{method}",
            "body",
            "{body",
            "{bodies}{body}",
        ] {
            assert!(SignedContent::parse(text).is_err(), "{text}");
        }
    }
}
