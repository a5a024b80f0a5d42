//! Runs jq programs in child processes of this program, which are reused, so that a program that never ends or
//! exhausts memory affects only its child. CPU time, memory and result size are limited.

mod worker;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use rustix::process::Signal;
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::action::exchange::ExchangeRecorder;
use crate::action::{PerformCall, Performer, excerpt};
use flowtrigger_core::flow::call::{Call, JqCall};
use flowtrigger_core::run::call_result::{CallFailure, CallResult, Reply};

pub use worker::serve_jq;

/// Programs that run at the same time, so that long programs leave some CPU time.
const MAX_PROCESSES: usize = 4;
/// Calls after which a child is replaced.
const MAX_CALLS: u32 = 1_000;
/// Characters of an error of jq in a message.
const MAX_SHOWN_CHARS: usize = 300;

/// Runs jq programs. Clones are cheap and share the child processes.
#[derive(Debug, Clone)]
pub struct JqPool(Arc<PoolState>);

#[derive(Debug)]
struct PoolState {
    /// This program.
    program: PathBuf,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<JqWorker>>,
}

impl PerformCall for JqCall {
    async fn perform(&self, performer: &Performer, _: &str, _: &ExchangeRecorder) -> CallResult {
        let result = performer.jq.run(self).await;
        let result = result.map(|value| Reply { value });
        result.map_err(|failure| CallFailure {
            message: performer.secrets.redact(&failure.message),
            ..failure
        })
    }
}

/// The pool for callers without a `Performer`.
static DEFAULT_POOL: LazyLock<JqPool> = LazyLock::new(|| JqPool::new("/proc/self/exe"));

/// Runs a program outside of an action.
pub async fn run(call: &JqCall) -> Result<Value, CallFailure> {
    DEFAULT_POOL.run(call).await
}

/// Like `run`, for synchronous callers.
pub fn run_blocking(call: &JqCall) -> Result<Value, CallFailure> {
    DEFAULT_POOL.run_blocking(call)
}

/// The result of a call of a jq program; `None` for other calls.
pub fn outcome(call: &Call) -> Option<CallResult> {
    let Call::Jq(call) = call else { return None };
    Some(run_blocking(call).map(|value| Reply { value }))
}

