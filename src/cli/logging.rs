//! Configures logging to standard error, as text or JSON, with the level of `--log`.

use tracing_subscriber::EnvFilter;

use super::log_writer::LogWriter;
use crate::cli::options::{GlobalOptions, LogFormat};
use crate::report::output::Output;

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

pub fn start(global: &GlobalOptions, default: &'static str) {
    let level = global.log.as_deref().unwrap_or(default);
    let lines = tracing_subscriber::fmt()
        .with_writer(LogWriter::stderr())
        // The subscriber would print its own errors to the stderr that just failed, and panic.
        .log_internal_errors(false)
        .with_target(false)
        .with_env_filter(EnvFilter::new(directives(level)));
    // Fails only if it was called before in this process.
    let _ = match global.log_format {
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
        LogFormat::Text => lines
            .with_ansi(Output::stderr(global.color).color)
            .try_init(),
    };
}

/// Checks the value of `--log`: a level, or directives such as `warn,flowtrigger::engine=debug`.
pub fn level(text: &str) -> Result<String, String> {
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
    use super::*;

    #[test]
    fn an_unknown_level_is_rejected() {
        for good in LEVELS.into_iter().chain(["warn,flowtrigger::engine=debug"]) {
            assert_eq!(level(good).as_deref(), Ok(good));
        }
        for bad in ["inof", "", "flowtrigger=loud"] {
            assert!(level(bad).is_err(), "{bad}");
        }
    }
}
