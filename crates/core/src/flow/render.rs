//! Renders a step's templates to the exact request or command, with secrets as names.
//! A value that is absent from the event is an error.

use percent_encoding::utf8_percent_encode;
use serde_json::json;

use crate::event::Event;
use crate::flow::call::{Auth, ExecCall, HttpCall, JqCall, RequestBody, SettingsCall};
use crate::flow::control::{JqClock, JqInput, JqStep, SettingsAccess};
use crate::flow::jq::with_now;
use crate::flow::step::{AuthTemplate, BodyTemplate, ExecTemplate, HttpTemplate, StepSettings};
use crate::language::rendered_text::{RenderedText, SecretEncoding, TextPart};
use crate::language::template::engine::RESERVED;
use crate::language::template::{RenderError, Template};
use crate::path::scope::Scope;

pub fn jq(jq: &JqStep, scope: &Scope<'_>) -> Result<JqCall, RenderError> {
    let program = jq.program.render(scope)?.to_string();
    Ok(JqCall {
        program: match (jq.clock, scope.now) {
            (JqClock::RunTime, Some(now)) => with_now(&program, now),
            (JqClock::RunTime, None) | (JqClock::Absent, _) => program,
        },
        input: match &jq.input {
            JqInput::Tree(tree) => tree.render(scope)?.redacted(),
            JqInput::Everything => everything(scope),
        },
    })
}

/// The event's body, with everything else that a step can read added to its fields.
fn everything(scope: &Scope<'_>) -> serde_json::Value {
    let mut all = scope.event.body.as_object().cloned().unwrap_or_default();
    all.insert("event".into(), scope.event.about.clone());
    all.insert("vars".into(), scope.vars.clone());
    all.insert("steps".into(), scope.steps.clone());
    all.extend(scope.locals.as_object().cloned().unwrap_or_default());
    if !scope.error.is_null() {
        all.insert("error".into(), scope.error.clone());
    }
    all.into()
}

pub fn config(config: &SettingsAccess, scope: &Scope<'_>) -> Result<SettingsCall, RenderError> {
    let patch = config.patch.as_ref().map(|patch| patch.render(scope));
    Ok(SettingsCall {
        integration: config.integration.to_string(),
        scope: config.scope.render(scope)?.to_string(),
        patch: patch.transpose()?.map(|patch| patch.redacted()),
    })
}

pub fn http(
    http: &HttpTemplate,
    settings: &StepSettings,
    scope: &Scope<'_>,
) -> Result<HttpCall, RenderError> {
    let query = pairs(&http.query, scope)?;
    let headers = pairs(&http.headers, scope)?;
    Ok(HttpCall {
        method: http.method.to_owned(),
        url: with_query(http.url.render(scope)?, query),
        connection: http.connection.clone(),
        headers: headers
            .into_iter()
            .map(|(name, value)| (name, one_line(value)))
            .collect(),
        body: http
            .body
            .as_ref()
            .map(|body| render_body(body, scope))
            .transpose()?,
        auth: http
            .auth
            .as_ref()
            .map(|auth| render_auth(auth, scope))
            .transpose()?,
        timeout: settings.timeout,
        redirects: http.redirects,
        expect: http.expect.clone(),
        keep: settings.keep,
    })
}

fn pairs(
    templates: &[(String, Template)],
    scope: &Scope<'_>,
) -> Result<Vec<(String, RenderedText)>, RenderError> {
    templates
        .iter()
        .map(|(name, template)| Ok((name.clone(), template.render(scope)?)))
        .collect()
}

/// Appends query parameters to a URL and removes its fragment, which is never sent.
fn with_query(url: RenderedText, query: Vec<(String, RenderedText)>) -> RenderedText {
    let mut url = without_fragment(url);
    let mut separator = match url.to_string().contains('?') {
        true => "&",
        false => "?",
    };
    for (name, value) in query {
        let name = utf8_percent_encode(&name, RESERVED);
        url.0.push(TextPart::Text(format!("{separator}{name}=")));
        url.0.extend(value.0.into_iter().map(percent_encoded));
        separator = "&";
    }
    merged(url)
}

