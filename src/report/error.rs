//! Why a question has no answer: an error with a message and a help line, or the diagnostics of the rules.

use std::io;
use std::sync::Arc;

use thiserror::Error;

use crate::action;
use crate::engine::{EngineError, FolderError};
use crate::report::output::Output;
use crate::report::render;
use crate::source::http::ListenError;
use crate::store::history::{HistoryError, HistoryOpenError};
use crate::store::postgres::PostgresOpenError;
use flowtrigger_core::diagnostic::{Diagnostics, Files};
use flowtrigger_core::matching::evaluation::explain::Disagreement;

/// Why a command failed.
#[derive(Debug, Error)]
pub enum CommandError {
    #[error("{0}")]
    Usage(ErrorMessage),
    /// All diagnostics of the rules and the configuration.
    #[error("the rules or the configuration have errors")]
    Invalid(Box<DiagnosticReport>),
    /// Secrets without a value, or TLS files that cannot be used: the configuration is incomplete.
    #[error("{0}")]
    Unset(ErrorMessage),
    /// Nothing was found where something was expected.
    #[error("{0}")]
    Nothing(ErrorMessage),
    #[error("{0}")]
    Runtime(ErrorMessage),
    #[error("failed to write the output: {0}")]
    Output(#[from] io::Error),
}

/// A message and a help line.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct ErrorMessage {
    pub message: String,
    pub help: Option<String>,
}

/// Diagnostics with the texts that they point to.
#[derive(Debug)]
pub struct DiagnosticReport {
    pub files: Arc<Files>,
    pub diagnostics: Diagnostics,
}

impl CommandError {
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage(ErrorMessage::new(message))
    }

    pub fn unset(message: impl Into<String>) -> Self {
        Self::Unset(ErrorMessage::new(message))
    }

    pub fn nothing(message: impl Into<String>) -> Self {
        Self::Nothing(ErrorMessage::new(message))
    }

    pub fn runtime(message: impl Into<String>) -> Self {
        Self::Runtime(ErrorMessage::new(message))
    }

    pub fn invalid(files: Arc<Files>, diagnostics: Diagnostics) -> Self {
        Self::Invalid(Box::new(DiagnosticReport { files, diagnostics }))
    }

    /// Adds a help line. Diagnostics and output errors have none.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        match &mut self {
            CommandError::Usage(error)
            | CommandError::Unset(error)
            | CommandError::Nothing(error)
            | CommandError::Runtime(error) => {
                error.help = Some(help.into());
            }
            CommandError::Invalid(_) | CommandError::Output(_) => {}
        }
        self
    }

    /// Prints the error. Ignores that the output may be closed.
    pub fn print(&self, to: &mut Output) {
        let _ = match self {
            CommandError::Invalid(report) => {
                render::diagnostics::text(to, &report.files, &report.diagnostics)
            }
            CommandError::Usage(error)
            | CommandError::Unset(error)
            | CommandError::Nothing(error)
            | CommandError::Runtime(error) => {
                render::message::error(to, &error.message, error.help.as_deref())
            }
            CommandError::Output(_) => render::message::error(to, &self.to_string(), None),
        };
        let _ = to.finish();
    }
}

impl From<EngineError> for CommandError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Rules(loaded) => {
                CommandError::invalid(loaded.rulebook.files, loaded.diagnostics)
            }
            EngineError::Secrets(_)
            | EngineError::Certificate(_)
            | EngineError::Action(action::Error::ConnectionTls(_)) => {
                CommandError::Unset(ErrorMessage::new(error.to_string()))
            }
            EngineError::Listen(
                ListenError::Address { .. }
                | ListenError::NotLoopback { .. }
                | ListenError::NobodyCanSignIn { .. },
            )
            | EngineError::Activation(_)
            | EngineError::Folder(FolderError::File { .. })
            | EngineError::PushedWithoutDatabase => CommandError::usage(error.to_string()),
            EngineError::Listen(
                ListenError::AddressInUse { .. }
                | ListenError::Other { .. }
                | ListenError::Socket(_),
            )
            | EngineError::FilesChanging
            | EngineError::Store(_)
            | EngineError::Open(_)
            | EngineError::Action(action::Error::Client(_))
            | EngineError::Folder(
                FolderError::Unusable { .. }
                | FolderError::Foreign { .. }
                | FolderError::Locked { .. },
            )
            | EngineError::Socket(_)
            | EngineError::Pushed(_)
            | EngineError::Serve(_)
            | EngineError::Signals(_)
            | EngineError::Interrupted => CommandError::runtime(error.to_string()),
        }
    }
}

impl From<HistoryOpenError> for CommandError {
    fn from(error: HistoryOpenError) -> Self {
        match error {
            HistoryOpenError::Nothing(_) => CommandError::usage(error.to_string()).help(
                "start `flowtrigger daemon`, or name the data folder of a daemon with `--data`",
            ),
            HistoryOpenError::Empty(_)
            | HistoryOpenError::NoFolder(_)
            | HistoryOpenError::Foreign(_)
            | HistoryOpenError::Postgres(
                PostgresOpenError::Address(_) | PostgresOpenError::NoTables { .. },
            ) => CommandError::usage(error.to_string()),
            HistoryOpenError::Denied(_)
            | HistoryOpenError::Newer { .. }
            | HistoryOpenError::Older { .. }
            | HistoryOpenError::Damaged(_)
            | HistoryOpenError::Moved(_)
            | HistoryOpenError::Unusable { .. }
            | HistoryOpenError::Postgres(_) => CommandError::runtime(error.to_string()),
        }
    }
}

impl From<Box<Disagreement>> for CommandError {
    fn from(disagreement: Box<Disagreement>) -> Self {
        CommandError::runtime(disagreement.to_string())
    }
}

impl From<HistoryError> for CommandError {
    fn from(error: HistoryError) -> Self {
        CommandError::runtime(error.to_string())
    }
}

impl ErrorMessage {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_printed_with_its_help() {
        let failure = CommandError::usage("no file `x`").help("create it");
        let (mut out, written) = Output::captured();
        failure.print(&mut out);
        assert_eq!(written.text(), "error: no file `x`\n  help: create it\n");
    }
}