impl JqPool {
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self(Arc::new(PoolState {
            program: program.into(),
            permits: Arc::new(Semaphore::new(MAX_PROCESSES)),
            idle: Mutex::default(),
        }))
    }

    /// If the future is dropped, the program still runs to its end, which its limits keep within seconds.
    pub async fn run(&self, call: &JqCall) -> Result<Value, CallFailure> {
        let (jq, call) = (self.clone(), call.clone());
        let permit = Arc::clone(&self.0.permits).acquire_owned().await;
        let running = tokio::task::spawn_blocking(move || {
            let result = jq.run_blocking(&call);
            drop(permit);
            result
        });
        match running.await {
            Ok(result) => result,
            Err(error) => Err(CallFailure::transient(format!(
                "the jq program was aborted ({error}); try again"
            ))),
        }
    }

    pub fn run_blocking(&self, call: &JqCall) -> Result<Value, CallFailure> {
        match self.answer(call)? {
            // Another process may have killed it; a second attempt decides.
            JqAnswer::Killed(_) => self.answer(call)?,
            answer => answer,
        }
        .result()
    }

    fn answer(&self, call: &JqCall) -> Result<JqAnswer, CallFailure> {
        let mut worker = self.take().map_err(|error| {
            CallFailure::transient(format!(
                "the jq program could not be started ({error}); check the limits of the user that \
                 runs flowtrigger"
            ))
        })?;
        let answer = worker.ask(call);
        match answer {
            Some(answer) => {
                self.put_back(worker);
                Ok(answer)
            }
            None => Ok(worker.end()),
        }
    }

    /// A running worker. One that was killed while idle is replaced: no program caused that.
    fn take(&self) -> io::Result<JqWorker> {
        loop {
            let found = self.idle().pop();
            let Some(mut found) = found else {
                return JqWorker::start(&self.0.program);
            };
            if found.is_running() {
                return Ok(found);
            }
        }
    }

    fn put_back(&self, worker: JqWorker) {
        let mut idle = self.idle();
        if worker.calls < MAX_CALLS && idle.len() < MAX_PROCESSES {
            idle.push(worker);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<JqWorker>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed(why: &str) -> CallFailure {
    let why = excerpt::first(why, MAX_SHOWN_CHARS);
    CallFailure::permanent(format!(
        "the jq program failed: {why}; correct it (`flowtrigger dry-run` runs it too)"
    ))
}

/// The error of a result that is too long.
fn too_long() -> String {
    format!(
        "its result has more than {} KiB",
        worker::MAX_RESULT_BYTES / 1024
    )
}

/// A child process that runs programs.
#[derive(Debug)]
struct JqWorker {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    errors: ChildStderr,
    calls: u32,
}

enum JqAnswer {
    Result(Value),
    Failed(String),
    /// Killed, but not because of a limit.
    Killed(String),
}

impl JqWorker {
    fn start(program: &PathBuf) -> io::Result<Self> {
        let mut process = Command::new(program)
            .arg0("flowtrigger")
            .arg(worker::ARGUMENT)
            .current_dir("/")
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C in a terminal must not interrupt a program that runs.
            .process_group(0)
            .spawn()?;
        let pipes = (
            process.stdin.take(),
            process.stdout.take(),
            process.stderr.take(),
        );
        let (Some(input), Some(output), Some(errors)) = pipes else {
            return Err(io::Error::other("its pipes are missing"));
        };
        Ok(Self {
            process,
            input,
            output: BufReader::new(output),
            errors,
            calls: 0,
        })
    }

    fn is_running(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// `None` if the child ended, or had to be killed, without an answer.
    fn ask(&mut self, call: &JqCall) -> Option<JqAnswer> {
        self.calls += 1;
        let program = Value::from(call.program.as_str());
        let question = format!("{program}\n{}\n", call.input);
        self.input.write_all(question.as_bytes()).ok()?;
        let mut line = Vec::new();
        // One byte before the result, and a line feed after it.
        let limit = worker::MAX_RESULT_BYTES as u64 + 2;
        let mut output = self.output.by_ref().take(limit);
        output.read_until(b'\n', &mut line).ok()?;
        match line.split_last()? {
            (b'\n', answer) => JqAnswer::parse(answer),
            (_, _) => {
                // The child may still run; without this, `wait` would block.
                drop(self.process.kill());
                None
            }
        }
    }

    /// Returns why there was no answer.
    fn end(mut self) -> JqAnswer {
        let mut stderr = Vec::new();
        drop(self.errors.by_ref().take(4 * 1024).read_to_end(&mut stderr));
        let stderr = String::from_utf8_lossy(&stderr);
        match self.process.wait() {
            Ok(status) => cause(status, &stderr),
            Err(error) => JqAnswer::Failed(format!("its process was lost ({error})")),
        }
    }
}

impl Drop for JqWorker {
    fn drop(&mut self) {
        // An error means that it is gone already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl JqAnswer {
    fn parse(line: &[u8]) -> Option<Self> {
        match line.split_first()? {
            (&worker::RESULT_SIGN, text) => Some(match serde_json::from_slice(text) {
                Ok(value) => Self::Result(value),
                Err(error) => Self::Failed(format!("its result cannot be read ({error})")),
            }),
            (&worker::FAILURE_SIGN, text) => serde_json::from_slice(text).ok().map(Self::Failed),
            (_, _) => None,
        }
    }

    fn result(self) -> Result<Value, CallFailure> {
        match self {
            Self::Result(value) => Ok(value),
            Self::Failed(why) => Err(failed(&why)),
            Self::Killed(why) => Err(CallFailure {
                retryable: true,
                ..failed(&why)
            }),
        }
    }
}

/// Why a child ended, by its exit status and its standard error.
fn cause(status: ExitStatus, stderr: &str) -> JqAnswer {
    let signal = status.signal().and_then(Signal::from_named_raw);
    JqAnswer::Failed(match (signal, status.code()) {
        // The fault is not reported as an overflow if it is in code without a check of the stack, such as the allocator.
        _ if stderr.contains("overflowed its stack") || signal == Some(Signal::SEGV) => {
            "it recurses too deeply; does a function call itself without end?".into()
        }
        _ if stderr.contains("memory allocation") => {
            format!(
                "it needs more than {} MiB of memory",
                worker::MAX_MEMORY >> 20
            )
        }
        (Some(Signal::XCPU), _) => format!(
            "it did not end within {} s of CPU time",
            worker::MAX_CPU_SECONDS
        ),
        (Some(Signal::KILL), _) => return JqAnswer::Killed("its process was killed".into()),
        (_, Some(worker::NO_LIMITS)) => {
            format!("its limits cannot be set here ({})", stderr.trim())
        }
        (Some(_) | None, _) => format!("its process ended with {status}"),
    })
}