fn without_fragment(mut url: RenderedText) -> RenderedText {
    let found = url
        .0
        .iter()
        .enumerate()
        .find_map(|(index, piece)| match piece {
            TextPart::Text(text) => Some((index, text.find('#')?)),
            TextPart::Secret { .. } => None,
        });
    if let Some((index, at)) = found {
        url.0.truncate(index + 1);
        if let TextPart::Text(text) = &mut url.0[index] {
            text.truncate(at);
        }
    }
    url
}

fn percent_encoded(piece: TextPart) -> TextPart {
    match piece {
        TextPart::Text(text) => TextPart::Text(utf8_percent_encode(&text, RESERVED).to_string()),
        TextPart::Secret { name, encoding } => TextPart::Secret {
            name,
            encoding: match encoding {
                SecretEncoding::Plain | SecretEncoding::Percent => SecretEncoding::Percent,
                SecretEncoding::Base64 => SecretEncoding::Base64,
            },
        },
    }
}

/// Joins adjacent parts of plain text.
fn merged(text: RenderedText) -> RenderedText {
    let mut pieces: Vec<TextPart> = Vec::with_capacity(text.0.len());
    for piece in text.0 {
        match (pieces.last_mut(), piece) {
            (Some(TextPart::Text(before)), TextPart::Text(after)) => before.push_str(&after),
            (_, piece) => pieces.push(piece),
        }
    }
    RenderedText(pieces)
}

/// Replaces control characters with spaces, because a header value is one line.
fn one_line(mut text: RenderedText) -> RenderedText {
    for piece in &mut text.0 {
        if let TextPart::Text(plain) = piece {
            *plain = plain.replace(|c: char| c.is_control() && c != '\t', " ");
        }
    }
    text
}

fn render_body(body: &BodyTemplate, scope: &Scope<'_>) -> Result<RequestBody, RenderError> {
    Ok(match body {
        BodyTemplate::Json(tree) => RequestBody::Json(tree.render(scope)?),
        BodyTemplate::Form(fields) => RequestBody::Form(pairs(fields, scope)?),
        BodyTemplate::Raw(text) => RequestBody::Raw(text.render(scope)?),
    })
}

fn render_auth(auth: &AuthTemplate, scope: &Scope<'_>) -> Result<Auth, RenderError> {
    Ok(match auth {
        AuthTemplate::Bearer(token) => Auth::Bearer(token.render(scope)?),
        AuthTemplate::Basic { username, password } => Auth::Basic {
            username: username.render(scope)?,
            password: password.render(scope)?,
        },
        AuthTemplate::Header { name, value } => Auth::Header {
            name: name.clone(),
            value: one_line(value.render(scope)?),
        },
    })
}

pub fn exec(
    exec: &ExecTemplate,
    settings: &StepSettings,
    scope: &Scope<'_>,
) -> Result<ExecCall, RenderError> {
    let argv = exec.argv.iter().map(|argument| argument.render(scope));
    let mut env = event_variables(scope.event);
    env.extend(pairs(&exec.env, scope)?);
    Ok(ExecCall {
        argv: argv.collect::<Result<_, _>>()?,
        stdin: match &exec.stdin {
            Some(template) => template.render(scope)?,
            None => RenderedText::plain(event_line(scope.event)),
        },
        cwd: exec.cwd.clone(),
        env,
        confine: exec.confine.clone(),
        timeout: settings.timeout,
        keep: settings.keep,
    })
}

/// The environment variables of every command.
fn event_variables(event: &Event) -> Vec<(String, RenderedText)> {
    [
        ("FLOWTRIGGER_EVENT_TYPE", event.event_type.as_str()),
        ("FLOWTRIGGER_EVENT_ID", &event.id),
        ("FLOWTRIGGER_EVENT_SOURCE", &event.source),
        ("FLOWTRIGGER_KEY", event.key.as_deref().unwrap_or_default()),
    ]
    .map(|(name, value)| {
        (
            name.to_owned(),
            RenderedText::plain(value.replace('\0', "\u{fffd}")),
        )
    })
    .into()
}

/// The event as one line of JSON: the envelope, `event`, and the body in `input.ticket_event` as in the
/// ZIS format.
fn event_line(event: &Event) -> String {
    let mut document = event.envelope.as_object().cloned().unwrap_or_default();
    document.insert("event".into(), event.about.clone());
    document.insert("input".into(), json!({ "ticket_event": event.body }));
    format!("{}\n", serde_json::Value::Object(document))
}
