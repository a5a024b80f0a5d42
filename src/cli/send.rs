//! `send`: posts events to a daemon, signed as their sender would, and prints the replies.
//! A rejected event does not stop the others; the worst result decides the exit code.

use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use url::Url;

use super::exit::Exit;
use super::signer::{self, Signer};
use crate::action::post::{CertificateFault, PostError, Posted, Poster};
use crate::cli::options::{Format, GlobalOptions};
use crate::report::error::CommandError;
use crate::report::input::ReadEventError;
use crate::report::input::outgoing::{OutgoingEvent, OutgoingInput, SourceRouter};
use crate::report::output::Output;
use crate::report::render::color::{Paint, Tone};
use crate::report::render::document::versioned;
use crate::report::render::escape::plain;
use crate::report::render::message;
use crate::tls::{PemFile, read_authorities};
use flowtrigger_core::config::Config;
use flowtrigger_core::secret::SecretValue;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger send event.json
  flowtrigger send --source support --to https://events.example.com event.json
  flowtrigger events ticket.PriorityChanged --sample | flowtrigger send -

An event is signed as configured under `verify` of its source, with the first of the `secrets`.
A file with several events is sent event by event. `$request` of an event is its request:
  {\"$request\": {\"method\": \"PUT\", \"headers\": {\"x-team\": \"red\"}, \"query\": {\"ticket\": \"7\"}}, ...}
With the content-type application/x-www-form-urlencoded in it, the event is sent as a form.

Exit codes: 0 all were accepted, 1 one was rejected, 3 a secret is not set, 4 one is not an event (400, 413),
5 the daemon does not answer or asks to send again later.";

/// Post events to a daemon, signed as their sender would, and print the replies.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Files with one event, an array or one event per line; `-` reads standard input.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Post to this source. Default: the source that the content belongs to.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Address of the daemon, or a URL with a path. Default: the configured address.
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// The file with the authorities that the certificate of the daemon is verified with. Default: those of the system.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let config = global.config()?;
    let router = SourceRouter::new(args.source.as_deref(), &config)?;
    let mut post = Post::new(&config, &args, global)?;
    let mut worst = Exit::Fine;
    for OutgoingInput { place, event } in router.events(&args.files) {
        let exit = match event {
            Ok(event) => post.send(&place, event, out)?,
            Err(error) => post.print_invalid(&place, &error)?,
        };
        out.flush()?;
        worst = worse(worst, exit);
    }
    Ok(worst)
}

fn worse(one: Exit, other: Exit) -> Exit {
    match one as u8 >= other as u8 {
        true => one,
        false => other,
    }
}

struct Post<'p> {
    config: &'p Config,
    args: &'p Args,
    global: &'p GlobalOptions,
    signer: Signer,
    poster: Poster,
    runtime: Runtime,
    /// The sources whose note about unsigned events was printed.
    unsigned: Vec<String>,
}

impl<'p> Post<'p> {
    fn new(
        config: &'p Config,
        args: &'p Args,
        global: &'p GlobalOptions,
    ) -> Result<Self, CommandError> {
        let ca = args.ca.as_deref().map(read_ca).transpose()?;
        let not_started = |why: String| CommandError::runtime(format!("failed to start: {why}"));
        Ok(Self {
            config,
            args,
            global,
            signer: Signer::new(config),
            poster: Poster::new(ca.as_ref()).map_err(|error| not_started(error.to_string()))?,
            runtime: Runtime::new().map_err(|error| not_started(error.to_string()))?,
            unsigned: Vec::new(),
        })
    }

    fn send(
        &mut self,
        place: &str,
        event: OutgoingEvent<'_>,
        out: &mut Output,
    ) -> Result<Exit, CommandError> {
        let now = Timestamp::now();
        let event = event.timed(now);
        let url = signer::url(&event, self.args.to.as_deref(), self.config)?;
        let signed = self.signer.sign(&event, &url, now)?;
        let OutgoingEvent {
            source,
            method,
            body,
            headers: received,
            is_rewritten: _,
            query: _,
        } = event;
        if signed.is_none() {
            self.note_unsigned(&source.name)?;
        }
        let signed = signed.unwrap_or_default();
        let received = received.into_iter();
        let received: Vec<(String, SecretValue)> = received
            .map(|(name, value)| (name, SecretValue::new(value)))
            .collect();
        let own = received.iter().map(|(name, value)| (name.as_str(), value));
        let headers = signed.headers.iter();
        let headers = headers.map(|header| (header.name.as_str(), &header.value));
        let headers: Vec<_> = own.chain(headers).collect();
        // The token in it is not printed: messages use `url`.
        let mut target = url.clone();
        if let Some(token) = &signed.query {
            let mut pairs = target.query_pairs_mut();
            pairs.append_pair(&token.name, token.value.expose());
        }
        let posted = self.poster.post(method, &target, &headers, body);
        let posted = self
            .runtime
            .block_on(posted)
            .map_err(|error| unreachable(&url, &error))?;
        let exit = exit_of(posted.status);
        let result = SendResult {
            place,
            source: &source.name,
            url: &url,
            posted: &posted,
        };
        match self.args.format {
            Format::Text => result.text(out)?,
            Format::Json => writeln!(out, "{}", versioned(result.json()))?,
        }
        Ok(exit)
    }

    fn print_invalid(&self, place: &str, error: &ReadEventError) -> Result<Exit, CommandError> {
        let text = format!("{place}: {}", error.message);
        message::error_to_stderr(self.global.color, &text, error.help.as_deref())?;
        Ok(Exit::BadEvent)
    }

