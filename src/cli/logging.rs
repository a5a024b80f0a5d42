//! Configures logging to standard error, as text or JSON, with the level of `--log`. Without the options, the
//! variables `FLOWTRIGGER_LOG` and `FLOWTRIGGER_LOG_FORMAT` have the same values.

use std::env::VarError;
use std::fmt::{self, Debug};

use clap::ValueEnum;
use tracing::error;
use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

use super::log_writer::LogWriter;
use crate::cli::options::{GlobalOptions, LogFormat};
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::escape::plain;
use crate::report::terminal_filter::ColorSequences;
use flowtrigger_core::diagnostic::Severity;

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
const LEVEL_VARIABLE: &str = "FLOWTRIGGER_LOG";
const FORMAT_VARIABLE: &str = "FLOWTRIGGER_LOG_FORMAT";

/// # Errors
/// If a variable has an invalid value. A variable is not read if its option is given.
pub fn start(global: &GlobalOptions, default: &'static str) -> Result<LogFormat, CommandError> {
    let level = match &global.log {
        Some(level) => Some(level.clone()),
        None => read(LEVEL_VARIABLE, &LEVELS.join(", "), |text| {
            level_of(text).ok()
        })?,
    };
    let format = match global.log_format {
        Some(format) => Some(format),
        None => read(FORMAT_VARIABLE, "text, json", |text| {
            LogFormat::from_str(text, false).ok()
        })?,
    };
    let directives = directives(level.as_deref().unwrap_or(default));
    let color = Output::stderr(global.color).color;
    let writer = match format {
        Some(LogFormat::Json) => LogWriter::stderr(ColorSequences::Escape),
        Some(LogFormat::Text) | None if color => LogWriter::stderr(ColorSequences::Keep),
        Some(LogFormat::Text) | None => LogWriter::stderr(ColorSequences::Escape),
    };
    let lines = tracing_subscriber::fmt()
        .with_writer(writer)
        // The subscriber would print its own errors to the stderr that just failed, and panic.
        .log_internal_errors(false)
        .with_target(false)
        .with_env_filter(EnvFilter::new(directives));
    // Fails only if it was called before in this process.
    let _ = match format {
        Some(LogFormat::Json) => lines.json().flatten_event(true).try_init(),
        Some(LogFormat::Text) | None => {
            let fields = debug_fn(write_field).delimited(" ");
            lines.with_ansi(color).fmt_fields(fields).try_init()
        }
    };
    Ok(format.unwrap_or(LogFormat::Text))
}

/// Writes `key=value`. A value with blanks is quoted, so that a program can read the line.
fn write_field(to: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> fmt::Result {
    let text = format!("{value:?}");
    let is_quoted = text.len() > 1 && text.starts_with('"') && text.ends_with('"');
    match field.name() {
        "message" => to.write_str(&text),
        name if !is_quoted && text.contains(char::is_whitespace) => write!(to, "{name}={text:?}"),
        name => write!(to, "{name}={text}"),
    }
}

/// Logs why a command failed, each mistake with a line of its own.
pub fn failure(failure: &CommandError) {
    match failure {
        CommandError::Invalid(report) => {
            let mut mistakes = report.diagnostics.sorted();
            mistakes.retain(|found| found.severity == Severity::Error);
            for mistake in mistakes {
                let at = report.files.location(mistake.at);
                error!(%at, help = mistake.help, "{}", mistake.message);
            }
        }
        CommandError::Usage(text)
        | CommandError::Unset(text)
        | CommandError::Nothing(text)
        | CommandError::Runtime(text) => error!(help = text.help, "{}", text.message),
        CommandError::Output(_) => error!("{failure}"),
    }
}

/// The value of a variable; an empty one counts as not set.
fn read<T>(
    variable: &str,
    expected: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, CommandError> {
    let text = match std::env::var(variable) {
        Ok(text) if text.is_empty() => return Ok(None),
        Ok(text) => text,
        Err(VarError::NotPresent) => return Ok(None),
        Err(VarError::NotUnicode(text)) => text.to_string_lossy().into_owned(),
    };
    match parse(&text) {
        Some(value) => Ok(Some(value)),
        None => {
            let found = plain(&text);
            let message = format!("invalid value `{found}` of the variable `{variable}`");
            let help = format!("set it to one of {expected}, or unset it");
            Err(CommandError::usage(message).help(help))
        }
    }
}

/// Checks the value of `--log`: a level, or directives such as `warn,flowtrigger::engine=debug`.
pub fn level_of(text: &str) -> Result<String, String> {
    let known = LEVELS.contains(&text) || text.contains('=');
    if known && EnvFilter::try_new(directives(text)).is_ok() {
        return Ok(text.to_owned());
    }
    Err(format!("expected one of {}", LEVELS.join(", ")))
}

/// A plain level applies to this program; libraries log only warnings.
fn directives(level: &str) -> String {
    match level {
        "off" | "error" => level.to_owned(),
        _ if level.contains('=') => level.to_owned(),
        _ => format!("warn,flowtrigger={level}"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, pipe};

    use super::*;

    #[test]
    fn a_value_with_blanks_is_quoted() {
        let (mut reader, to) = pipe().unwrap();
        let lines = tracing_subscriber::fmt()
            .with_writer(LogWriter::new(to, ColorSequences::Escape))
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .fmt_fields(debug_fn(write_field).delimited(" "));
        tracing::subscriber::with_default(lines.finish(), || {
            let receiver = "connection crm";
            error!(%receiver, failures = 3, key = "a b", word = %"a", "receiver is down");
        });
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        let fields = r#"receiver="connection crm" failures=3 key="a b" word=a"#;
        assert_eq!(text, format!("ERROR receiver is down {fields}\n"));
    }

    #[test]
    fn an_unknown_level_is_rejected() {
        for good in LEVELS.into_iter().chain(["warn,flowtrigger::engine=debug"]) {
            assert_eq!(level_of(good).as_deref(), Ok(good));
        }
        for bad in ["inof", "", "flowtrigger=loud"] {
            assert!(level_of(bad).is_err(), "{bad}");
        }
    }
}
