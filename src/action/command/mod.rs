//! Runs one command: its arguments as they are, a clean environment, a folder, bounds, and its end in words.
//! It refuses a shell of its own: an argument stays one argument, whatever stands in it.

pub mod allowlist;
mod find_program;
pub mod orphans;
mod pid_file;
mod process;
pub mod sandbox;
mod user;

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use rustix::io::Errno;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::action::secret::Secrets;
use crate::action::{Options, excerpt};
use crate::core::flow::call::{ExecCall, Keep};
use crate::core::run::{CallFailure, Reply};
use pid_file::{KEY, Record};
use process::{Ended, How, Limits};
use sandbox::launcher::{Bounds, Refusal, UNSTARTED};

/// All that a command sees of our own environment.
const PASSED_ON: [&str; 6] = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"];
/// The kernel's limit for one argument or one variable, its final NUL included.
const LONGEST: usize = 128 * 1024;
/// How many characters of standard error stand in a message.
const SHOWN: usize = 500;

pub(super) async fn perform(
    call: &ExecCall,
    idempotency_key: &str,
    secrets: &Secrets,
    options: &Options,
) -> Result<Reply, CallFailure> {
    let shown = call
        .argv
        .first()
        .map(ToString::to_string)
        .unwrap_or_default();
    let Prepared { command, bounds } = prepare(call, &shown, idempotency_key, secrets, options)?;
    let input = secrets.reveal(&call.stdin)?;
    let limits = Limits {
        time: call.timeout,
        grace: options.grace,
        output: options.output_cap,
    };
    let record = record(&shown, idempotency_key, options)?;
    let ended = process::run(command, input.expose().as_bytes(), &limits, record)
        .await
        .map_err(|error| unstarted(&shown, &error))?;
    if let Some(failure) = bounds.and_then(|bounds| not_started(&shown, &bounds, &ended)) {
        return Err(failure);
    }
    match ended.how {
        How::Itself(status) if status.success() => Ok(reply(&ended, call.keep, secrets)),
        How::Itself(_) | How::Stopped | How::Killed => Err(failure(&shown, &ended, call, secrets)),
    }
}

/// Written before the command starts, so that none is ever under way without one.
fn record(
    shown: &str,
    idempotency_key: &str,
    options: &Options,
) -> Result<Option<Record>, CallFailure> {
    let Some(folder) = &options.processes else {
        return Ok(None);
    };
    let record = Record::create(folder, idempotency_key).map_err(|error| {
        CallFailure::passing(format!(
            "the command `{shown}` was not started, because its start cannot be recorded in `{}` ({error}); make room there and let the user that runs flowtrigger write to it",
            folder.display()
        ))
    })?;
    Ok(Some(record))
}

/// A command ready to be started, and what binds it then.
struct Prepared {
    command: Command,
    bounds: Option<Bounds>,
}

fn prepare(
    call: &ExecCall,
    shown: &str,
    idempotency_key: &str,
    secrets: &Secrets,
    options: &Options,
) -> Result<Prepared, CallFailure> {
    let argv = arguments(call, shown, secrets)?;
    let Some((name, arguments)) = argv.split_first() else {
        return Err(CallFailure::lasting("the command is empty; name a program"));
    };
    let folder = folder(call, shown)?;
    let mut environment = environment(call, shown, idempotency_key, secrets)?;
    let path = environment.iter().rfind(|(name, _)| name == "PATH");
    let path = path.map(|(_, path)| path.as_str());
    let redacted = |failure: CallFailure| CallFailure {
        message: secrets.redact(&failure.message),
        ..failure
    };
    let mut program = find_program::find(name, shown, &folder, path).map_err(redacted)?;
    if let Some(programs) = &options.programs {
        program = programs.admit(&program, shown).map_err(redacted)?;
    }
    let confinement = call.confine.as_deref();
    let found = confinement.map(|confinement| sandbox::find(confinement, &program, shown));
    let found = found.transpose()?;
    if let Some(home) = found.as_ref().and_then(|found| found.home.clone()) {
        let own = call.env.iter().any(|(name, _)| name == "HOME");
        environment.extend((!own).then(|| ("HOME".to_owned(), home)));
    }
    let bounds = found.map(|found| found.bounds);
    let mut command = match &bounds {
        None => {
            let mut command = Command::new(program);
            command.arg0(name);
            command
        }
        Some(bounds) => by_way_of(&options.confiner, bounds, name)?,
    };
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Ok(Prepared { command, bounds })
}

