//! The built program on a data folder.
//! It does not inherit the environment of the test run.

use std::path::Path;

use flowtrigger_testing::answers::assert_documented;
use flowtrigger_testing::program::{self, Output};

/// What the program printed, and its exit code.
#[derive(Debug)]
pub struct Said {
    pub out: String,
    pub err: String,
    pub code: i32,
}

pub fn flowtrigger(data: &Path, arguments: &[&str]) -> Said {
    let here = std::env::current_dir().expect("a folder");
    let mut command = program::command(env!("CARGO_BIN_EXE_flowtrigger"), &here, arguments);
    command.arg("--data").arg(data).env("COLUMNS", "100");
    let output = Output::new(command.output().expect("the program starts"));
    assert_documented(arguments, &output.stdout);
    Said {
        out: output.stdout,
        err: output.stderr,
        code: output.code,
    }
}
