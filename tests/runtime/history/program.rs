//! The built program on a data folder.
//! It keeps the environment of whoever runs the tests away from it.

use std::path::Path;
use std::process::Command;

/// What the program printed, and its exit code.
#[derive(Debug)]
pub struct Said {
    pub out: String,
    pub err: String,
    pub code: i32,
}

pub fn flowtrigger(data: &Path, arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowtrigger"));
    for (variable, _) in std::env::vars().filter(|(name, _)| name.starts_with("FLOWTRIGGER_")) {
        command.env_remove(variable);
    }
    command
        .args(arguments)
        .arg("--data")
        .arg(data)
        .env("COLUMNS", "100");
    let output = command.output().expect("the program starts");
    Said {
        out: String::from_utf8(output.stdout).expect("UTF-8"),
        err: String::from_utf8(output.stderr).expect("UTF-8"),
        code: output.status.code().expect("an exit code"),
    }
}
