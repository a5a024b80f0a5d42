//! The texts of a configuration, which the store keeps so that it can be compiled again.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{Config, parse_with_calendars, schedules};
use crate::diagnostic::{Diagnostics, Files};
use crate::fingerprint::{Fingerprint, fingerprint};

/// The texts of a configuration, which compile to the same configuration again. Contains no values of
/// secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigSource {
    pub fingerprint: Fingerprint,
    pub file: Arc<str>,
    pub text: Arc<str>,
    /// The environment variables that override it.
    pub environment: BTreeMap<String, String>,
    /// The texts of the calendars that it names.
    pub calendars: BTreeMap<String, Arc<str>>,
}

impl Default for ConfigSource {
    fn default() -> Self {
        Self::new("".into(), "".into(), BTreeMap::new())
    }
}

impl ConfigSource {
    pub fn new(file: Arc<str>, text: Arc<str>, environment: BTreeMap<String, String>) -> Self {
        Self::with_calendars(file, text, environment, BTreeMap::new())
    }

    pub fn with_calendars(
        file: Arc<str>,
        text: Arc<str>,
        environment: BTreeMap<String, String>,
        calendars: BTreeMap<String, Arc<str>>,
    ) -> Self {
        let overrides = environment.iter();
        let overrides: Vec<String> = overrides
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut parts = vec![file.as_bytes(), text.as_bytes()];
        parts.extend(overrides.iter().map(String::as_bytes));
        for (name, text) in &calendars {
            parts.extend([name.as_bytes(), text.as_bytes()]);
        }
        Self {
            fingerprint: fingerprint(&parts),
            file,
            text,
            environment,
            calendars,
        }
    }

    /// Compiles the configuration again, without diagnostics.
    pub fn compile(&self) -> Config {
        let mut files = Files::default();
        let file = files.add(Arc::clone(&self.file), Arc::clone(&self.text));
        let calendars = schedules::calendar::from_texts(&self.calendars, &mut files);
        let mut config = parse_with_calendars(
            file,
            &self.text,
            &self.environment,
            &calendars,
            &mut Diagnostics::default(),
        );
        config.source = Arc::new(self.clone());
        config
    }
}
