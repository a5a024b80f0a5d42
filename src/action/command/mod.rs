//! Runs one command with its arguments, a clean environment, a folder and limits, and describes how it ended.
//! No shell is involved: each argument stays one argument.

pub mod allowlist;
mod code_variables;
mod find_program;
pub mod orphans;
mod pid_file;
pub(in crate::action) mod process;
pub mod sandbox;
mod user;
mod work_folder;

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use rustix::io::Errno;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::action::exchange::ExchangeRecorder;
use crate::action::secret::SecretStore;
use crate::action::{PerformCall, Performer, PerformerOptions, excerpt};
use flowtrigger_core::flow::call::{ExecCall, KeepOutput};
use flowtrigger_core::run::call_result::{CallFailure, CallResult, Reply};
use pid_file::{DAEMON_VARIABLE, KEY, PidFile, ProcessIdentity};
use process::{ProcessLimits, ProcessOutput, Termination};
use sandbox::launcher::{self, LaunchError, NOT_STARTED, SandboxSpec};

/// The variables that a command inherits.
pub(in crate::action) const INHERITED: [&str; 6] =
    ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"];
/// The kernel's limit for one argument or one variable, including its final NUL.
const MAX_ARGUMENT_BYTES: usize = 128 * 1024;
/// Characters of standard error in a message.
const MAX_SHOWN_CHARS: usize = 500;

impl PerformCall for ExecCall {
    async fn perform(
        &self,
        performer: &Performer,
        idempotency_key: &str,
        recorder: &ExchangeRecorder,
    ) -> CallResult {
        let call = work_folder::applied(self, &performer.options);
        execute(&call, idempotency_key, performer, recorder).await
    }
}

async fn execute(
    call: &ExecCall,
    idempotency_key: &str,
    performer: &Performer,
    recorder: &ExchangeRecorder,
) -> Result<Reply, CallFailure> {
    let (secrets, options) = (&performer.secrets, &performer.options);
    let shown = call
        .argv
        .first()
        .map(ToString::to_string)
        .unwrap_or_default();
    let PreparedCommand { command, sandbox } =
        prepare(call, &shown, idempotency_key, secrets, options)?;
    let input = secrets.expose_text(&call.stdin)?;
    let limits = ProcessLimits {
        time: call.timeout,
        grace: options.grace,
        output: options.output_cap,
    };
    let pid_file = pid_file(&shown, idempotency_key, options)?;
    recorder.command(call, (secrets, input.expose().len() as u64));
    let ended = process::run(command, input.expose().as_bytes(), &limits, pid_file)
        .await
        .map_err(|error| start_failure(&shown, &error))?;
    recorder.command_ended(&ended, secrets);
    if let Some(failure) = sandbox.and_then(|sandbox| not_started(&shown, &sandbox, &ended)) {
        return Err(failure);
    }
    match ended.how {
        Termination::Exited(status) if status.success() => Ok(reply(&ended, call.keep, secrets)),
        Termination::Exited(_) | Termination::Terminated | Termination::Killed => {
            Err(failure(&shown, &ended, call, secrets))
        }
    }
}

/// Creates the PID file before the command starts, so that no command runs without one.
fn pid_file(
    shown: &str,
    idempotency_key: &str,
    options: &PerformerOptions,
) -> Result<Option<PidFile>, CallFailure> {
    let Some(folder) = &options.processes else {
        return Ok(None);
    };
    let file = PidFile::create(folder, idempotency_key).map_err(|error| {
        CallFailure::transient(format!(
            "the command `{shown}` was not started: its PID file cannot be written to `{}` ({error}); free disk space there and let the user that runs flowtrigger write to it",
            folder.display()
        ))
    })?;
    Ok(Some(file))
}

/// A command ready to start, and its sandbox.
struct PreparedCommand {
    command: Command,
    sandbox: Option<SandboxSpec>,
}