    fn note_unsigned(&mut self, source: &str) -> Result<(), CommandError> {
        if self.unsigned.iter().any(|noted| noted == source) {
            return Ok(());
        }
        self.unsigned.push(source.to_owned());
        let mut stderr = Output::stderr(self.global.color);
        writeln!(
            stderr,
            "note: the source `{source}` has no `verify`: its events are sent unsigned"
        )?;
        stderr.finish()
    }
}

fn unreachable(url: &Url, error: &PostError) -> CommandError {
    let failure = CommandError::runtime(format!(
        "failed to post to `{}`: {error}",
        without_credentials(url)
    ));
    failure.help(match error {
        PostError::Refused => "start `flowtrigger daemon`, or name its address with `--to URL`",
        PostError::Untrusted(CertificateFault::UnknownAuthority) if has_missing_authorities() => {
            "`SSL_CERT_FILE` names a file that does not exist; correct it, or use `--ca FILE`"
        }
        PostError::Untrusted(fault) => fault.help(),
        PostError::Other(_) => "check that this is the address of the daemon, and check its log",
    })
}

fn read_ca(path: &Path) -> Result<PemFile, CommandError> {
    let checked = read_authorities(path).and_then(|_| PemFile::read(path));
    checked.map_err(|error| CommandError::usage(format!("`--ca`: {error}")))
}

fn has_missing_authorities() -> bool {
    std::env::var_os("SSL_CERT_FILE").is_some_and(|path| !Path::new(&path).is_file())
}

/// The URL without user and password.
fn without_credentials(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

fn exit_of(status: u16) -> Exit {
    match status {
        200..=299 => Exit::Fine,
        400 | 413 => Exit::BadEvent,
        429 | 500..=599 => Exit::Runtime,
        _ => Exit::Negative,
    }
}

struct SendResult<'a> {
    place: &'a str,
    source: &'a str,
    url: &'a Url,
    posted: &'a Posted,
}

impl SendResult<'_> {
    fn json(&self) -> Value {
        json!({
            "place": self.place,
            "source": self.source,
            "url": without_credentials(self.url),
            "status": self.posted.status,
            "answer": self.posted.body,
        })
    }

    fn text(&self, out: &mut Output) -> Result<(), CommandError> {
        let body = &self.posted.body;
        if exit_of(self.posted.status) != Exit::Fine {
            return self.rejected(out);
        }
        if !body.is_array() && body.get("event").is_none() {
            return self.handshake(out);
        }
        let events = body
            .as_array()
            .map_or(std::slice::from_ref(body), Vec::as_slice);
        events.iter().try_for_each(|one| self.accepted(one, out))
    }

    fn accepted(&self, one: &Value, out: &mut Output) -> Result<(), CommandError> {
        let paint = Paint::new(out);
        let event = one["event"].as_str().unwrap_or_default();
        let runs = one["runs"].as_array().map_or(&[][..], Vec::as_slice);
        let continued = one["continued"].as_array().map_or(&[][..], Vec::as_slice);
        let redelivered = one["redelivered"] == true;
        let has_effect = !(runs.is_empty() && continued.is_empty());
        let (label, note) = match (redelivered, !has_effect) {
            (true, _) => (
                "redelivered",
                ": it was received before, and nothing runs twice",
            ),
            (false, true) => ("accepted", ": no rule matched; `flowtrigger why` shows why"),
            (false, false) => ("accepted", ""),
        };
        let label = paint.tone(Tone::Green, label);
        writeln!(out, "{}: {label}, event {}{note}", self.place, plain(event))?;
        let started = runs.iter().map(|run| ("run", run));
        let continued = continued.iter().map(|run| ("continues run", run));
        for (label, run) in started.chain(continued) {
            let text = |key: &str| plain(run[key].as_str().unwrap_or_default()).into_owned();
            writeln!(
                out,
                "  {label} {}  {}  {}",
                run["id"],
                text("rule"),
                text("state")
            )?;
        }
        for warning in one["warnings"].as_array().into_iter().flatten() {
            let warning = plain(warning.as_str().unwrap_or_default()).into_owned();
            writeln!(out, "  {}: {warning}", paint.tone(Tone::Yellow, "warning"))?;
        }
        Ok(())
    }

    /// The answer names no event: the body was a check of the address.
    fn handshake(&self, out: &mut Output) -> Result<(), CommandError> {
        let label = Paint::new(out).tone(Tone::Green, "answered");
        let (place, status) = (self.place, self.posted.status);
        Ok(writeln!(
            out,
            "{place}: {label} with {status}: a check of the address (`handshake`), from which no event results"
        )?)
    }

    fn rejected(&self, out: &mut Output) -> Result<(), CommandError> {
        let paint = Paint::new(out);
        let Posted { status, body } = self.posted;
        let label = paint.tone(Tone::Red, "rejected");
        let why = body["error"].as_str().or(body.as_str()).unwrap_or_default();
        let why: String = why.chars().take(300).collect();
        writeln!(
            out,
            "{}: {label} with {status}: {}",
            self.place,
            plain(why.trim())
        )?;
        let path = body["path"]
            .as_str()
            .map(|path| format!("at `{}`", plain(path)));
        let help = body["help"]
            .as_str()
            .or(advice(*status))
            .map(|h| plain(h).into_owned());
        for line in path.into_iter().chain(help) {
            writeln!(out, "  {line}")?;
        }
        Ok(())
    }
}

/// Help that the daemon does not send, because the sender may be unknown to it.
fn advice(status: u16) -> Option<&'static str> {
    match status {
        401 => Some(
            "the daemon's secret or `verify` differs from the one here, or one of the clocks is wrong; `flowtrigger reload` loads the files of the daemon at once, and a variable needs a restart",
        ),
        300..=399 => Some("redirects are not followed; name the final address with `--to URL`"),
        404 => Some(
            "the configuration of the daemon has no such source; `flowtrigger reload` loads a changed one at once",
        ),
        _ => None,
    }
}
