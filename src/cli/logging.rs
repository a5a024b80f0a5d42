//! Log lines on standard error, as text or JSON, from the level that was asked for.
//! It refuses to write to standard output, which belongs to a command's answer.

use std::io;

use tracing_subscriber::EnvFilter;

use super::output::Output;
use crate::cli::options::{GlobalOptions, LogFormat};

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

pub fn start(global: &GlobalOptions, default: &'static str) {
    let level = global.log.as_deref().unwrap_or(default);
    let lines = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_target(false)
        .with_env_filter(EnvFilter::new(directives(level)));
    // Only a second start in one process can fail, and then logging is on already.
    let _ = match global.log_format {
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
        LogFormat::Text => lines
            .with_ansi(Output::stderr(global.color).color)
            .try_init(),
    };
}

/// What `--log` takes: a level, or directives such as `warn,flowtrigger::engine=debug`.
pub fn level(text: &str) -> Result<String, String> {
    let known = LEVELS.contains(&text) || text.contains('=');
    if known && EnvFilter::try_new(directives(text)).is_ok() {
        return Ok(text.to_owned());
    }
    Err(format!("expected one of {}", LEVELS.join(", ")))
}

/// A plain level is this program's; the libraries below speak only of trouble.
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
    fn a_slip_in_the_level_is_told() {
        for good in LEVELS.into_iter().chain(["warn,flowtrigger::engine=debug"]) {
            assert_eq!(level(good).as_deref(), Ok(good));
        }
        for bad in ["inof", "", "flowtrigger=loud"] {
            assert!(level(bad).is_err(), "{bad}");
        }
    }
}
