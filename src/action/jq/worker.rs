//! The child's side: bound itself, then read programs and their inputs and answer, until nobody asks.
//! It refuses to begin unbound, and has no environment, no file and no connection.

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

use crate::core::flow::jq::Program;

/// The first argument that asks for it; no command is called so.
pub(super) const ASKED: &str = "--serve-jq";
/// Seconds of processor time of one program.
pub(super) const PROCESSOR: u64 = 2;
/// Bytes of address space.
pub(super) const MEMORY: u64 = 256 << 20;
/// Bytes of a result.
pub(super) const RESULT: usize = 256 * 1024;
/// How it ends where it cannot be bound.
pub(super) const UNBOUND: i32 = 125;
/// What an answer begins with.
pub(super) const RESULT_SIGN: u8 = b'=';
pub(super) const FAILURE_SIGN: u8 = b'!';

/// Programs that are kept compiled: most calls are of few programs, and compiling takes longer than
/// running.
const KEPT: usize = 64;
/// Bytes of what went wrong.
const WORDS: usize = 2_000;

/// Serves jq programs where the arguments ask for it; None where they do not.
pub fn serve_jq(mut arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    arguments.next()?;
    if arguments.next()? != ASKED {
        return None;
    }
    if let Err(error) = bind() {
        drop(writeln!(io::stderr(), "{error}"));
        return Some(ExitCode::from(u8::try_from(UNBOUND).unwrap_or(1)));
    }
    // A fault of the library is told as an answer.
    std::panic::set_hook(Box::new(|_| {}));
    // Whoever asked is gone where that fails.
    drop(serve(&mut io::stdin().lock(), &mut io::stdout().lock()));
    Some(ExitCode::SUCCESS)
}

fn bind() -> Result<(), Errno> {
    set_no_new_privs(true)?;
    let limits = [
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::As, MEMORY),
    ];
    for (resource, limit) in limits {
        let limit = Rlimit {
            current: Some(limit),
            maximum: Some(limit),
        };
        setrlimit(resource, limit)?;
    }
    more_time()
}

/// So much from now on. The kernel counts whole seconds; one that began counts as over.
fn more_time() -> Result<(), Errno> {
    let used = clock_gettime(ClockId::ProcessCPUTime).tv_sec;
    let until = u64::try_from(used).unwrap_or_default() + PROCESSOR + 1;
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
        more_time()?;
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
    programs: &mut HashMap<String, Program>,
    text: &str,
    input: &str,
) -> Result<Value, String> {
    if programs.len() >= KEPT {
        programs.clear();
    }
    let answered = catch_unwind(AssertUnwindSafe(|| {
        if !programs.contains_key(text) {
            let program = Program::compile(text).map_err(|mistake| mistake.told(text))?;
            programs.insert(text.to_owned(), program);
        }
        let result = programs.get(text).map(|program| program.run(input));
        let result = result.unwrap_or_else(|| Err("it was lost".into()))?;
        match result.to_string().len() {
            0..=RESULT => Ok(result),
            _ => Err(super::too_long()),
        }
    }));
    answered.unwrap_or_else(|_| {
        programs.clear();
        Err("it breaks the jq library; write it in another way".into())
    })
}

fn line(sign: u8, value: &Value) -> Vec<u8> {
    let mut line = vec![sign];
    line.extend(value.to_string().into_bytes());
    line.push(b'\n');
    line
}

fn cut(mut why: String) -> String {
    let mut end = WORDS.min(why.len());
    while !why.is_char_boundary(end) {
        end -= 1;
    }
    why.truncate(end);
    why
}
