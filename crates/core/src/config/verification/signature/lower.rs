//! Reads `verify: { hmac: … }` and `verify: { ed25519: … }`. A timestamp that is not signed, and a signed timestamp
//! without a header, are errors.

use crate::config::verification::preset;
use crate::config::verification::signature::{
    Algorithm, ED25519, HMAC, KeyEncoding, Separator, SignatureCount, SignatureEncoding,
    SignatureScheme, SignedContent, SigningTime, TIMESTAMP, TimestampFormat, TimestampLocation,
    is_name,
};
use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::Node;
use crate::document::decode::Decode;
use crate::document::vocabulary::Vocabulary;

/// Reads the scheme under `hmac`; `None` after an error was reported.
pub fn lower_hmac(
    options: Option<&Node>,
    verify: &Node,
    diagnostics: &mut Diagnostics,
) -> Option<SignatureScheme> {
    let options = with_header("hmac", options, verify, &HMAC, diagnostics)?;
    let algorithm = one_of(
        options,
        "algorithm",
        "sha256, sha512 or sha1",
        diagnostics,
        Algorithm::parse,
    );
    let key = one_of(
        options,
        "key",
        "verbatim or base64",
        diagnostics,
        KeyEncoding::parse,
    );
    let scheme = lower(options, "hmac", diagnostics);
    Some(SignatureScheme {
        algorithm: algorithm?.unwrap_or(Algorithm::Sha256),
        key: key?.unwrap_or(KeyEncoding::Verbatim),
        ..scheme?
    })
}

/// Reads the scheme under `ed25519`; `None` after an error was reported.
pub fn lower_ed25519(
    options: Option<&Node>,
    verify: &Node,
    diagnostics: &mut Diagnostics,
) -> Option<SignatureScheme> {
    let options = with_header("ed25519", options, verify, &ED25519, diagnostics)?;
    Some(SignatureScheme {
        algorithm: Algorithm::Ed25519,
        ..lower(options, "ed25519", diagnostics)?
    })
}

/// Returns the options of a scheme, which must have a `header`.
fn with_header<'n>(
    name: &str,
    options: Option<&'n Node>,
    verify: &Node,
    words: &Vocabulary,
    diagnostics: &mut Diagnostics,
) -> Option<&'n Node> {
    let options = options.filter(|options| options.as_map().is_some());
    if let Some(options) = options {
        diagnostics.entries(options, words)?;
    }
    let with_header = options.filter(|options| options.get("header").is_some());
    if with_header.is_none() {
        let help = format!("write `verify: {{ {name}: {{ header: X-Signature }} }}`");
        let message = format!("`{name}` needs a `header`");
        diagnostics.error(Code::MissingKey, verify.at, message, &help);
    }
    with_header
}

/// Reads what both kinds of signatures have.
fn lower(
    options: &Node,
    name: &'static str,
    diagnostics: &mut Diagnostics,
) -> Option<SignatureScheme> {
    let header = lower_name(options.get("header")?, "header", diagnostics);
    let encoding = one_of(
        options,
        "encoding",
        "hex, base64 or base64url",
        diagnostics,
        SignatureEncoding::parse,
    );
    let separator = one_of(
        options,
        "separator",
        "comma, semicolon or space",
        diagnostics,
        Separator::parse,
    );
    let prefix = options
        .get("prefix")
        .map(|node| diagnostics.text(node, "prefix"));
    let signed = lower_signed(options, diagnostics);
    let stamp = lower_stamp(options, diagnostics);
    let (separator, stamp) = (separator?, stamp?);
    let scheme = SignatureScheme {
        name,
        header: header?.to_ascii_lowercase(),
        algorithm: Algorithm::Sha256,
        encoding: encoding?.unwrap_or(SignatureEncoding::Hex),
        prefix: prefix.map_or(Some(String::new()), |prefix| prefix)?,
        signatures: signatures(separator, stamp.as_ref()),
        signed: signed?,
        stamp,
        key: KeyEncoding::Verbatim,
        test_secret: None,
        secret_prefix: None,
    };
    check_stamp(&scheme, options, diagnostics)?;
    check_parts(&scheme, options, diagnostics)?;
    Some(scheme)
}

/// A header with a field for the time has several parts, which a comma separates by default.
fn signatures(separator: Option<Separator>, stamp: Option<&SigningTime>) -> SignatureCount {
    let has_field = stamp.is_some_and(|stamp| match stamp.location {
        TimestampLocation::Field(_) => true,
        TimestampLocation::Header(_) | TimestampLocation::Body(_) => false,
    });
    match (separator, has_field) {
        (Some(separator), _) => SignatureCount::Several(separator),
        (None, true) => SignatureCount::Several(Separator::Comma),
        (None, false) => SignatureCount::One,
    }
}

