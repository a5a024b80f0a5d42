//! The exit codes of commands, which scripts rely on.

use std::process::ExitCode;

use crate::report::error::CommandError;

/// The exit codes of every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Fine = 0,
    /// No match, a failed test, a dead run.
    Negative = 1,
    Usage = 2,
    /// Invalid rules or configuration.
    Invalid = 3,
    /// An input that is not an event.
    BadEvent = 4,
    Runtime = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

impl From<&CommandError> for Exit {
    fn from(error: &CommandError) -> Self {
        match error {
            CommandError::Usage(_) => Exit::Usage,
            CommandError::Invalid(_) | CommandError::Unset(_) => Exit::Invalid,
            CommandError::Nothing(_) => Exit::Negative,
            CommandError::Runtime(_) | CommandError::Output(_) => Exit::Runtime,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_do_not_change() {
        let codes = [
            Exit::Fine,
            Exit::Negative,
            Exit::Usage,
            Exit::Invalid,
            Exit::BadEvent,
            Exit::Runtime,
        ];
        assert_eq!(codes.map(|exit| exit as u8), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn an_error_of_the_input_is_one_of_usage() {
        assert_eq!(Exit::from(&CommandError::usage("no file `x`")), Exit::Usage);
    }
}
