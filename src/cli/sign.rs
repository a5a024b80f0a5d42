//! `sign`: the headers that a sender would write, and the command that posts them.
//! It shows the name of a token or password in place of it, and sends nothing.

use std::io::Write;
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use url::Url;

use super::exit::{CommandError, Exit};
use super::output::Output;
use super::render::message;
use super::signer::{self, Signer};
use crate::cli::input::outgoing::{OutgoingEvent, SourceRouter};
use crate::cli::options::{Format, GlobalOptions};
use crate::cli::time_argument::TimeArgument;
use crate::source::signature::SignedHeader;
use flowtrigger_core::config::Config;
use flowtrigger_core::config::source::EventSource;
use flowtrigger_core::config::verification::Scheme;
use flowtrigger_core::secret::SecretSource;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger sign event.json
  flowtrigger sign --source support --at -10m event.json    as if it were signed then
  flowtrigger sign --format json event.json | jq .headers

The file is signed byte by byte with the first of the source's `secrets`, by the table that verifies
it. `flowtrigger send` signs and sends at once.

Exit code: 3 when a secret is not set, 4 when the file is no event and no --source is given.";

/// Print the headers with which a sender proves an event, and a curl line that sends it.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The file that is to be the body; `-` reads standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Sign for this source instead of telling it by the content.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// The daemon's address for the curl line; where it listens unless given.
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// When it is signed: a time, or -10m for so long ago; now unless given.
    #[arg(long, value_name = "TIME", value_parser = TimeArgument::parse, allow_hyphen_values = true)]
    at: Option<TimeArgument>,
    /// How the answer is printed.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let config = global.config()?;
    let address = SourceRouter::new(args.source.as_deref(), &config)?;
    let OutgoingEvent { entrance, body } = match address.whole(&args.file) {
        Ok(parcel) => parcel,
        Err(bad) => {
            let mut stderr = Output::stderr(global.color);
            message::error(&mut stderr, &bad.message, bad.help.as_deref())?;
            stderr.finish()?;
            return Ok(Exit::BadEvent);
        }
    };
    let now = Timestamp::now();
    let at = args.at.map_or(now, |at| at.from(now));
    let headers = Signer::new(&config).sign(entrance, &body, at)?;
    let url = signer::url(entrance, args.to.as_deref(), &config)?;
    let signed = SignResult {
        entrance,
        headers: headers.as_deref(),
        curl: curl(entrance, headers.as_deref(), &url, &args.file, &config),
        url,
    };
    match args.format {
        Format::Text => signed.text(out)?,
        Format::Json => writeln!(out, "{:#}", signed.json())?,
    }
    Ok(Exit::Fine)
}

struct SignResult<'s> {
    entrance: &'s EventSource,
    headers: Option<&'s [SignedHeader]>,
    curl: String,
    url: Url,
}

impl SignResult<'_> {
    fn text(&self, out: &mut Output) -> Result<(), CommandError> {
        match self.headers {
            Some(headers) => {
                for header in headers {
                    writeln!(out, "{}: {}", header.name, header.shown)?;
                }
            }
            None => writeln!(
                out,
                "the source `{}` has no `verify`: it accepts any sender",
                self.entrance.name
            )?,
        }
        Ok(writeln!(out, "\n{}", self.curl)?)
    }

    fn json(&self) -> Value {
        let headers = self.headers.unwrap_or_default().iter();
        let headers = headers.map(|h| (h.name.clone(), h.shown.clone().into()));
        json!({
            "source": self.entrance.name,
            "verify": self.entrance.verification.as_ref().map(|v| v.scheme.word()),
            "url": self.url.as_str(),
            "headers": headers.collect::<Map<String, Value>>(),
            "curl": self.curl,
        })
    }
}

/// The same request by hand. A shell finds a token where the program does.
fn curl(
    entrance: &EventSource,
    headers: Option<&[SignedHeader]>,
    url: &Url,
    file: &std::path::Path,
    config: &Config,
) -> String {
    let mut parts = vec![format!("curl {}", quoted(url.as_str()))];
    parts.push("-H 'content-type: application/json'".into());
    let verification = entrance.verification.as_ref();
    let secret = verification.and_then(|verification| verification.secrets.first());
    let token = secret.map_or_else(String::new, |name| token(name, config));
    match verification.map(|verification| &verification.scheme) {
        Some(Scheme::Bearer) => parts.push(format!("-H \"authorization: Bearer {token}\"")),
        Some(Scheme::Basic { username }) => {
            parts.push(format!("-u {}:\"{token}\"", quoted(username)))
        }
        Some(Scheme::Hmac(_)) | None => {
            let headers = headers.unwrap_or_default().iter();
            parts.extend(
                headers.map(|h| format!("-H {}", quoted(&format!("{}: {}", h.name, h.shown)))),
            );
        }
    }
    parts.push(format!(
        "--data-binary {}",
        quoted(&format!("@{}", file.display()))
    ));
    parts.join(" ")
}

fn token(name: &str, config: &Config) -> String {
    let place = config.secrets.get(name).cloned();
    match place.unwrap_or_else(|| SecretSource::default_for(name)) {
        SecretSource::Env(variable) => format!("${variable}"),
        SecretSource::File(path) => format!("$(cat {})", quoted(&path.display().to_string())),
    }
}

/// For a shell, in quotes where there is need.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/:@".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}
