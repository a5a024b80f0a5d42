//! Fuzzes the reading of forms: any bytes are an object of texts, the JSON of `payload`, or an error.

use flowtrigger::source::http::BodyForm;
use serde_json::Value;

/// The first line is the boundary of the multipart body that follows; the whole is read as a form with `&` and `=`, too.
pub fn forms(bytes: &[u8]) {
    check(&BodyForm::UrlEncoded, bytes);
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let (line, body) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
    if let Ok(line) = std::str::from_utf8(line) {
        let boundary = line.trim_end().to_owned();
        check(&BodyForm::Multipart(boundary), body);
    }
    assert_eq!(BodyForm::Json.json(bytes).as_deref(), Ok(bytes));
}

fn check(form: &BodyForm, body: &[u8]) {
    let Ok(json) = form.json(body) else {
        return;
    };
    let Ok(Value::Object(fields)) = serde_json::from_slice(&json) else {
        let text = std::str::from_utf8(&json).expect("a payload is text");
        assert!(
            text.trim_start().starts_with('{'),
            "neither fields nor a payload: {text}"
        );
        return;
    };
    let mut names = url::form_urlencoded::parse(body).map(|(name, _)| name);
    let is_payload = match form {
        BodyForm::UrlEncoded => names.any(|name| name == "payload"),
        BodyForm::Json | BodyForm::Multipart(_) => {
            String::from_utf8_lossy(body).contains("payload")
        }
    };
    let is_text = |value: &Value| match value {
        Value::String(_) => true,
        Value::Array(values) => values.len() > 1 && values.iter().all(Value::is_string),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    };
    assert!(is_payload || fields.values().all(is_text), "{fields:?}");
}
