//! `send`: posts events to a daemon as their sender would, signed, and tells what it answers.
//! It refuses to stop at one that is not taken: each is told, and the worst makes the exit code.

use std::io::Write;
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use url::Url;

use super::exit::{CommandError, Exit};
use super::input::ReadEventError;
use super::output::Output;
use super::render::message;
use super::signer::{self, Signer};
use crate::action::post::{PostError, Posted, Poster};
use crate::cli::input::outgoing::{OutgoingEvent, OutgoingInput, SourceRouter};
use crate::cli::options::{Format, GlobalOptions};
use crate::cli::render::color::{Paint, Tone};
use crate::cli::render::escape::plain;
use flowtrigger_core::config::Config;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger send event.json
  flowtrigger send --source support --to https://events.example.com event.json
  flowtrigger events ticket.PriorityChanged --sample | flowtrigger send -

An event is signed as its source has it under `verify`, with the first of its `secrets`, by the table
that verifies it. A file with several events is sent event by event.

Exit code: 0 when all were accepted, 1 when one was refused, 3 when a secret is not set, 4 when one is
no event, 5 when nobody answers or the daemon asks to come again.";

/// Post events to a daemon, signed as their sender would, and tell what it answers.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Files with one event, an array or one event a line; `-` reads standard input.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Post to this source instead of telling it by the content.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// The daemon's address, or a whole URL with a path; where it listens unless given.
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// How the answers are printed.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let config = global.config()?;
    let address = SourceRouter::new(args.source.as_deref(), &config)?;
    let mut post = Post::new(&config, &args, global)?;
    let mut worst = Exit::Fine;
    for packed in address.parcels(&args.files) {
        let OutgoingInput { place, parcel } = packed;
        let exit = match parcel {
            Ok(parcel) => post.send(&place, parcel, out)?,
            Err(bad) => post.unfit(&place, &bad)?,
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
    /// The sources of which it was told that nothing is signed.
    unsigned: Vec<String>,
}

impl<'p> Post<'p> {
    fn new(
        config: &'p Config,
        args: &'p Args,
        global: &'p GlobalOptions,
    ) -> Result<Self, CommandError> {
        let not_started = |why: String| CommandError::runtime(format!("failed to start: {why}"));
        Ok(Self {
            config,
            args,
            global,
            signer: Signer::new(config),
            poster: Poster::new().map_err(|error| not_started(error.to_string()))?,
            runtime: Runtime::new().map_err(|error| not_started(error.to_string()))?,
            unsigned: Vec::new(),
        })
    }

    fn send(
        &mut self,
        place: &str,
        parcel: OutgoingEvent<'_>,
        out: &mut Output,
    ) -> Result<Exit, CommandError> {
        let OutgoingEvent { entrance, body } = parcel;
        let url = signer::url(entrance, self.args.to.as_deref(), self.config)?;
        let signed = self.signer.sign(entrance, &body, Timestamp::now())?;
        if signed.is_none() {
            self.tell_unsigned(&entrance.name)?;
        }
        let headers = signed.iter().flatten();
        let headers: Vec<_> = headers.map(|h| (h.name.as_str(), &h.value)).collect();
        let posted = self.poster.post(&url, &headers, body);
        let posted = self
            .runtime
            .block_on(posted)
            .map_err(|error| unreached(&url, &error))?;
        let exit = exit_of(posted.status);
        let answer = SendResult {
            place,
            source: &entrance.name,
            url: &url,
            posted: &posted,
        };
        match self.args.format {
            Format::Text => answer.text(out)?,
            Format::Json => writeln!(out, "{}", answer.json())?,
        }
        Ok(exit)
    }

    fn unfit(&self, place: &str, bad: &ReadEventError) -> Result<Exit, CommandError> {
        let mut stderr = Output::stderr(self.global.color);
        let text = format!("{place}: {}", bad.message);
        message::error(&mut stderr, &text, bad.help.as_deref())?;
        stderr.finish()?;
        Ok(Exit::BadEvent)
    }

    fn tell_unsigned(&mut self, source: &str) -> Result<(), CommandError> {
        if self.unsigned.iter().any(|told| told == source) {
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

fn unreached(url: &Url, error: &PostError) -> CommandError {
    let failure = CommandError::runtime(format!("failed to post to `{}`: {error}", bare(url)));
    failure.help(match error {
        PostError::Refused => "start `flowtrigger daemon`, or name its address with `--to URL`",
        PostError::Other(_) => "check that this is the address of the daemon, and check its log",
    })
}

/// Without a password that somebody put into it.
fn bare(url: &Url) -> String {
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
            "url": bare(self.url),
            "status": self.posted.status,
            "answer": self.posted.body,
        })
    }

    fn text(&self, out: &mut Output) -> Result<(), CommandError> {
        let body = &self.posted.body;
        if exit_of(self.posted.status) != Exit::Fine {
            return self.refusal(out);
        }
        let several = body
            .as_array()
            .map_or(std::slice::from_ref(body), Vec::as_slice);
        several.iter().try_for_each(|one| self.accepted(one, out))
    }

    fn accepted(&self, one: &Value, out: &mut Output) -> Result<(), CommandError> {
        let paint = Paint::of(out);
        let event = one["event"].as_str().unwrap_or_default();
        let runs = one["runs"].as_array().map_or(&[][..], Vec::as_slice);
        let redelivered = one["redelivered"] == true;
        let (word, more) = match (redelivered, runs.is_empty()) {
            (true, _) => (
                "redelivered",
                ": it was received before, and nothing runs twice",
            ),
            (false, true) => ("accepted", ": no rule matched; `flowtrigger why` shows why"),
            (false, false) => ("accepted", ""),
        };
        let word = paint.tone(Tone::Green, word);
        writeln!(out, "{}: {word}, event {}{more}", self.place, plain(event))?;
        for run in runs {
            let text = |key: &str| plain(run[key].as_str().unwrap_or_default()).into_owned();
            writeln!(
                out,
                "  run {}  {}  {}",
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

    fn refusal(&self, out: &mut Output) -> Result<(), CommandError> {
        let paint = Paint::of(out);
        let Posted { status, body } = self.posted;
        let word = paint.tone(Tone::Red, "rejected");
        let why = body["error"].as_str().or(body.as_str()).unwrap_or_default();
        let why: String = why.chars().take(300).collect();
        writeln!(
            out,
            "{}: {word} with {status}: {}",
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

/// What a daemon does not say, as it may be talking to a stranger.
fn advice(status: u16) -> Option<&'static str> {
    match status {
        401 => Some(
            "the daemon's secret or `verify` differs from the one here, or one of the clocks is wrong; the daemon reads them at its start and on SIGHUP",
        ),
        300..=399 => Some("redirects are not followed; name the final address with `--to URL`"),
        404 => Some(
            "the configuration of the daemon has no such source; the daemon reads it at its start and on SIGHUP",
        ),
        _ => None,
    }
}
