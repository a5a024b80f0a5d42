//! Fuzzes the configuration with any text and environment.
//! Every error has a position, and reading the same text again gives the same configuration.

use std::collections::BTreeMap;

use flowtrigger_core::config;
use flowtrigger_core::config::ConfigSource;
use flowtrigger_core::diagnostic::{Diagnostics, FileId, Files};

use super::rulebook::text;

/// `flowtrigger.yaml`; after a NUL, environment variables, one per line.
pub fn config(bytes: &[u8]) {
    let Some(text) = text(bytes) else {
        return;
    };
    let (text, variables) = text.split_once('\0').unwrap_or((text, ""));
    let environment: BTreeMap<String, String> = variables
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (format!("FLOWTRIGGER_{name}"), value.to_owned()))
        .collect();
    let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
    let file = files.add("flowtrigger.yaml", text);
    let read = config::parse(file, text, &environment, &mut diagnostics);
    assert_eq!(read.whole, !diagnostics.has_errors(), "{diagnostics:?}");
    for diagnostic in diagnostics.iter() {
        let at = diagnostic.at;
        assert!(
            at.line > 0 || at.file == FileId::ENVIRONMENT,
            "{diagnostic:?}"
        );
    }
    let again = ConfigSource::new("flowtrigger.yaml".into(), text.into(), environment).compile();
    assert_eq!(
        format!("{:?}", again.sources),
        format!("{:?}", read.sources)
    );
    assert_eq!(
        format!("{:?}", again.connections),
        format!("{:?}", read.connections)
    );
}
