//! The form of a body by its `Content-Type`, and its text as JSON: forms become an object of their fields, so that rules
//! read them like any other event.

use std::borrow::Cow;

use axum::http::{HeaderMap, header};
use serde_json::{Map, Value};

use super::response::HttpError;
use super::web_page;

/// Fields of a form that are read.
const MAX_FIELDS: usize = 1_000;
/// The longest boundary of a multipart body, by RFC 2046.
const MAX_BOUNDARY: usize = 70;
/// The field in which GitHub and Slack send their JSON.
const PAYLOAD: &str = "payload";

macro_rules! xml_help {
    () => {
        "XML is not read; let the sender use JSON or a form, or convert it on the way"
    };
}

/// How a body is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyForm {
    Json,
    /// `application/x-www-form-urlencoded`.
    UrlEncoded,
    /// `multipart/form-data` with this boundary.
    Multipart(String),
}

/// Why a form cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormFault {
    TooManyFields,
    /// The body is JSON, which programs such as curl send as a form unless they are told otherwise.
    Json,
    /// The body is XML, whatever its `Content-Type` names.
    Xml,
    /// A name or a value of a part is not UTF-8.
    NotText,
    /// A part has no name, a file, or another encoding, or the end is missing.
    Multipart(&'static str),
}

impl FormFault {
    pub fn describe(self) -> &'static str {
        match self {
            FormFault::TooManyFields => "the form has more than 1,000 fields",
            FormFault::Json => {
                "unsupported Content-Type: the body is JSON, not a form; send `application/json` (with curl: -H 'content-type: application/json')"
            }
            FormFault::Xml => concat!("the body is XML: ", xml_help!()),
            FormFault::NotText => "a field of the form is not UTF-8",
            FormFault::Multipart(why) => why,
        }
    }
}

impl BodyForm {
    /// The form that the headers name; JSON without a `Content-Type`.
    pub fn of(headers: &HeaderMap) -> Result<Self, HttpError> {
        if let Some(encoding) = headers.get(header::CONTENT_ENCODING)
            && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
        {
            return Err(HttpError::Media {
                header: "Content-Encoding",
                expected: "send the body without an encoding",
            });
        }
        let Some(media) = headers.get(header::CONTENT_TYPE) else {
            return Ok(BodyForm::Json);
        };
        let is_repeated = web_page::is_repeated(headers, header::CONTENT_TYPE.as_str());
        let media = media.to_str().ok().filter(|_| !is_repeated);
        media
            .and_then(Self::named)
            .ok_or_else(|| HttpError::Media {
                header: "Content-Type",
                expected: match media.is_some_and(is_xml) {
                    true => xml_help!(),
                    false => "send `application/json` (with curl: -H 'content-type: application/json'), a form, or JSON as `text/plain`",
                },
            })
    }

    fn named(media: &str) -> Option<Self> {
        let mut parts = media.split(';');
        let essence = parts.next()?.trim().to_ascii_lowercase();
        let (kind, subtype) = essence.split_once('/')?;
        match (kind, subtype) {
            ("application", "json") | ("text", "plain") => Some(BodyForm::Json),
            ("application", "x-www-form-urlencoded") => Some(BodyForm::UrlEncoded),
            ("multipart", "form-data") => boundary(parts).map(BodyForm::Multipart),
            ("application", subtype) if subtype.ends_with("+json") => Some(BodyForm::Json),
            _ => None,
        }
    }

    /// The body as JSON. A form with `payload` alone is the JSON in it.
    pub fn json<'b>(&self, body: &'b [u8]) -> Result<Cow<'b, [u8]>, FormFault> {
        if !matches!(self, BodyForm::Multipart(_)) && begins_as_xml(body) {
            return Err(FormFault::Xml);
        }
        let fields = match self {
            BodyForm::Json => return Ok(Cow::Borrowed(body)),
            BodyForm::UrlEncoded => url_encoded(body)?,
            BodyForm::Multipart(boundary) => multipart(body, boundary)?,
        };
        if let [(name, payload)] = fields.as_slice()
            && name == PAYLOAD
            && payload.trim_start().starts_with('{')
        {
            return Ok(Cow::Owned(payload.clone().into_bytes()));
        }
        Ok(Cow::Owned(object(fields).to_string().into_bytes()))
    }
}

