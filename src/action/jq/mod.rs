//! jq programs performed, each by a child of this program, so that one without end or measure takes
//! nothing down but its child. Children are kept for the next call.
//! It refuses to judge by the clock: processor time, memory and the size of the result are bounded.

mod worker;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use rustix::process::Signal;
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::action::excerpt;
use crate::core::flow::call::{Call, JqCall};
use crate::core::run::{CallFailure, CallResult, Reply};

pub use worker::serve_jq;

/// Programs that run together; one that keeps a processor busy for its two seconds must leave some.
const TOGETHER: usize = 4;
/// Calls after which a child makes room for a fresh one.
const CALLS: u32 = 1_000;
/// Characters of jq's own words in a message.
const SHOWN: usize = 300;

/// Runs jq programs. Cloning is cheap and shares the children.
#[derive(Debug, Clone)]
pub struct Jq(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// This program.
    program: PathBuf,
    places: Arc<Semaphore>,
    idle: Mutex<Vec<Calculator>>,
}

/// Those of whoever has no `Performer`.
static OWN: LazyLock<Jq> = LazyLock::new(|| Jq::new("/proc/self/exe"));

/// Runs a program without anything else of an action: it has no effect.
pub async fn run(call: &JqCall) -> Result<Value, CallFailure> {
    OWN.run(call).await
}

/// The same where nothing is asynchronous.
pub fn run_blocking(call: &JqCall) -> Result<Value, CallFailure> {
    OWN.run_blocking(call)
}

/// What a call gives where it is a jq program; None for whatever else it is.
pub fn outcome(call: &Call) -> Option<CallResult> {
    let Call::Jq(call) = call else { return None };
    Some(run_blocking(call).map(|value| Reply { value }))
}

impl Jq {
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self(Arc::new(Shared {
            program: program.into(),
            places: Arc::new(Semaphore::new(TOGETHER)),
            idle: Mutex::default(),
        }))
    }

    /// A dropped future leaves its program to end by itself, which it does in seconds.
    pub async fn run(&self, call: &JqCall) -> Result<Value, CallFailure> {
        let (jq, call) = (self.clone(), call.clone());
        let place = Arc::clone(&self.0.places).acquire_owned().await;
        let running = tokio::task::spawn_blocking(move || {
            let result = jq.run_blocking(&call);
            drop(place);
            result
        });
        match running.await {
            Ok(result) => result,
            Err(error) => Err(CallFailure::passing(format!(
                "the jq program was given up ({error}); try again"
            ))),
        }
    }

    pub fn run_blocking(&self, call: &JqCall) -> Result<Value, CallFailure> {
        match self.answer(call)? {
            // Somebody else's doing, it may be; once more tells.
            Answer::Killed(_) => self.answer(call)?,
            answer => answer,
        }
        .result()
    }

    fn answer(&self, call: &JqCall) -> Result<Answer, CallFailure> {
        let mut calculator = self.take().map_err(|error| {
            CallFailure::passing(format!(
                "the jq program could not be started ({error}); check the limits of the user that \
                 runs flowtrigger"
            ))
        })?;
        let answer = calculator.ask(call);
        match answer {
            Some(answer) => {
                self.put_back(calculator);
                Ok(answer)
            }
            None => Ok(calculator.end()),
        }
    }

    /// One that lives: what was killed while it was idle is none of a program's doing.
    fn take(&self) -> io::Result<Calculator> {
        loop {
            let found = self.idle().pop();
            let Some(mut found) = found else {
                return Calculator::start(&self.0.program);
            };
            if found.lives() {
                return Ok(found);
            }
        }
    }

    fn put_back(&self, calculator: Calculator) {
        let mut idle = self.idle();
        if calculator.calls < CALLS && idle.len() < TOGETHER {
            idle.push(calculator);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Calculator>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed(why: &str) -> CallFailure {
    let why = excerpt::first(why, SHOWN);
    CallFailure::lasting(format!(
        "the jq program failed: {why}; correct it, `flowtrigger dry-run` runs it too"
    ))
}

/// Of a result.
fn too_long() -> String {
    format!("its result has more than {} KiB", worker::RESULT / 1024)
}

/// A child that waits for programs.
#[derive(Debug)]
struct Calculator {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    errors: ChildStderr,
    calls: u32,
}

enum Answer {
    Result(Value),
    Failed(String),
    /// By nothing that bounds it.
    Killed(String),
}

impl Calculator {
    fn start(program: &PathBuf) -> io::Result<Self> {
        let mut process = Command::new(program)
            .arg0("flowtrigger")
            .arg(worker::ASKED)
            .current_dir("/")
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // What interrupts this program from a terminal leaves it what it is in the middle of.
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

    fn lives(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// None where it ended, or was to end, without one.
    fn ask(&mut self, call: &JqCall) -> Option<Answer> {
        self.calls += 1;
        let program = Value::from(call.program.as_str());
        let question = format!("{program}\n{}\n", call.input);
        self.input.write_all(question.as_bytes()).ok()?;
        let mut line = Vec::new();
        // A sign before, a line's end behind.
        let most = worker::RESULT as u64 + 2;
        let mut output = self.output.by_ref().take(most);
        output.read_until(b'\n', &mut line).ok()?;
        match line.split_last()? {
            (b'\n', answer) => Answer::of(answer),
            (_, _) => {
                // It may be anything but gone, and would be waited for.
                drop(self.process.kill());
                None
            }
        }
    }

    /// Why there was no answer.
    fn end(mut self) -> Answer {
        let mut said = Vec::new();
        drop(self.errors.by_ref().take(4 * 1024).read_to_end(&mut said));
        let said = String::from_utf8_lossy(&said);
        match self.process.wait() {
            Ok(status) => cause(status, &said),
            Err(error) => Answer::Failed(format!("its process was lost ({error})")),
        }
    }
}

impl Drop for Calculator {
    fn drop(&mut self) {
        // It may be gone already, and that is all right.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Answer {
    fn of(line: &[u8]) -> Option<Self> {
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

/// What ended a child, from how it ended and what the standard library said at the end.
fn cause(status: ExitStatus, said: &str) -> Answer {
    let signal = status.signal().and_then(Signal::from_named_raw);
    Answer::Failed(match (signal, status.code()) {
        _ if said.contains("overflowed its stack") => {
            "it goes too deep; does a function call itself without end?".into()
        }
        _ if said.contains("memory allocation") => {
            format!("it needs more than {} MiB of memory", worker::MEMORY >> 20)
        }
        (Some(Signal::XCPU), _) => format!(
            "it did not end within {} s of processor time",
            worker::PROCESSOR
        ),
        (Some(Signal::KILL), _) => return Answer::Killed("its process was killed".into()),
        (_, Some(worker::UNBOUND)) => format!("it cannot be bounded here ({})", said.trim()),
        (Some(_) | None, _) => format!("its process ended with {status}"),
    })
}
