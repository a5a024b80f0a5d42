//! Formats the exchange of an attempt: one line for a list, the whole as text, and as JSON.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Value, json};

use crate::report::output::Output;
use crate::report::render::color::{Paint, Tone};
use crate::report::render::escape::plain;
use crate::report::render::shell::argument;
use flowtrigger_core::run::exchange::{
    BodyContent, CapturedBody, CommandEnd, CommandExchange, ConnectionUse, Exchange,
    ExchangeHeader, ExchangeText, ExchangeTiming, HttpAnswer, HttpExchange, RecordedExchange,
    RequestChanges,
};

/// Characters of an address or a command in a list.
const MAX_LINE: usize = 200;

/// Why an attempt has no exchange.
pub const NO_EXCHANGE: &str =
    "the attempt sent nothing, or a crash or an overload lost it, or an earlier version made it";

const OPENING: &str = "no new connection was complete, an open one may have been used";

/// One line: what was sent, what came back, sizes and times.
pub fn summary(recorded: &RecordedExchange) -> String {
    match (&recorded.exchange, &recorded.target) {
        (Some(Exchange::Http(http)), _) => http_summary(http),
        (Some(Exchange::Command(command)), _) => command_summary(command),
        (None, Some(target)) => format!(
            "{} {}  content not kept (`archive.exchanges`)",
            plain(&target.method),
            cut(&target.url)
        ),
        (None, None) => "content not kept (`archive.exchanges`)".to_owned(),
    }
}

fn http_summary(http: &HttpExchange) -> String {
    let redirects = match http.redirects.last() {
        Some(last) => format!(", redirected to {}", cut(&last.url)),
        None => String::new(),
    };
    let sent = bytes(http.body.as_ref().map_or(0, |body| body.size));
    let outcome = match (&http.response, http.connection) {
        (Some(response), _) => {
            let received = match &response.body {
                Some(body) => format!("received {}", bytes(body.size)),
                None if http.connection == ConnectionUse::None => {
                    "written to the outbox".to_owned()
                }
                None => "its body did not arrive whole".to_owned(),
            };
            format!("{}; sent {sent}, {received}", response.status)
        }
        (None, ConnectionUse::None) if http.redirects.is_empty() => {
            "no connection; nothing sent".to_owned()
        }
        (None, ConnectionUse::None) => {
            "no connection after the redirect; the first receiver may have acted".to_owned()
        }
        (None, ConnectionUse::Opening) => {
            format!("no response; {OPENING}: the receiver may have acted")
        }
        (None, ConnectionUse::Opened | ConnectionUse::Reused | ConnectionUse::Unknown) => {
            format!("sent {sent}; no response: the receiver may have acted")
        }
    };
    format!(
        "{} {}{redirects}  {outcome}; {}",
        plain(&http.method),
        cut(&http.url.to_string()),
        times(http)
    )
}

fn command_summary(command: &CommandExchange) -> String {
    let size = |output: &Option<CapturedBody>| bytes(output.as_ref().map_or(0, |body| body.size));
    format!(
        "{}  {}; stdin {}, stdout {}, stderr {}; {}",
        cut(&argv(command)),
        end(command.end),
        bytes(command.stdin.size),
        size(&command.stdout),
        size(&command.stderr),
        millis(command.timing.total)
    )
}

pub fn argv(command: &CommandExchange) -> String {
    let argv: Vec<String> = command.argv.iter().map(argument).collect();
    argv.join(" ")
}

pub fn end(end: Option<CommandEnd>) -> String {
    match end {
        Some(CommandEnd::Status(status)) => format!("status {status}"),
        Some(CommandEnd::Signal(signal)) => format!("ended by signal {signal}"),
        Some(CommandEnd::TimedOut) => "stopped, out of time".to_owned(),
        None => "no end recorded".to_owned(),
    }
}

pub fn times(http: &HttpExchange) -> String {
    let timing = &http.timing;
    let mut parts = Vec::new();
    if let Some(address) = &http.address {
        parts.push(plain(address).into_owned());
    }
    match (timing.connect, http.connection, &http.address) {
        (Some(connect), _, _) => parts.push(format!("connected in {}", millis(connect))),
        (None, ConnectionUse::Reused, _) | (None, ConnectionUse::Unknown, Some(_)) => {
            parts.push("open connection".to_owned());
        }
        (
            None,
            ConnectionUse::None
            | ConnectionUse::Opened
            | ConnectionUse::Opening
            | ConnectionUse::Unknown,
            _,
        ) => {}
    }
    if let Some(first) = timing.first_byte {
        parts.push(format!("first byte {}", millis(first)));
    }
    parts.push(format!("total {}", millis(timing.total)));
    if timing.queued >= Duration::from_millis(1) {
        parts.push(format!("queued {}", millis(timing.queued)));
    }
    parts.join(", ")
}

