//! The `flowtrigger` program: hands over to `cli`, which answers with an exit code.
//! It refuses to do anything itself.

use std::process::ExitCode;

fn main() -> ExitCode {
    flowtrigger::cli::main()
}