fn prepare(
    call: &ExecCall,
    shown: &str,
    idempotency_key: &str,
    secrets: &SecretStore,
    options: &PerformerOptions,
) -> Result<PreparedCommand, CallFailure> {
    let argv = arguments(call, shown, secrets)?;
    let Some((name, arguments)) = argv.split_first() else {
        return Err(CallFailure::permanent(
            "the command is empty; name a program",
        ));
    };
    let folder = work_folder::existing(call, shown)?;
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
        for (name, _) in &call.env {
            programs.admit_variable(name)?;
        }
    }
    let confinement = call.confine.as_deref();
    let found = confinement.map(|confinement| sandbox::find(confinement, &program, shown));
    let found = found.transpose()?;
    if let Some(home) = found.as_ref().and_then(|found| found.home.clone()) {
        let own = call.env.iter().any(|(name, _)| name == "HOME");
        environment.extend((!own).then(|| ("HOME".to_owned(), home)));
    }
    let sandbox = found.map(|found| found.spec);
    let mut command = match &sandbox {
        None => {
            let mut command = Command::new(program);
            command.arg0(name);
            command
        }
        Some(sandbox) => launcher_command(&options.launcher, sandbox, name)?,
    };
    command.env_clear();
    match &sandbox {
        None => command.envs(environment),
        // The variables take effect when the launcher becomes the command. Only the key and the daemon are set from
        // the start: they identify the process.
        Some(_) => command
            .env(KEY, idempotency_key)
            .envs(ProcessIdentity::own().map(|daemon| (DAEMON_VARIABLE, daemon.short())))
            .envs(launcher::deferred(environment)),
    };
    command
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Ok(PreparedCommand { command, sandbox })
}

/// The launcher, which restricts itself and then becomes the command.
fn launcher_command(
    launcher: &Path,
    sandbox: &SandboxSpec,
    name: &str,
) -> Result<Command, CallFailure> {
    let arguments = sandbox.arguments().map_err(|error| {
        CallFailure::permanent(format!(
            "the sandbox of a command cannot be serialized ({error}); this is a bug, please report it"
        ))
    })?;
    let mut command = Command::new(launcher);
    command.arg0("flowtrigger").args(arguments).arg(name);
    Ok(command)
}

/// Why a sandboxed command did not start: a restriction could not be applied, or its start failed.
fn not_started(shown: &str, sandbox: &SandboxSpec, ended: &ProcessOutput) -> Option<CallFailure> {
    let Termination::Exited(status) = ended.how else {
        return None;
    };
    if status.code() != Some(NOT_STARTED) {
        return None;
    }
    Some(match sandbox.launch_error(&ended.stderr.text())? {
        LaunchError::Start(code) if Errno::from_raw_os_error(code) == Errno::ACCESS => {
            CallFailure::permanent(format!(
                "the command `{shown}` could not be started: permission denied under `confine`; let its `user` execute it, and add its interpreter, if it has one, to `read`"
            ))
        }
        LaunchError::Start(code) => start_failure(shown, &io::Error::from_raw_os_error(code)),
        LaunchError::Restriction(why) => {
            CallFailure::permanent(format!("the command `{shown}` was not started: {why}"))
        }
    })
}

fn arguments(
    call: &ExecCall,
    shown: &str,
    secrets: &SecretStore,
) -> Result<Vec<String>, CallFailure> {
    let mut arguments = Vec::new();
    for (index, text) in call.argv.iter().enumerate() {
        let argument = secrets.expose_text(text)?.expose().to_owned();
        fits(
            &argument,
            &format!("argument {index} of the command `{shown}`"),
        )?;
        arguments.push(argument);
    }
    Ok(arguments)
}

/// Checks what the kernel would reject without a reason.
fn fits(text: &str, what: &str) -> Result<(), CallFailure> {
    if text.contains('\0') {
        return Err(CallFailure::permanent(format!(
            "{what} contains a NUL character, which no command accepts; pass the text by `stdin`"
        )));
    }
    if text.len() >= MAX_ARGUMENT_BYTES {
        return Err(CallFailure::permanent(format!(
            "{what} has {} bytes, more than the limit of 128 KiB; pass the text by `stdin`",
            text.len()
        )));
    }
    Ok(())
}

fn environment(
    call: &ExecCall,
    shown: &str,
    idempotency_key: &str,
    secrets: &SecretStore,
) -> Result<Vec<(String, String)>, CallFailure> {
    let passed_on = INHERITED.into_iter();
    let mut environment: Vec<_> = passed_on
        .filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)))
        .collect();
    environment.push((KEY.into(), idempotency_key.into()));
    if let Some(daemon) = ProcessIdentity::own() {
        environment.push((DAEMON_VARIABLE.into(), daemon.short()));
    }
    for (name, text) in &call.env {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(CallFailure::permanent(format!(
                "`{}` is not a valid variable name for the command `{shown}`; use letters, digits and `_` in `env`",
                name.escape_debug()
            )));
        }
        let value = secrets.expose_text(text)?.expose().to_owned();
        let what = format!("the variable `{name}` of the command `{shown}`");
        fits(&format!("{name}={value}"), &what)?;
        environment.push((name.clone(), value));
    }
    Ok(environment)
}

