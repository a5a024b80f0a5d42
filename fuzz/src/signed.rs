//! Fuzzes `signed` of an HMAC scheme with any text.
//! It is rejected, or read exactly as written and contains the body.

use flowtrigger_core::config;
use flowtrigger_core::config::verification::Scheme;
use flowtrigger_core::config::verification::signature::SignedPart;
use flowtrigger_core::diagnostic::{Diagnostics, Files};
use serde_json::json;

use super::rulebook::text;

/// The name of the signature header and, after a line break, the signed content.
pub fn signed(bytes: &[u8]) {
    let Some((header, signed)) = text(bytes).and_then(|text| text.split_once('\n')) else {
        return;
    };
    for timestamp in [None, Some("x-time")] {
        let mut hmac = json!({ "header": header, "signed": signed });
        if let Some(timestamp) = timestamp {
            hmac["timestamp"] = timestamp.into();
        }
        let source = json!({ "event_type": "x", "verify": { "hmac": hmac }, "secrets": "S" });
        let text = json!({ "sources": { "shop": source } }).to_string();
        let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
        let file = files.add("flowtrigger.yaml", text.as_str());
        let config = config::parse(file, &text, &Default::default(), &mut diagnostics);
        if diagnostics.has_errors() {
            continue;
        }
        let verification = config.sources["shop"]
            .verification
            .as_ref()
            .expect("`verify` is set");
        let Scheme::Signature(hmac) = &verification.scheme else {
            panic!("{verification:?}");
        };
        assert!(hmac.header.eq_ignore_ascii_case(header));
        let has = |part: &SignedPart| hmac.signed.0.contains(part);
        assert!(has(&SignedPart::Body) || has(&SignedPart::TrimmedBody));
        assert_eq!(has(&SignedPart::Timestamp), timestamp.is_some());
        let written: String = hmac.signed.0.iter().map(written).collect();
        assert!(written.eq_ignore_ascii_case(signed), "{written}");
    }
}

fn written(part: &SignedPart) -> String {
    match part {
        SignedPart::Body => "{body}".into(),
        SignedPart::TrimmedBody => "{trimmed_body}".into(),
        SignedPart::Timestamp => "{timestamp}".into(),
        SignedPart::Header(name) => format!("{{header:{name}}}"),
        SignedPart::Method => "{method}".into(),
        SignedPart::Path => "{path}".into(),
        SignedPart::Query => "{query}".into(),
        SignedPart::Url => "{url}".into(),
        SignedPart::DecodedUrl => "{decoded_url}".into(),
        SignedPart::Text(text) => text.clone(),
    }
}
