//! The API for programs that embed the rules engine: load rules, match an event, explain and plan.
//!
//! These names are stable. Everything else that is public serves the daemon and may change at any time.
//!
//! ```
//! use flowtrigger_core::{Config, EventInput, MatchScratch};
//!
//! let rule = "
//! name: vip-urgent
//! event_source: support
//! event_type: ticket.PriorityChanged
//! when: { current: urgent }
//! flow:
//!   - succeed: paged
//! ";
//! let body = r#"{"input": {"ticket_event": {
//!     "type": "Priority Changed", "previous": "low", "current": "urgent", "ticket": {"id": 7}}}}"#;
//!
//! let rules = flowtrigger_core::load([("rules/vip.yaml", rule)], &Config::default())?;
//! let mut scratch = MatchScratch::default();
//! let evaluation = rules.evaluate(EventInput::bytes(body.as_bytes()), &mut scratch)?;
//! let matched: Vec<&str> = evaluation.matched().map(|rule| rule.name.as_str()).collect();
//! assert_eq!(matched, ["vip-urgent"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub use jiff::Timestamp;

use crate::config::Config;
use crate::diagnostic::{Diagnostics, FileId, Files, Severity};
use crate::matching::rule_set::RuleSet;

use crate::compile::rule_set;
use crate::config;

/// The problems of rules or a configuration that did not load, with the texts that they point into.
///
/// `Display` writes one line for each problem, `file:line:column: error[code]: message`, and its help
/// below it.
#[derive(Debug, Clone)]
pub struct LoadError {
    /// The texts that the diagnostics point into.
    pub files: Arc<Files>,
    /// All errors and warnings.
    pub diagnostics: Diagnostics,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, found) in self.diagnostics.sorted().iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            let severity = match found.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            let (place, message) = (self.files.location(found.at), &found.message);
            write!(f, "{place}: {severity}[{}]: {message}", found.code)?;
            if let Some(help) = &found.help {
                write!(f, "\n  help: {help}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for LoadError {}

/// Compiles rule files, given as name and text, into one indexed set. Warnings are dropped; use
/// [`load_with_warnings`] to see them.
///
/// # Errors
/// Any error in a rule. A set loads as a whole or not at all.
///
/// ```
/// use flowtrigger_core::Config;
///
/// let rule = "name: r\nevent_source: support\nevent_type: ticket.PriorityChanged\n\
///             when: { curent: urgent }\nflow: [{ succeed: ok }]\n";
/// let error = flowtrigger_core::load([("rules/r.yaml", rule)], &Config::default()).unwrap_err();
/// assert!(error.to_string().starts_with("rules/r.yaml:4:9: error["));
/// assert!(error.to_string().contains("did you mean `current`?"));
/// ```
pub fn load<N, T>(
    rules: impl IntoIterator<Item = (N, T)>,
    config: &Config,
) -> Result<RuleSet, LoadError>
where
    N: Into<Arc<str>>,
    T: Into<Arc<str>>,
{
    load_with_warnings(rules, config).map(|(rules, _)| rules)
}

/// Compiles rule files as [`load`] does, and returns the warnings with the set. `RuleSet::files` has the
/// texts that they point into.
///
/// # Errors
/// Any error in a rule.
pub fn load_with_warnings<N, T>(
    rules: impl IntoIterator<Item = (N, T)>,
    config: &Config,
) -> Result<(RuleSet, Diagnostics), LoadError>
where
    N: Into<Arc<str>>,
    T: Into<Arc<str>>,
{
    let mut files = Files::default();
    let ids: Vec<FileId> = rules
        .into_iter()
        .map(|(name, text)| files.add(name, text))
        .collect();
    let (files, mut diagnostics) = (Arc::new(files), Diagnostics::default());
    let rules = rule_set::rule_set(&files, &ids, config, &mut diagnostics);
    match diagnostics.has_errors() {
        true => Err(LoadError { files, diagnostics }),
        false => Ok((rules, diagnostics)),
    }
}

/// Reads a configuration from the text of a `flowtrigger.yaml`, without the environment.
///
/// # Errors
/// Any error in it.
///
/// ```
/// let config = flowtrigger_core::load_config("flowtrigger.yaml", "vars: { team: tier-2 }\n")?;
/// assert_eq!(config.vars["team"], "tier-2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load_config(
    name: impl Into<Arc<str>>,
    text: impl Into<Arc<str>>,
) -> Result<Config, LoadError> {
    let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
    let text = text.into();
    let file = files.add(name, Arc::clone(&text));
    let config = config::parse(file, &text, &BTreeMap::new(), &mut diagnostics);
    match diagnostics.has_errors() {
        true => Err(LoadError {
            files: Arc::new(files),
            diagnostics,
        }),
        false => Ok(config),
    }
}