/// Why the operating system did not start it.
fn start_failure(shown: &str, error: &io::Error) -> CallFailure {
    let lasting = |why: &str| {
        CallFailure::permanent(format!("the command `{shown}` could not be started: {why}"))
    };
    match Errno::from_io_error(error) {
        Some(Errno::NOENT) => lasting(
            "the interpreter in its first line does not exist; install it or correct the line",
        ),
        Some(Errno::ACCESS) => lasting(
            "permission denied; let the user that runs flowtrigger execute it, and check that its \
             disk is not mounted `noexec`",
        ),
        Some(Errno::NOEXEC) => lasting(
            "it is not a program for this machine; a script needs a first line such as `#!/bin/sh`",
        ),
        Some(Errno::TOOBIG) => {
            lasting("its arguments and environment together are too long; pass texts by `stdin`")
        }
        Some(_) | None => CallFailure::transient(format!(
            "the command `{shown}` could not be run ({error}); check the limits of the user that \
             runs flowtrigger"
        )),
    }
}

fn reply(ended: &ProcessOutput, keep: KeepOutput, secrets: &SecretStore) -> Reply {
    let value = match keep {
        KeepOutput::Body => secrets.redact_value(value(ended, secrets)),
        KeepOutput::Status => json!({ "status": 0 }),
        KeepOutput::None => json!({}),
    };
    Reply { value }
}

fn value(ended: &ProcessOutput, secrets: &SecretStore) -> Value {
    let stdout = match ended.stdout.truncated {
        true => secrets.redact_head(&ended.stdout.text()),
        false => ended.stdout.text(),
    };
    let body = serde_json::from_str::<Value>(&stdout).ok();
    let mut value = json!({ "status": 0, "stdout": stdout, "stderr": stderr(ended, secrets) });
    // Truncated output may still be valid JSON, such as the first of two lines.
    if let Some(body) = body.filter(|_| !ended.stdout.truncated) {
        value["body"] = body;
    }
    if ended.stdout.truncated || ended.stderr.truncated {
        value["truncated"] = true.into();
    }
    value
}

/// The standard error, redacted.
fn stderr(ended: &ProcessOutput, secrets: &SecretStore) -> String {
    match ended.stderr.truncated {
        true => secrets.redact_tail(&ended.stderr.text()),
        false => secrets.redact(&ended.stderr.text()),
    }
}

/// Every failure of a command may be temporary: the step's `retry` decides.
fn failure(
    shown: &str,
    ended: &ProcessOutput,
    call: &ExecCall,
    secrets: &SecretStore,
) -> CallFailure {
    let (what, advice) = match ended.how {
        Termination::Exited(status) if call.confine.is_some() => (
            end(status),
            "run it by hand with the same input to see why, or check whether the limits of `confine` are too low",
        ),
        Termination::Exited(status) => {
            (end(status), "run it by hand with the same input to see why")
        }
        Termination::Terminated => (
            format!("did not end within {:?} and was stopped", call.timeout),
            "find out what it waits for, or raise the step's `timeout`",
        ),
        Termination::Killed => (
            format!(
                "did not end within {:?} and was killed, because it ignored SIGTERM",
                call.timeout
            ),
            "find out what it waits for, or raise the step's `timeout`",
        ),
    };
    let text = excerpt::last(&stderr(ended, secrets), MAX_SHOWN_CHARS);
    if text.is_empty() {
        return CallFailure::transient(format!(
            "the command `{shown}` {what}, with nothing on standard error; {advice}"
        ));
    }
    CallFailure::transient(format!("the command `{shown}` {what}: {text}; {advice}"))
}

/// The limit that a signal reports.
fn limit(signal: i32) -> Option<&'static str> {
    match Signal::from_named_raw(signal)? {
        Signal::XCPU => Some("limit of CPU time (`confine.cpu`)"),
        Signal::XFSZ => Some("limit of file size (`confine.file_size`)"),
        _ => None,
    }
}

fn end(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with status {code}"),
        (None, Some(signal)) => match limit(signal) {
            Some(limit) => format!("was ended by signal {signal} because it reached its {limit}"),
            None => format!("was ended by signal {signal}"),
        },
        (None, None) => "ended without a status".to_owned(),
    }
}
