//! The child process of the jq pool: limits itself, then reads programs with their inputs and writes results,
//! until its input ends. It has no environment, opens no file and no connection.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{self, BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::set_no_new_privs;
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;

use flowtrigger_core::flow::jq::JqProgram;

/// The first argument that starts the worker; no command has this name.
pub(super) const ARGUMENT: &str = "--serve-jq";
/// Seconds of CPU time of one program.
pub(super) const MAX_CPU_SECONDS: u64 = 2;
/// Bytes of address space.
pub(super) const MAX_MEMORY: u64 = 256 << 20;
/// Bytes of a result.
pub(super) const MAX_RESULT_BYTES: usize = 256 * 1024;
/// The exit status if the limits cannot be set.
pub(super) const NO_LIMITS: i32 = 125;
/// The first byte of an answer.
pub(super) const RESULT_SIGN: u8 = b'=';
pub(super) const FAILURE_SIGN: u8 = b'!';

/// Compiled programs in the cache: most calls are of few programs, and compiling takes longer than running.
const CACHE_CAPACITY: usize = 64;
/// Bytes of an error message.
const MAX_ERROR_BYTES: usize = 2_000;

/// Serves jq programs if the first argument says so, else returns `None`.
pub fn serve_jq(mut arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    arguments.next()?;
    if arguments.next()? != ARGUMENT {
        return None;
    }
    if let Err(error) = set_limits() {
        drop(writeln!(io::stderr(), "{error}"));
        return Some(ExitCode::from(u8::try_from(NO_LIMITS).unwrap_or(1)));
    }
    // A panic of the library becomes an answer.
    std::panic::set_hook(Box::new(|_| {}));
    // An error means that the parent is gone.
    drop(serve(&mut io::stdin().lock(), &mut io::stdout().lock()));
    Some(ExitCode::SUCCESS)
}

fn set_limits() -> Result<(), Errno> {
    set_no_new_privs(true)?;
    let limits = [
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::As, MAX_MEMORY),
    ];
    for (resource, limit) in limits {
        let limit = Rlimit {
            current: Some(limit),
            maximum: Some(limit),
        };
        setrlimit(resource, limit)?;
    }
    raise_cpu_limit()
}

/// Raises the CPU limit for the next program. The kernel counts started seconds as full ones.
fn raise_cpu_limit() -> Result<(), Errno> {
    let used = clock_gettime(ClockId::ProcessCPUTime).tv_sec;
    let until = u64::try_from(used).unwrap_or_default() + MAX_CPU_SECONDS + 1;
    let maximum = getrlimit(Resource::Cpu).maximum;
    let limit = Rlimit {
        current: Some(maximum.map_or(until, |maximum| maximum.min(until))),
        maximum,
    };
    setrlimit(Resource::Cpu, limit)
}

fn serve(questions: &mut impl BufRead, answers: &mut impl Write) -> io::Result<()> {
    let mut programs = HashMap::new();
    loop {
        let (mut program, mut input) = (String::new(), String::new());
        if questions.read_line(&mut program)? == 0 || questions.read_line(&mut input)? == 0 {
            return Ok(());
        }
        raise_cpu_limit()?;
        let program: String = serde_json::from_str(&program)?;
        let answer = match answer(&mut programs, &program, &input) {
            Ok(result) => line(RESULT_SIGN, &result),
            Err(why) => line(FAILURE_SIGN, &cut(why).into()),
        };
        answers.write_all(&answer)?;
        answers.flush()?;
    }
}

fn answer(
    programs: &mut HashMap<String, JqProgram>,
    text: &str,
    input: &str,
) -> Result<Value, String> {
    if programs.len() >= CACHE_CAPACITY {
        programs.clear();
    }
    let answered = catch_unwind(AssertUnwindSafe(|| {
        if !programs.contains_key(text) {
            let program = JqProgram::compile(text).map_err(|mistake| mistake.message_in(text))?;
            programs.insert(text.to_owned(), program);
        }
        let result = programs.get(text).map(|program| program.run(input));
        let result = result.unwrap_or_else(|| Err("the compiled program is missing".into()))?;
        match result.to_string().len() {
            0..=MAX_RESULT_BYTES => Ok(result),
            _ => Err(super::too_long()),
        }
    }));
    answered.unwrap_or_else(|_| {
        programs.clear();
        Err("it crashes the jq library; write it differently".into())
    })
}

fn line(sign: u8, value: &Value) -> Vec<u8> {
    let mut line = vec![sign];
    line.extend(value.to_string().into_bytes());
    line.push(b'\n');
    line
}

fn cut(mut why: String) -> String {
    let mut end = MAX_ERROR_BYTES.min(why.len());
    while !why.is_char_boundary(end) {
        end -= 1;
    }
    why.truncate(end);
    why
}
