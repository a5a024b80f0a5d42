//! Turns a rendered HTTP call into the request that is sent: address, headers, credentials, body.
//! It refuses what cannot be sent as meant (a line break in a header, a scheme that is not HTTP).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    TRANSFER_ENCODING, USER_AGENT,
};
use reqwest::{Body as Payload, Client, Method, Request, Url};

use super::label::Target;
use crate::action::secret::{SecretValue, Secrets};
use crate::core::flow::call::{Auth, Body, HttpCall};
use crate::core::rule::rendered_text::Text;
use crate::core::run::CallFailure;

pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const AGENT: &str = concat!("flowtrigger/", env!("CARGO_PKG_VERSION"));

/// A request, and the secrets that may come back in its answer.
pub(super) struct Prepared {
    pub(super) request: Request,
    pub(super) secrets: Secrets,
}

pub(super) fn prepare(
    client: &Client,
    call: &HttpCall,
    idempotency_key: &str,
    secrets: &Secrets,
    target: &Target,
) -> Result<Prepared, CallFailure> {
    let method = Method::from_bytes(call.method.as_bytes()).map_err(|_| {
        target.lasting("the method is not an HTTP method; use GET, POST, PUT, PATCH or DELETE")
    })?;
    let url = url(secrets.reveal(&call.url)?, secrets, target)?;
    let mut headers = author_headers(call, secrets, target)?;
    let secrets = authorize(&mut headers, call.auth.as_ref(), secrets, target)?;
    let default = |headers: &mut HeaderMap, name: HeaderName, text: &str| {
        let value = value(&name, &SecretValue::new(text), target)?;
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
        target.lasting(format_args!(
            "the request cannot be built ({error}); correct the step"
        ))
    })?;
    Ok(Prepared { request, secrets })
}

/// What a body is, unless the author says otherwise.
pub(in crate::action) fn content_type(body: &Body) -> &'static str {
    match body {
        Body::Json(_) => "application/json",
        Body::Form(_) => "application/x-www-form-urlencoded",
        Body::Raw(_) => "text/plain; charset=utf-8",
    }
}

fn url(url: SecretValue, secrets: &Secrets, target: &Target) -> Result<Url, CallFailure> {
    let url = Url::parse(url.expose()).map_err(|error| {
        target.lasting(format_args!(
            "the address cannot be read ({error}); correct the `url`"
        ))
    })?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        scheme => Err(target.lasting(format_args!(
            "the scheme `{}` is not spoken here; use `https` or `http` in the `url`",
            secrets.redact(scheme)
        ))),
    }
}

fn author_headers(
    call: &HttpCall,
    secrets: &Secrets,
    target: &Target,
) -> Result<HeaderMap, CallFailure> {
    let mut headers = HeaderMap::new();
    for (name, text) in &call.headers {
        let name = header_name(name, target)?;
        // Whoever sets these can make two requests of one.
        if name == CONTENT_LENGTH || name == TRANSFER_ENCODING {
            return Err(target.lasting(format_args!(
                "the header `{name}` follows from the body; remove it from the step"
            )));
        }
        headers.append(name.clone(), header_value(&name, text, secrets, target)?);
    }
    Ok(headers)
}

/// Adds the credentials, unless the author's own header of that name stands already. Gives the
/// secrets with those that were made of them.
fn authorize(
    headers: &mut HeaderMap,
    auth: Option<&Auth>,
    secrets: &Secrets,
    target: &Target,
) -> Result<Secrets, CallFailure> {
    let Some(auth) = auth else {
        return Ok(secrets.clone());
    };
    let (name, text, secrets) = match auth {
        Auth::Bearer(token) => {
            let token = secrets.reveal(token)?;
            let text = SecretValue::new(format!("Bearer {}", token.expose()));
            (AUTHORIZATION, text, secrets.clone())
        }
        Auth::Basic { username, password } => {
            let (username, password) = (secrets.reveal(username)?, secrets.reveal(password)?);
            let token = STANDARD.encode(format!("{}:{}", username.expose(), password.expose()));
            let text = SecretValue::new(format!("Basic {token}"));
            let secrets = secrets.and("basic credentials", SecretValue::new(token));
            (AUTHORIZATION, text, secrets)
        }
        Auth::Header { name, value } => {
            let text = secrets.reveal(value)?;
            (header_name(name, target)?, text, secrets.clone())
        }
    };
    let mut value = value(&name, &text, target)?;
    value.set_sensitive(true);
    headers.entry(name).or_insert(value);
    Ok(secrets)
}

fn header_name(name: &str, target: &Target) -> Result<HeaderName, CallFailure> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
        target.lasting(format_args!(
            "`{}` is not a header name; use letters, digits and `-`",
            name.escape_debug()
        ))
    })
}

fn header_value(
    name: &HeaderName,
    text: &Text,
    secrets: &Secrets,
    target: &Target,
) -> Result<HeaderValue, CallFailure> {
    let mut value = value(name, &secrets.reveal(text)?, target)?;
    value.set_sensitive(text.secrets().next().is_some());
    Ok(value)
}

fn value(
    name: &HeaderName,
    text: &SecretValue,
    target: &Target,
) -> Result<HeaderValue, CallFailure> {
    HeaderValue::from_bytes(text.expose().as_bytes()).map_err(|_| {
        target.lasting(format_args!(
            "the value of the header `{name}` holds a line break or another control character; \
             take it out of the text, or send the text in the body"
        ))
    })
}

fn payload(body: &Body, secrets: &Secrets) -> Result<Payload, CallFailure> {
    Ok(match body {
        Body::Json(tree) => secrets.reveal_tree(tree)?.to_string().into(),
        Body::Form(fields) => {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            for (name, text) in fields {
                form.append_pair(name, secrets.reveal(text)?.expose());
            }
            form.finish().into()
        }
        Body::Raw(text) => secrets.reveal(text)?.expose().to_owned().into(),
    })
}