/// The whole exchange.
pub fn text(out: &mut Output, recorded: &RecordedExchange) -> io::Result<()> {
    match &recorded.exchange {
        None => writeln!(out, "  {}", summary(recorded)),
        Some(Exchange::Http(http)) => http_text(out, http),
        Some(Exchange::Command(command)) => command_text(out, command),
    }
}

/// Why a request has no response.
pub fn describe_missing_response(connection: ConnectionUse) -> String {
    match connection {
        ConnectionUse::None => "none: no connection was opened".to_owned(),
        ConnectionUse::Opening => format!("none: {OPENING}"),
        ConnectionUse::Opened | ConnectionUse::Reused | ConnectionUse::Unknown => {
            "none; the receiver may have acted".to_owned()
        }
    }
}

fn http_text(out: &mut Output, http: &HttpExchange) -> io::Result<()> {
    label(out, "request")?;
    let url = http.url.to_string();
    writeln!(out, "{} {}", plain(&http.method), plain(&url))?;
    headers(out, &http.headers)?;
    if let Some(captured) = &http.body {
        body(out, captured)?;
    }
    changes(out, http.changes)?;
    for redirect in &http.redirects {
        label(out, "redirect")?;
        writeln!(out, "{} {}", redirect.status, plain(&redirect.url))?;
    }
    label(out, "response")?;
    match &http.response {
        None => writeln!(out, "{}", describe_missing_response(http.connection))?,
        Some(response) => {
            writeln!(out, "{}", response.status)?;
            headers(out, &response.headers)?;
            if response.headers_cut {
                writeln!(out, "    (further headers are not kept)")?;
            }
            if let Some(captured) = &response.body {
                body(out, captured)?;
            }
        }
    }
    label(out, "timing")?;
    writeln!(out, "{}", times(http))
}

fn command_text(out: &mut Output, command: &CommandExchange) -> io::Result<()> {
    label(out, "command")?;
    writeln!(out, "{}", plain(&argv(command)))?;
    writeln!(out, "    in {}", plain(&command.cwd))?;
    let names: Vec<_> = command.environment.iter().map(|name| plain(name)).collect();
    writeln!(out, "    environment {}", names.join(" "))?;
    let stdin = &command.stdin;
    writeln!(
        out,
        "    standard input {}, SHA-256 {} (with secrets by name and redacted fields as `[redacted]`)",
        bytes(stdin.size),
        plain(&stdin.sha256)
    )?;
    changes(out, command.changes)?;
    label(out, "ended")?;
    writeln!(out, "{}", end(command.end))?;
    for (name, output) in [("stdout", &command.stdout), ("stderr", &command.stderr)] {
        if let Some(output) = output {
            label(out, name)?;
            writeln!(out, "{}", bytes(output.size))?;
            content(out, output)?;
        }
    }
    label(out, "timing")?;
    writeln!(
        out,
        "total {}, queued {}",
        millis(command.timing.total),
        millis(command.timing.queued)
    )
}

fn label(out: &mut Output, text: &str) -> io::Result<()> {
    let paint = Paint::new(out);
    write!(out, "  {}  ", paint.tone(Tone::Bold, text))
}

fn headers(out: &mut Output, headers: &[ExchangeHeader]) -> io::Result<()> {
    headers.iter().try_for_each(|header| {
        let value = header.value.to_string();
        writeln!(out, "    {}: {}", plain(&header.name), plain(&value))
    })
}

fn body(out: &mut Output, body: &CapturedBody) -> io::Result<()> {
    writeln!(out, "    body {}", bytes(body.size))?;
    content(out, body)
}

fn content(out: &mut Output, body: &CapturedBody) -> io::Result<()> {
    let text = match &body.content {
        BodyContent::Text(text) => text.to_string(),
        BodyContent::Base64(text) => {
            writeln!(out, "      (not text; in base64)")?;
            text.clone()
        }
    };
    let lines = text.strip_suffix('\n').unwrap_or(&text);
    if !lines.is_empty() {
        for line in lines.split('\n') {
            // The mark keeps a line of a body from passing for one of ours.
            writeln!(out, "      | {}", plain(line))?;
        }
    }
    match body.cut {
        true => writeln!(out, "      (cut; the rest is not kept)"),
        false => Ok(()),
    }
}

