//! Writes a sample as the body of a form, so that the daemon reads the sample from it.

use serde_json::{Map, Value};
use url::form_urlencoded::Serializer;

/// The field of a form with a whole event as JSON.
const PAYLOAD: &str = "payload";

/// Whether a media type is that of a form.
pub fn is_url_encoded(media: &str) -> bool {
    let essence = media.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// The body of a form with a sample. A form holds only texts, and lists of them as repeated names: any other sample is sent
/// as JSON in the field `payload`, as GitHub and Slack do.
pub fn url_encoded(sample: &Value) -> String {
    let fields = sample.as_object().and_then(fields);
    let fields = fields.unwrap_or_else(|| vec![(PAYLOAD, sample.to_string())]);
    let mut form = Serializer::new(String::new());
    form.extend_pairs(fields).finish()
}

/// The fields of a form that is read as this object; `None` if no form is.
fn fields(sample: &Map<String, Value>) -> Option<Vec<(&str, String)>> {
    let mut fields = Vec::new();
    for (name, value) in sample {
        match value {
            Value::String(text) => fields.push((name.as_str(), text.clone())),
            // A name that occurs once is a text.
            Value::Array(values) if values.len() > 1 => {
                for value in values {
                    fields.push((name.as_str(), value.as_str()?.to_owned()));
                }
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => {
                return None;
            }
        }
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::source::http::BodyForm;

    #[test]
    fn a_sample_of_texts_is_fields_and_any_other_is_json_in_one_field() {
        for (sample, expected) in [
            (json!({"a": "1 & 2", "b": ["x", "y"]}), "a=1+%26+2&b=x&b=y"),
            (json!({"payload": "{}"}), "payload=%7B%7D"),
            (json!({"a": 1}), "payload=%7B%22a%22%3A1%7D"),
            (json!({"a": ["x"]}), "payload=%7B%22a%22%3A%5B%22x%22%5D%7D"),
            (
                json!({"a": {"b": "c"}}),
                "payload=%7B%22a%22%3A%7B%22b%22%3A%22c%22%7D%7D",
            ),
            (json!({}), ""),
        ] {
            let form = url_encoded(&sample);
            assert_eq!(form, expected, "{sample}");
            let read = BodyForm::UrlEncoded.json(form.as_bytes());
            let read: Value = serde_json::from_slice(&read.unwrap()).unwrap();
            match sample["payload"] == "{}" {
                true => assert_eq!(read, json!({})),
                false => assert_eq!(read, sample),
            }
        }
    }

    #[test]
    fn parameters_of_the_media_type_are_ignored() {
        assert!(is_url_encoded(
            "Application/X-WWW-Form-Urlencoded; charset=utf-8"
        ));
        assert!(!is_url_encoded("application/json"));
    }
}