/// Neither JSON nor an encoded form begins with this character.
fn begins_as_xml(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    body.trim_ascii_start().starts_with(b"<")
}

fn is_xml(media: &str) -> bool {
    let essence = media.split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    essence.ends_with("/xml") || essence.ends_with("+xml")
}

fn boundary<'m>(parameters: impl Iterator<Item = &'m str>) -> Option<String> {
    let mut parameters = parameters.filter_map(|parameter| parameter.split_once('='));
    let (_, value) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"))?;
    let value = value.trim();
    let value = value
        .strip_prefix('"')
        .and_then(|quoted| quoted.strip_suffix('"'))
        .unwrap_or(value);
    let is_valid = (1..=MAX_BOUNDARY).contains(&value.len()) && value.is_ascii();
    is_valid.then(|| value.to_owned())
}

/// A repeated name is a list of its values.
fn object(fields: Vec<(String, String)>) -> Value {
    let mut object = Map::new();
    for (name, value) in fields {
        let value = Value::String(value);
        match object.get_mut(&name) {
            None => {
                object.insert(name, value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => {
                let first = first.take();
                object.insert(name, Value::Array(vec![first, value]));
            }
        }
    }
    Value::Object(object)
}

/// Bytes that are not UTF-8 are replaced, as browsers do.
fn url_encoded(body: &[u8]) -> Result<Vec<(String, String)>, FormFault> {
    // A form has these characters encoded.
    if body.trim_ascii_start().starts_with(b"{") || body.trim_ascii_start().starts_with(b"[") {
        return Err(FormFault::Json);
    }
    let mut pairs = url::form_urlencoded::parse(body);
    let fields: Vec<(String, String)> = pairs
        .by_ref()
        .take(MAX_FIELDS)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    match pairs.next() {
        Some(_) => Err(FormFault::TooManyFields),
        None => Ok(fields),
    }
}

fn multipart(body: &[u8], boundary: &str) -> Result<Vec<(String, String)>, FormFault> {
    let delimiter = [b"\r\n--", boundary.as_bytes()].concat();
    let Some(mut rest) = body.strip_prefix(&delimiter[2..]) else {
        return Err(FormFault::Multipart(
            "the multipart body does not begin with its boundary",
        ));
    };
    let mut fields = Vec::new();
    loop {
        if rest.starts_with(b"--") {
            return Ok(fields);
        }
        let Some(part) = rest.strip_prefix(b"\r\n") else {
            return Err(FormFault::Multipart(
                "a boundary of the multipart body does not end its line",
            ));
        };
        let Some(end) = find(part, &delimiter) else {
            return Err(FormFault::Multipart(
                "the multipart body ends within a part",
            ));
        };
        if fields.len() == MAX_FIELDS {
            return Err(FormFault::TooManyFields);
        }
        fields.push(field(&part[..end])?);
        rest = &part[end + delimiter.len()..];
    }
}

/// The name and the text of a part.
fn field(part: &[u8]) -> Result<(String, String), FormFault> {
    let Some(end) = find(part, b"\r\n\r\n") else {
        return Err(FormFault::Multipart(
            "a part of the multipart body has no end of its headers",
        ));
    };
    let head = std::str::from_utf8(&part[..end]).map_err(|_| FormFault::NotText)?;
    let mut disposition = None;
    for line in head.split("\r\n") {
        let Some((name, value)) = line.split_once(':') else {
            return Err(FormFault::Multipart(
                "a header of a part of the multipart body is not valid",
            ));
        };
        if name.eq_ignore_ascii_case("content-disposition") {
            disposition = Some(value);
        }
        if name.eq_ignore_ascii_case("content-transfer-encoding") {
            return Err(FormFault::Multipart(
                "a part of the multipart body has an encoding; send plain text",
            ));
        }
    }
    let parameter = |wanted: &str| {
        let parameters = disposition?.split(';').skip(1);
        let mut parameters = parameters.filter_map(|parameter| parameter.split_once('='));
        let (_, value) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))?;
        Some(value.trim().trim_matches('"').to_owned())
    };
    if parameter("filename").is_some() {
        return Err(FormFault::Multipart(
            "a part of the multipart body is a file; only text fields are read",
        ));
    }
    let Some(name) = parameter("name") else {
        return Err(FormFault::Multipart(
            "a part of the multipart body has no name",
        ));
    };
    let text = std::str::from_utf8(&part[end + 4..]).map_err(|_| FormFault::NotText)?;
    Ok((name, text.to_owned()))
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|part| part == wanted)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn form(media: &str) -> Option<BodyForm> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(media).unwrap());
        BodyForm::of(&headers).ok()
    }

    fn json(form: &BodyForm, body: &[u8]) -> Result<String, FormFault> {
        let json = form.json(body)?;
        Ok(String::from_utf8(json.into_owned()).unwrap())
    }

    #[test]
    fn media_types_name_the_form() {
        for media in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/cloudevents+json",
            "text/plain; charset=UTF-8",
        ] {
            assert_eq!(form(media), Some(BodyForm::Json), "{media}");
        }
        assert_eq!(
            form("application/x-www-form-urlencoded"),
            Some(BodyForm::UrlEncoded)
        );
        assert_eq!(
            form("multipart/form-data; boundary=\"a b\""),
            Some(BodyForm::Multipart("a b".into()))
        );
        for media in [
            "",
            "json",
            "text/html",
            "text/x+json",
            "application/xml",
            "multipart/form-data",
            "multipart/mixed; boundary=a",
        ] {
            assert_eq!(form(media), None, "{media}");
        }
    }

    #[test]
    fn fields_become_an_object() {
        let url = BodyForm::UrlEncoded;
        for (body, expected) in [
            ("a=1&b=x+y%26z", r#"{"a":"1","b":"x y&z"}"#),
            ("a=1&a=2&a=3&b", r#"{"a":["1","2","3"],"b":""}"#),
            ("", "{}"),
            ("&&a=%C3%A9&", r#"{"a":"é"}"#),
            ("payload=%7B%22a%22%3A1%7D", r#"{"a":1}"#),
            ("payload=plain", r#"{"payload":"plain"}"#),
            ("payload=%7B%7D&token=t", r#"{"payload":"{}","token":"t"}"#),
        ] {
            assert_eq!(
                json(&url, body.as_bytes()).as_deref(),
                Ok(expected),
                "{body}"
            );
        }
        assert_eq!(json(&url, b"a=%ff").as_deref(), Ok("{\"a\":\"\u{fffd}\"}"));
        assert_eq!(json(&url, b" {\"a\": \"b=c\"}"), Err(FormFault::Json));
        assert_eq!(json(&url, b"[{\"a\": 1}]"), Err(FormFault::Json));
        assert_eq!(
            json(&url, "a=1&".repeat(1_001).as_bytes()),
            Err(FormFault::TooManyFields)
        );
    }

    #[test]
    fn text_parts_of_multipart_are_fields() {
        let form = BodyForm::Multipart("X".into());
        let part = |head: &str, text: &str| format!("--X\r\n{head}\r\n\r\n{text}\r\n");
        let named = "Content-Disposition: form-data; name=\"a\"";
        let body = format!(
            "{}{}--X--\r\n",
            part(named, "one\r\ntwo"),
            part("content-disposition: form-data; name=b", "")
        );
        assert_eq!(
            json(&form, body.as_bytes()).as_deref(),
            Ok(r#"{"a":"one\r\ntwo","b":""}"#)
        );
        let file = part(
            "Content-Disposition: form-data; name=\"a\"; filename=\"a.txt\"",
            "x",
        );
        let nested = part("Content-Type: multipart/mixed; boundary=Y", "--Y");
        for body in [
            String::new(),
            "--X".to_owned(),
            "--X\r\n".to_owned(),
            format!("{named}--X--"),
            part(named, "no end"),
            format!("{file}--X--"),
            format!("{nested}--X--"),
            "--X\r\nno header--X--".to_owned(),
            format!(
                "{}--X--",
                part(
                    &format!("{named}\r\nContent-Transfer-Encoding: base64"),
                    "eA=="
                )
            ),
        ] {
            assert!(
                matches!(json(&form, body.as_bytes()), Err(FormFault::Multipart(_))),
                "{body}"
            );
        }
        let many = format!("{}--X--", part(named, "x").repeat(1_001));
        assert_eq!(json(&form, many.as_bytes()), Err(FormFault::TooManyFields));
    }
}
