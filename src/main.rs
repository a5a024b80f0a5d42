//! The `flowtrigger` program: calls `cli`, which returns the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    flowtrigger::cli::main()
}