/// The program that binds itself and then becomes the command.
fn by_way_of(confiner: &Path, bounds: &Bounds, name: &str) -> Result<Command, CallFailure> {
    let asked = bounds.arguments().map_err(|error| {
        CallFailure::lasting(format!(
            "the bounds of a command cannot be written ({error}); this is a fault of the program, \
             please report it"
        ))
    })?;
    let mut command = Command::new(confiner);
    command.arg0("flowtrigger").args(asked).arg(name);
    Ok(command)
}

/// Why a command with bounds is none: they were not in force, or its start failed.
fn not_started(shown: &str, bounds: &Bounds, ended: &Ended) -> Option<CallFailure> {
    let How::Itself(status) = ended.how else {
        return None;
    };
    if status.code() != Some(UNSTARTED) {
        return None;
    }
    Some(match bounds.refusal(&ended.stderr.text())? {
        Refusal::Start(code) if Errno::from_raw_os_error(code) == Errno::ACCESS => {
            CallFailure::lasting(format!(
                "the command `{shown}` could not be started: permission denied under `confine`; let \
                 its `user` execute it, and give what runs it, such as an interpreter of its own, \
                 under `read`"
            ))
        }
        Refusal::Start(code) => unstarted(shown, &io::Error::from_raw_os_error(code)),
        Refusal::Bounds(why) => {
            CallFailure::lasting(format!("the command `{shown}` was not started: {why}"))
        }
    })
}

fn arguments(call: &ExecCall, shown: &str, secrets: &Secrets) -> Result<Vec<String>, CallFailure> {
    let mut arguments = Vec::new();
    for (index, text) in call.argv.iter().enumerate() {
        let argument = secrets.reveal(text)?.expose().to_owned();
        fits(
            &argument,
            &format!("argument {index} of the command `{shown}`"),
        )?;
        arguments.push(argument);
    }
    Ok(arguments)
}

/// What the kernel would refuse, in words.
fn fits(text: &str, what: &str) -> Result<(), CallFailure> {
    if text.contains('\0') {
        return Err(CallFailure::lasting(format!(
            "{what} holds a NUL character, which no command can take; pass the text by `stdin`"
        )));
    }
    if text.len() >= LONGEST {
        return Err(CallFailure::lasting(format!(
            "{what} has {} bytes, more than the 128 KiB that a command can take; pass the text by \
             `stdin`",
            text.len()
        )));
    }
    Ok(())
}

fn folder(call: &ExecCall, shown: &str) -> Result<PathBuf, CallFailure> {
    let absolute = std::path::absolute(Path::new(&call.cwd));
    match absolute {
        Ok(folder) if folder.is_dir() => Ok(folder),
        Ok(_) | Err(_) => Err(CallFailure::lasting(format!(
            "the folder `{}` that the command `{shown}` is to run in does not exist; create it or \
             correct `cwd`",
            call.cwd
        ))),
    }
}

fn environment(
    call: &ExecCall,
    shown: &str,
    idempotency_key: &str,
    secrets: &Secrets,
) -> Result<Vec<(String, String)>, CallFailure> {
    let passed_on = PASSED_ON.into_iter();
    let mut environment: Vec<_> = passed_on
        .filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)))
        .collect();
    environment.push((KEY.into(), idempotency_key.into()));
    for (name, text) in &call.env {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(CallFailure::lasting(format!(
                "`{}` is no name for a variable of the command `{shown}`; use letters, digits and \
                 `_` in `env`",
                name.escape_debug()
            )));
        }
        let value = secrets.reveal(text)?.expose().to_owned();
        let what = format!("the variable `{name}` of the command `{shown}`");
        fits(&format!("{name}={value}"), &what)?;
        environment.push((name.clone(), value));
    }
    Ok(environment)
}

