//! The settings that a daemon reads at its start only: a reload with other values leaves them as they are.

use flowtrigger_core::config::Config;
use flowtrigger_core::config::limits::RunLimits;
use flowtrigger_core::config::listen::Listen;
use flowtrigger_core::config::page::PageSettings;
use flowtrigger_core::diagnostic::Span;

#[derive(Debug, Clone)]
pub struct FixedSettings {
    limits: RunLimits,
    listen: Listen,
    page: PageSettings,
}

impl FixedSettings {
    pub fn of(config: &Config) -> Self {
        Self {
            limits: config.limits,
            listen: Listen {
                at: Span::default(),
                ..config.listen.clone()
            },
            page: PageSettings {
                at: Span::default(),
                ..config.page.clone()
            },
        }
    }

    /// The keys of the configuration with other values than these.
    pub fn changed(&self, config: &Config) -> Vec<&'static str> {
        let new = Self::of(config);
        let keys = [
            ("limits.runs", self.limits.runs != new.limits.runs),
            (
                "limits.per_rule",
                self.limits.per_rule != new.limits.per_rule,
            ),
            (
                "limits.per_host",
                self.limits.per_host != new.limits.per_host,
            ),
            ("listen", self.listen != new.listen),
            ("page", self.page != new.page),
        ];
        let changed = keys.into_iter().filter(|(_, differs)| *differs);
        changed.map(|(key, _)| key).collect()
    }
}
