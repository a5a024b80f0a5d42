//! Builds the request of a rendered HTTP call: address, headers, credentials, body.
//! Rejects what cannot be sent as written, such as a line break in a header.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    TRANSFER_ENCODING, USER_AGENT,
};
use reqwest::{Body as Payload, Client, Method, Request, Url};

use super::label::RequestLabel;
use crate::action::secret::SecretStore;
use flowtrigger_core::flow::call::{Auth, HttpCall, RequestBody};
use flowtrigger_core::language::rendered_text::RenderedText;
use flowtrigger_core::run::call_result::CallFailure;
use flowtrigger_core::secret::SecretValue;

pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
pub(in crate::action) const AGENT: &str = concat!("flowtrigger/", env!("CARGO_PKG_VERSION"));

/// A request, and the secrets that its response may contain.
pub(super) struct PreparedRequest {
    pub(super) request: Request,
    pub(super) secrets: SecretStore,
}

pub(super) fn prepare(
    client: &Client,
    call: &HttpCall,
    idempotency_key: &str,
    secrets: &SecretStore,
    label: &RequestLabel,
) -> Result<PreparedRequest, CallFailure> {
    let method = Method::from_bytes(call.method.as_bytes()).map_err(|_| {
        label.permanent("the method is not an HTTP method; use GET, POST, PUT, PATCH or DELETE")
    })?;
    let url = url(secrets.expose_text(&call.url)?, secrets, label)?;
    let mut headers = step_headers(call, secrets, label)?;
    let secrets = authorize(&mut headers, call.auth.as_ref(), secrets, label)?;
    let default = |headers: &mut HeaderMap, name: HeaderName, text: &str| {
        let value = value(&name, &SecretValue::new(text), label)?;
        headers.entry(name).or_insert(value);
        Ok(())
    };
    default(&mut headers, IDEMPOTENCY_KEY, idempotency_key)?;
    default(&mut headers, USER_AGENT, AGENT)?;
    if let Some(body) = &call.body {
        default(&mut headers, CONTENT_TYPE, content_type(body))?;
    }
    let mut builder = client.request(method, url).headers(headers);
    if let Some(body) = &call.body {
        builder = builder.body(payload(body, &secrets)?);
    }
    let request = builder.build().map_err(|error| {
        let error = secrets.redact(&error.without_url().to_string());
        label.permanent(format_args!(
            "the request cannot be built ({error}); correct the step"
        ))
    })?;
    Ok(PreparedRequest { request, secrets })
}

/// The default content type of a body.
pub(in crate::action) fn content_type(body: &RequestBody) -> &'static str {
    match body {
        RequestBody::Json(_) => "application/json",
        RequestBody::Form(_) => "application/x-www-form-urlencoded",
        RequestBody::Raw(_) => "text/plain; charset=utf-8",
    }
}

fn url(url: SecretValue, secrets: &SecretStore, label: &RequestLabel) -> Result<Url, CallFailure> {
    let url = Url::parse(url.expose()).map_err(|error| {
        label.permanent(format_args!(
            "the address is not valid ({error}); correct the `url`"
        ))
    })?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        scheme => Err(label.permanent(format_args!(
            "the scheme `{}` is not supported; use `https` or `http` in the `url`",
            secrets.redact(scheme)
        ))),
    }
}

fn step_headers(
    call: &HttpCall,
    secrets: &SecretStore,
    label: &RequestLabel,
) -> Result<HeaderMap, CallFailure> {
    let mut headers = HeaderMap::new();
    for (name, text) in &call.headers {
        let name = header_name(name, label)?;
        // With these headers, one request could be read as two.
        if name == CONTENT_LENGTH || name == TRANSFER_ENCODING {
            return Err(label.permanent(format_args!(
                "the header `{name}` is set from the body; remove it from the step"
            )));
        }
        headers.append(name.clone(), header_value(&name, text, secrets, label)?);
    }
    Ok(headers)
}

/// Adds the credentials, unless the step sets a header of that name. Returns the secrets with those derived from
/// them.
fn authorize(
    headers: &mut HeaderMap,
    auth: Option<&Auth>,
    secrets: &SecretStore,
    label: &RequestLabel,
) -> Result<SecretStore, CallFailure> {
    let Some(auth) = auth else {
        return Ok(secrets.clone());
    };
    let (name, text, secrets) = match auth {
        Auth::Bearer(token) => {
            let token = secrets.expose_text(token)?;
            let text = SecretValue::new(format!("Bearer {}", token.expose()));
            (AUTHORIZATION, text, secrets.clone())
        }
        Auth::Basic { username, password } => {
            let (username, password) = (
                secrets.expose_text(username)?,
                secrets.expose_text(password)?,
            );
            let token = STANDARD.encode(format!("{}:{}", username.expose(), password.expose()));
            let text = SecretValue::new(format!("Basic {token}"));
            let secrets = secrets.and("basic credentials", SecretValue::new(token));
            (AUTHORIZATION, text, secrets)
        }
        Auth::Header { name, value } => {
            let text = secrets.expose_text(value)?;
            (header_name(name, label)?, text, secrets.clone())
        }
    };
    let mut value = value(&name, &text, label)?;
    value.set_sensitive(true);
    headers.entry(name).or_insert(value);
    Ok(secrets)
}

fn header_name(name: &str, label: &RequestLabel) -> Result<HeaderName, CallFailure> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
        label.permanent(format_args!(
            "`{}` is not a header name; use letters, digits and `-`",
            name.escape_debug()
        ))
    })
}

fn header_value(
    name: &HeaderName,
    text: &RenderedText,
    secrets: &SecretStore,
    label: &RequestLabel,
) -> Result<HeaderValue, CallFailure> {
    let mut value = value(name, &secrets.expose_text(text)?, label)?;
    value.set_sensitive(text.secrets().next().is_some());
    Ok(value)
}

fn value(
    name: &HeaderName,
    text: &SecretValue,
    label: &RequestLabel,
) -> Result<HeaderValue, CallFailure> {
    HeaderValue::from_bytes(text.expose().as_bytes()).map_err(|_| {
        label.permanent(format_args!(
            "the value of the header `{name}` contains a line break or another control character; remove it from the text, or send the text in the body"
        ))
    })
}

fn payload(body: &RequestBody, secrets: &SecretStore) -> Result<Payload, CallFailure> {
    Ok(match body {
        RequestBody::Json(tree) => secrets.expose_tree(tree)?.to_string().into(),
        RequestBody::Form(fields) => {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            for (name, text) in fields {
                form.append_pair(name, secrets.expose_text(text)?.expose());
            }
            form.finish().into()
        }
        RequestBody::Raw(text) => secrets.expose_text(text)?.expose().to_owned().into(),
    })
}