/// Why the operating system did not start it.
fn unstarted(shown: &str, error: &io::Error) -> CallFailure {
    let lasting = |why: &str| {
        CallFailure::lasting(format!("the command `{shown}` could not be started: {why}"))
    };
    match Errno::from_io_error(error) {
        Some(Errno::NOENT) => lasting(
            "the interpreter that its first line names does not exist; install it or correct the \
             line",
        ),
        Some(Errno::ACCESS) => lasting(
            "permission denied; let the user that runs flowtrigger execute it, and check that its \
             disk is not mounted `noexec`",
        ),
        Some(Errno::NOEXEC) => lasting(
            "it is no program of this machine; a script needs a first line such as `#!/bin/sh`",
        ),
        Some(Errno::TOOBIG) => {
            lasting("its arguments and environment are too long together; pass texts by `stdin`")
        }
        Some(_) | None => CallFailure::passing(format!(
            "the command `{shown}` could not be run ({error}); check the limits of the user that \
             runs flowtrigger"
        )),
    }
}

fn reply(ended: &Ended, keep: Keep, secrets: &Secrets) -> Reply {
    let value = match keep {
        Keep::Body => secrets.redact_value(value(ended, secrets)),
        Keep::Status => json!({ "status": 0 }),
        Keep::None => json!({}),
    };
    Reply { value }
}

fn value(ended: &Ended, secrets: &Secrets) -> Value {
    let stdout = match ended.stdout.truncated {
        true => secrets.redact_head(&ended.stdout.text()),
        false => ended.stdout.text(),
    };
    let body = serde_json::from_str::<Value>(&stdout).ok();
    let mut value = json!({ "status": 0, "stdout": stdout, "stderr": words(ended, secrets) });
    // Half an output may still be JSON, such as the first line of two.
    if let Some(body) = body.filter(|_| !ended.stdout.truncated) {
        value["body"] = body;
    }
    if ended.stdout.truncated || ended.stderr.truncated {
        value["truncated"] = true.into();
    }
    value
}

/// What it said on standard error.
fn words(ended: &Ended, secrets: &Secrets) -> String {
    match ended.stderr.truncated {
        true => secrets.redact_tail(&ended.stderr.text()),
        false => secrets.redact(&ended.stderr.text()),
    }
}

/// Every end but a good one may pass: the author's `retry` decides.
fn failure(shown: &str, ended: &Ended, call: &ExecCall, secrets: &Secrets) -> CallFailure {
    let (what, advice) = match ended.how {
        How::Itself(status) if call.confine.is_some() => (
            end(status),
            "run it by hand with the same input to see why, or see whether `confine` leaves it too little",
        ),
        How::Itself(status) => (end(status), "run it by hand with the same input to see why"),
        How::Stopped => (
            format!("did not end within {:?} and was stopped", call.timeout),
            "see what it waits for, or raise the step's `timeout`",
        ),
        How::Killed => (
            format!(
                "did not end within {:?} and was killed, because it ignored SIGTERM",
                call.timeout
            ),
            "see what it waits for, or raise the step's `timeout`",
        ),
    };
    let words = excerpt::last(&words(ended, secrets), SHOWN);
    if words.is_empty() {
        return CallFailure::passing(format!(
            "the command `{shown}` {what}, with nothing on standard error; {advice}"
        ));
    }
    CallFailure::passing(format!("the command `{shown}` {what}: {words}; {advice}"))
}

/// The limit that a signal tells of.
fn limit(signal: i32) -> Option<&'static str> {
    match Signal::from_named_raw(signal)? {
        Signal::XCPU => Some("limit of processor time (`confine.cpu`)"),
        Signal::XFSZ => Some("limit of a file's size (`confine.file_size`)"),
        _ => None,
    }
}

fn end(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with status {code}"),
        (None, Some(signal)) => match limit(signal) {
            Some(limit) => format!("was ended by signal {signal}, since it reached its {limit}"),
            None => format!("was ended by signal {signal}"),
        },
        (None, None) => "ended without a status".to_owned(),
    }
}
