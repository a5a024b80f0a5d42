//! `sign`: prints the headers of a signed request, and a curl command that sends it.
//! Tokens and passwords are printed as names. Nothing is sent.

use std::io::Write;
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use url::Url;

use super::exit::Exit;
use super::signer::{self, Signer};
use crate::cli::options::{Format, GlobalOptions};
use crate::report::error::CommandError;
use crate::report::input::outgoing::{OutgoingEvent, SourceRouter};
use crate::report::output::Output;
use crate::report::render::escape::plain;
use crate::report::render::message;
use crate::report::time_argument::TimeArgument;
use crate::source::signature::SignedRequest;
use flowtrigger_core::config::Config;
use flowtrigger_core::config::sender_method::SenderMethod;
use flowtrigger_core::config::verification::Scheme;
use flowtrigger_core::config::verification::token::TokenLocation;
use flowtrigger_core::secret::SecretSource;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger sign event.json
  flowtrigger sign --source support --at -10m event.json    signed ten minutes ago
  flowtrigger sign --format json event.json | jq .headers

The bytes of the file are signed as configured under `verify` of the source, with the first of its
`secrets`. A file with `$request` is signed as `flowtrigger send` sends it: with its method, headers and
query, and the rest as the body.

Exit codes: 3 a secret is not set, 4 the file is not an event and --source is absent.";

/// Print the headers that authenticate an event, and a curl command that sends it.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The file with the request body; `-` reads standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Sign for this source. Default: the source that the content belongs to.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Address of the daemon for the curl command. Default: the configured address.
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// Time of the signature, or -10m for ten minutes ago. Default: now.
    #[arg(long, value_name = "TIME", value_parser = TimeArgument::parse, allow_hyphen_values = true)]
    at: Option<TimeArgument>,
    /// Output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let config = global.config()?;
    let router = SourceRouter::new(args.source.as_deref(), &config)?;
    let event = match router.whole_file(&args.file) {
        Ok(event) => event,
        Err(error) => {
            message::error_to_stderr(global.color, &error.message, error.help.as_deref())?;
            return Ok(Exit::BadEvent);
        }
    };
    let now = Timestamp::now();
    let at = args.at.map_or(now, |at| at.from(now));
    let event = event.timed(at);
    let url = signer::url(&event, args.to.as_deref(), &config)?;
    let request = Signer::new(&config).sign(&event, &url, at)?;
    let signed = SignResult {
        curl: curl(&event, request.as_ref(), &url, &args.file, &config),
        event: &event,
        request: request.as_ref(),
        url,
    };
    match args.format {
        Format::Text => signed.text(out)?,
        Format::Json => writeln!(out, "{:#}", signed.json())?,
    }
    Ok(Exit::Fine)
}

struct SignResult<'s> {
    event: &'s OutgoingEvent<'s>,
    request: Option<&'s SignedRequest>,
    curl: String,
    url: Url,
}

impl SignResult<'_> {
    fn text(&self, out: &mut Output) -> Result<(), CommandError> {
        for (name, value) in own_headers(self.event, self.request) {
            writeln!(out, "{}: {}", plain(name), plain(value))?;
        }
        match self.request {
            Some(request) => {
                for header in &request.headers {
                    writeln!(out, "{}: {}", header.name, header.shown)?;
                }
                if let Some(token) = &request.query {
                    writeln!(out, "?{}={}", token.name, token.shown)?;
                }
            }
            None => writeln!(
                out,
                "the source `{}` has no `verify`: it accepts any sender",
                self.event.source.name
            )?,
        }
        Ok(writeln!(out, "\n{}", self.curl)?)
    }

    fn json(&self) -> Value {
        let source = self.event.source;
        let own = own_headers(self.event, self.request);
        let own = own.map(|(name, value)| (name.to_owned(), value.into()));
        let headers = self.request.iter().flat_map(|request| &request.headers);
        let headers = headers.map(|h| (h.name.clone(), h.shown.clone().into()));
        let mut json = json!({
            "source": source.name,
            "verify": source.verification.as_ref().map(|v| v.scheme.as_str()),
            "method": self.event.method.as_str(),
            "url": self.url.as_str(),
            "headers": own.chain(headers).collect::<Map<String, Value>>(),
            "curl": self.curl,
        });
        if self.event.is_rewritten {
            json["body"] = String::from_utf8_lossy(&self.event.body).into();
        }
        if let Some(token) = self.request.and_then(|request| request.query.as_ref()) {
            json["query"] = json!({ &token.name: token.shown });
        }
        json
    }
}

/// The headers of the sample, without those that the signature has too.
fn own_headers<'e>(
    event: &'e OutgoingEvent<'_>,
    request: Option<&'e SignedRequest>,
) -> impl Iterator<Item = (&'e str, &'e str)> {
    let is_signed = move |name: &str| {
        let mut signed = request.iter().flat_map(|request| &request.headers);
        signed.any(|header| header.name.eq_ignore_ascii_case(name))
    };
    let headers = event.headers.iter();
    let headers = headers.map(|(name, value)| (name.as_str(), value.as_str()));
    headers.filter(move |(name, _)| !is_signed(name))
}

/// The same request as a curl command. The shell reads the token from its secret source.
fn curl(
    event: &OutgoingEvent<'_>,
    request: Option<&SignedRequest>,
    url: &Url,
    file: &std::path::Path,
    config: &Config,
) -> String {
    let mut parts = vec![format!("curl {}", quoted(url.as_str()))];
    match event.method {
        SenderMethod::Post => {}
        other => parts.push(format!("-X {}", other.as_str())),
    }
    if event.header("content-type").is_none() {
        parts.push("-H 'content-type: application/json'".into());
    }
    let own = own_headers(event, request);
    parts.extend(own.map(|(name, value)| format!("-H {}", quoted(&format!("{name}: {value}")))));
    let verification = event.source.verification.as_ref();
    let secret = verification.and_then(|verification| verification.secrets.first());
    let token = secret.map_or_else(String::new, |name| token(name, config));
    match verification.map(|verification| &verification.scheme) {
        Some(Scheme::Bearer) => parts.push(format!("-H \"authorization: Bearer {token}\"")),
        Some(Scheme::Basic { username }) => {
            parts.push(format!("-u {}:\"{token}\"", quoted(username)))
        }
        Some(Scheme::Token(scheme)) => parts.push(match &scheme.location {
            TokenLocation::Header(name) => format!("-H \"{name}: {token}\""),
            TokenLocation::Query(name) => format!("--url-query \"{name}={token}\""),
        }),
        Some(Scheme::Signature(_)) | None => {
            let headers = request.iter().flat_map(|request| &request.headers);
            parts.extend(
                headers.map(|h| format!("-H {}", quoted(&format!("{}: {}", h.name, h.shown)))),
            );
        }
    }
    let body = match event.is_rewritten {
        true => String::from_utf8_lossy(&event.body).into_owned(),
        false => format!("@{}", file.display()),
    };
    parts.push(format!("--data-binary {}", quoted(&body)));
    parts.join(" ")
}

fn token(name: &str, config: &Config) -> String {
    let source = config.secrets.get(name).cloned();
    match source.unwrap_or_else(|| SecretSource::default_for(name)) {
        SecretSource::Env(variable) => format!("${variable}"),
        SecretSource::File(path) => format!("$(cat {})", quoted(&path.display().to_string())),
        SecretSource::Credential(name) => {
            format!("$(cat \"$CREDENTIALS_DIRECTORY/\"{})", quoted(&name))
        }
    }
}

/// Quotes the text for a shell, if necessary.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/:@".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}