fn changes(out: &mut Output, changes: RequestChanges) -> io::Result<()> {
    if changes.redacted {
        writeln!(out, "    (values were replaced when it was stored)")?;
    }
    match changes.cut {
        true => writeln!(out, "    (stored without its end)"),
        false => Ok(()),
    }
}

/// The exchange as JSON, with the same keys for every attempt of its kind.
pub fn json(recorded: &RecordedExchange) -> Value {
    match &recorded.exchange {
        Some(Exchange::Http(http)) => http_json(http),
        Some(Exchange::Command(command)) => command_json(command),
        None => json!({
            "kind": "http",
            "kept": "target",
            "method": recorded.target.as_ref().map(|target| &target.method),
            "url": recorded.target.as_ref().map(|target| &target.url),
            "request": null,
            "redirects": [],
            "response": null,
            "address": null,
            "connection": "unknown",
            "timing": null,
        }),
    }
}

fn http_json(http: &HttpExchange) -> Value {
    let redirects = http.redirects.iter();
    let redirects: Vec<Value> = redirects
        .map(|redirect| json!({"status": redirect.status, "url": redirect.url}))
        .collect();
    json!({
        "kind": "http",
        "kept": "full",
        "method": http.method,
        "url": http.url.to_string(),
        "request": {
            "headers": headers_json(&http.headers),
            "body": http.body.as_ref().map(body_json),
            "cut": http.changes.cut,
            "redacted": http.changes.redacted,
        },
        "redirects": redirects,
        "response": http.response.as_ref().map(response_json),
        "address": http.address,
        "connection": http.connection.name(),
        "timing": timing_json(http.timing),
    })
}

fn response_json(response: &HttpAnswer) -> Value {
    json!({
        "status": response.status,
        "headers": headers_json(&response.headers),
        "headers_cut": response.headers_cut,
        "body": response.body.as_ref().map(body_json),
    })
}

fn command_json(command: &CommandExchange) -> Value {
    let (status, signal) = match command.end {
        Some(CommandEnd::Status(status)) => (Some(status), None),
        Some(CommandEnd::Signal(signal)) => (None, Some(signal)),
        Some(CommandEnd::TimedOut) | None => (None, None),
    };
    let argv: Vec<String> = command.argv.iter().map(ExchangeText::to_string).collect();
    json!({
        "kind": "command",
        "kept": "full",
        "request": {
            "argv": argv,
            "cwd": command.cwd,
            "environment": command.environment,
            "stdin": {"size": command.stdin.size, "sha256": command.stdin.sha256},
            "cut": command.changes.cut,
            "redacted": command.changes.redacted,
        },
        "response": {
            "status": status,
            "signal": signal,
            "timed_out": command.end == Some(CommandEnd::TimedOut),
            "stdout": command.stdout.as_ref().map(body_json),
            "stderr": command.stderr.as_ref().map(body_json),
        },
        "timing": timing_json(command.timing),
    })
}

fn headers_json(headers: &[ExchangeHeader]) -> Value {
    let header =
        |header: &ExchangeHeader| json!({"name": header.name, "value": header.value.to_string()});
    headers.iter().map(header).collect()
}

fn body_json(body: &CapturedBody) -> Value {
    let (text, base64) = match &body.content {
        BodyContent::Text(text) => (Some(text.to_string()), None),
        BodyContent::Base64(base64) => (None, Some(base64)),
    };
    json!({"text": text, "base64": base64, "size": body.size, "cut": body.cut})
}

/// In seconds; `connect` is null if an open connection was used.
fn timing_json(timing: ExchangeTiming) -> Value {
    json!({
        "queued": timing.queued.as_secs_f64(),
        "connect": timing.connect.map(|time| time.as_secs_f64()),
        "first_byte": timing.first_byte.map(|time| time.as_secs_f64()),
        "total": timing.total.as_secs_f64(),
    })
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_LINE) {
        Some((end, _)) => format!("{}…", plain(&text[..end])),
        None => plain(text).into_owned(),
    }
}

pub fn bytes(size: u64) -> String {
    match size {
        0..10_000 => format!("{size} B"),
        10_000..10_000_000 => format!("{} kB", size / 1_000),
        _ => format!("{} MB", size / 1_000_000),
    }
}

/// Milliseconds below a second, so that short times can be compared.
pub fn millis(time: Duration) -> String {
    match time.as_millis() {
        millis @ 0..1_000 => format!("{millis}ms"),
        _ => format!("{:.1}s", time.as_secs_f64()),
    }
}
