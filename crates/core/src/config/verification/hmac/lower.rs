//! Reads `verify: { hmac: … }`. A timestamp that is not signed, and a signed timestamp without a header, are errors.

use crate::config::verification::hmac::{
    Algorithm, HMAC, HmacScheme, KeyEncoding, SignatureCount, SignatureEncoding, SignedContent,
    SignedPart, TimestampFormat, TimestampHeader, is_header,
};
use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::Node;
use crate::document::decode::Decode;

/// Reads the scheme under `hmac`; `None` after an error was reported.
pub fn lower(
    options: Option<&Node>,
    verify: &Node,
    diagnostics: &mut Diagnostics,
) -> Option<HmacScheme> {
    let options = options.filter(|options| options.as_map().is_some());
    if let Some(options) = options {
        diagnostics.entries(options, &HMAC)?;
    }
    let Some((options, header)) =
        options.and_then(|options| Some((options, options.get("header")?)))
    else {
        let help = "write `verify: { hmac: { header: X-Signature } }`";
        diagnostics.error(Code::MissingKey, verify.at, "`hmac` needs a `header`", help);
        return None;
    };
    let header = lower_header(header, "header", diagnostics);
    let algorithm = one_of(
        options,
        "algorithm",
        "sha256, sha512 or sha1",
        diagnostics,
        Algorithm::parse,
    );
    let encoding = one_of(
        options,
        "encoding",
        "hex or base64",
        diagnostics,
        SignatureEncoding::parse,
    );
    let key = one_of(
        options,
        "key",
        "verbatim or base64",
        diagnostics,
        KeyEncoding::parse,
    );
    let prefix = options
        .get("prefix")
        .map(|node| diagnostics.text(node, "prefix"));
    let signed = lower_signed(options, diagnostics);
    let stamp = lower_stamp(options, diagnostics);
    let hmac = HmacScheme {
        name: "hmac",
        header: header?,
        algorithm: algorithm?.unwrap_or(Algorithm::Sha256),
        encoding: encoding?.unwrap_or(SignatureEncoding::Hex),
        prefix: prefix.map_or(Some(String::new()), |prefix| prefix)?,
        signatures: SignatureCount::One,
        signed: signed?,
        stamp: stamp?,
        key: key?.unwrap_or(KeyEncoding::Verbatim),
        test_secret: None,
    };
    check_stamp(hmac, options, diagnostics)
}

/// Checks that a timestamp is signed, and that a signed timestamp has a header.
fn check_stamp(
    hmac: HmacScheme,
    options: &Node,
    diagnostics: &mut Diagnostics,
) -> Option<HmacScheme> {
    let (message, help) = match (&hmac.stamp, hmac.signed.has_timestamp()) {
        (Some(_), true) | (None, false) => return Some(hmac),
        (Some(_), false) => (
            "the `timestamp` is not signed: anyone could change it",
            "write `signed: \"{timestamp}.{body}\"`, as the sender does",
        ),
        (None, true) => (
            "`signed` contains `{timestamp}`, but no header for it is set",
            "add `timestamp: HEADER`",
        ),
    };
    diagnostics.error(Code::InvalidValue, options.at, message, help);
    None
}

fn one_of<T>(
    options: &Node,
    key: &str,
    expected: &str,
    diagnostics: &mut Diagnostics,
    parse: fn(&str) -> Option<T>,
) -> Option<Option<T>> {
    let Some(node) = options.get(key) else {
        return Some(None);
    };
    let parsed = node.as_text().and_then(parse);
    if parsed.is_none() {
        let message = format!("`{key}` takes {expected}");
        diagnostics.error(Code::InvalidValue, node.at, message, "");
    }
    parsed.map(Some)
}

fn lower_header(node: &Node, key: &str, diagnostics: &mut Diagnostics) -> Option<String> {
    let name = diagnostics.text(node, key)?;
    if is_header(&name) {
        return Some(name.to_ascii_lowercase());
    }
    let message = format!("`{}` is not a header name", name.escape_debug());
    let help = "use letters, digits and `-`";
    diagnostics.error(Code::InvalidValue, node.at, message, help);
    None
}

fn lower_signed(options: &Node, diagnostics: &mut Diagnostics) -> Option<SignedContent> {
    let Some(node) = options.get("signed") else {
        return Some(SignedContent(vec![SignedPart::Body]));
    };
    match SignedContent::parse(&diagnostics.text(node, "signed")?) {
        Ok(signed) => Some(signed),
        Err(why) => {
            let message = format!("invalid `signed`: {why}");
            let help = "write `{body}`, or `{timestamp}.{body}`";
            diagnostics.error(Code::InvalidValue, node.at, message, help);
            None
        }
    }
}

/// Reads the timestamp header; the inner `None` is a scheme without one.
fn lower_stamp(options: &Node, diagnostics: &mut Diagnostics) -> Option<Option<TimestampHeader>> {
    let window = crate::config::verification::preset::window(Some(options), diagnostics);
    match options.get("timestamp") {
        Some(node) => {
            let header = lower_header(node, "timestamp", diagnostics)?;
            Some(Some(TimestampHeader {
                header,
                form: TimestampFormat::Seconds,
                window: window?,
            }))
        }
        None if options.get("window").is_some() => {
            let help = "add `timestamp: HEADER`, or remove `window`";
            let message = "a `window` needs the time of signing";
            diagnostics.error(Code::MissingKey, options.at, message, help);
            None
        }
        None => Some(None),
    }
}
