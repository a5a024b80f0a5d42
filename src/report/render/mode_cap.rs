//! Names the setting of the daemon that keeps every rule in shadow mode, or disabled.

use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::config::{Config, ConfigSource};

/// The variable or the key of the configuration file by which a daemon limits the mode of every rule; `None` if nothing
/// does.
pub fn describe(config: &ConfigSource) -> Option<String> {
    let setting = setting(config.compile().mode, config)?;
    Some(match is_variable(config) {
        true => format!("{setting} of the daemon"),
        false => setting,
    })
}

/// What limits the mode of every rule of a command: ``the variable `FLOWTRIGGER_MODE=shadow` keeps every rule in shadow
/// mode``.
pub fn sentence(config: &Config) -> Option<String> {
    let setting = setting(config.mode, &config.source)?;
    let effect = match config.mode {
        Mode::Live | Mode::Shadow => "keeps every rule in shadow mode",
        Mode::Disabled => "disables every rule",
    };
    Some(format!("{setting} {effect}"))
}

fn setting(mode: Mode, source: &ConfigSource) -> Option<String> {
    let mode = match mode {
        Mode::Live => return None,
        limited @ (Mode::Shadow | Mode::Disabled) => limited.as_str(),
    };
    Some(match is_variable(source) {
        true => format!("the variable `FLOWTRIGGER_MODE={mode}`"),
        false => format!("`mode: {mode}` in `{}`", source.file),
    })
}

fn is_variable(source: &ConfigSource) -> bool {
    source.environment.contains_key("FLOWTRIGGER_MODE")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_setting_that_limits_every_rule_is_named() {
        let config = |text: &str, environment: &[(&str, &str)]| {
            let environment = environment.iter();
            let environment = environment.map(|(name, value)| ((*name).into(), (*value).into()));
            let environment: BTreeMap<String, String> = environment.collect();
            ConfigSource::new("flowtrigger.yaml".into(), text.into(), environment)
        };
        let variable = [("FLOWTRIGGER_MODE", "shadow")];
        assert_eq!(
            describe(&config("mode: live", &variable)).as_deref(),
            Some("the variable `FLOWTRIGGER_MODE=shadow` of the daemon")
        );
        assert_eq!(
            describe(&config("mode: shadow", &[])).as_deref(),
            Some("`mode: shadow` in `flowtrigger.yaml`")
        );
        let live = [("FLOWTRIGGER_MODE", "live")];
        assert_eq!(describe(&config("mode: shadow", &live)), None);
        assert_eq!(describe(&config("", &[])), None);
    }
}