/// Checks that a timestamp is signed, and that a signed timestamp has a header.
fn check_stamp(
    scheme: &SignatureScheme,
    options: &Node,
    diagnostics: &mut Diagnostics,
) -> Option<()> {
    let (message, help) = match (&scheme.stamp, scheme.signed.has_timestamp()) {
        (Some(_), true) | (None, false) => return Some(()),
        (Some(_), false) => (
            "the `timestamp` is not signed: anyone could change it",
            "write `signed: \"{timestamp}.{body}\"`, as the sender does",
        ),
        (None, true) => (
            "`signed` contains `{timestamp}`, but no header for it is set",
            "add `timestamp: HEADER`",
        ),
    };
    diagnostics.reject_value(options.at, message, help)
}

/// Checks that the signatures in a header with several parts can be recognised.
fn check_parts(
    scheme: &SignatureScheme,
    options: &Node,
    diagnostics: &mut Diagnostics,
) -> Option<()> {
    let SignatureCount::Several(separator) = scheme.signatures else {
        return Some(());
    };
    let prefix = scheme.prefix.as_bytes();
    let has_field = scheme.stamp.as_ref().is_some_and(|stamp| {
        matches!(&stamp.location, TimestampLocation::Field(_)) && prefix.is_empty()
    });
    if has_field {
        let message = "a header with the time as a `field` needs the `prefix` of the signature";
        let help = "write `prefix: v1=` for `t=…,v1=…`";
        return diagnostics.reject(Code::MissingKey, options.at, message, help);
    }
    if prefix.contains(&separator.byte()) {
        let message = "the `prefix` contains the `separator`: no signature could have it";
        let help = "write the text between the separator and the signature";
        return diagnostics.reject_value(options.at, message, help);
    }
    Some(())
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

/// Reads the name of a header, or of a part of one.
pub(in crate::config) fn lower_name(
    node: &Node,
    key: &str,
    diagnostics: &mut Diagnostics,
) -> Option<String> {
    let name = diagnostics.text(node, key)?;
    if is_name(&name) {
        return Some(name);
    }
    let kind = match key {
        "field" | "query" => "name",
        _ => "header name",
    };
    let message = format!("`{}` is not a {kind}", name.escape_debug());
    let help = "use letters, digits and `-`";
    diagnostics.reject_value(node.at, message, help)
}

fn lower_signed(options: &Node, diagnostics: &mut Diagnostics) -> Option<SignedContent> {
    let text = match options.get("signed") {
        Some(node) => diagnostics.text(node, "signed")?,
        None => "{body}".to_owned(),
    };
    match SignedContent::parse(&text) {
        Ok(signed) => Some(signed),
        Err(why) => {
            let at = options.get("signed").map_or(options.at, |node| node.at);
            let message = format!("invalid `signed`: {why}");
            let help = "write `{body}`, or `{timestamp}.{body}`";
            diagnostics.reject_value(at, message, help)
        }
    }
}

/// Reads where the time of signing is; the inner `None` is a scheme without one.
fn lower_stamp(options: &Node, diagnostics: &mut Diagnostics) -> Option<Option<SigningTime>> {
    let window = preset::window(Some(options), diagnostics);
    match options.get("timestamp") {
        Some(node) => {
            let location = lower_location(node, diagnostics)?;
            Some(Some(SigningTime {
                location,
                form: TimestampFormat::Seconds,
                window: window?,
            }))
        }
        None if options.get("window").is_some() => {
            let help = "add `timestamp: HEADER`, or remove `window`";
            let message = "a `window` needs the time of signing";
            diagnostics.reject(Code::MissingKey, options.at, message, help)
        }
        None => Some(None),
    }
}

fn lower_location(node: &Node, diagnostics: &mut Diagnostics) -> Option<TimestampLocation> {
    if node.as_map().is_none() {
        let header = lower_name(node, "timestamp", diagnostics)?;
        return Some(TimestampLocation::Header(header.to_ascii_lowercase()));
    }
    diagnostics.entries(node, &TIMESTAMP)?;
    match (node.get("header"), node.get("field")) {
        (Some(header), None) => {
            let header = lower_name(header, "header", diagnostics)?;
            Some(TimestampLocation::Header(header.to_ascii_lowercase()))
        }
        (None, Some(field)) => {
            lower_name(field, "field", diagnostics).map(TimestampLocation::Field)
        }
        (Some(_), Some(_)) | (None, None) => {
            let message = "`timestamp` takes a header, or `{ field: … }`";
            let help = "write `timestamp: X-Time`, or `timestamp: { field: t }` for `t=…` in the signature header";
            diagnostics.reject_value(node.at, message, help)
        }
    }
}
