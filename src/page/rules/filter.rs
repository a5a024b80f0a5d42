//! Which rules a list shows: by their text, their event types, their mode and their runs.

use crate::page::page_error::PageError;
use crate::page::page_request::PageRequest;
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::event::type_pattern::TypePattern;
use flowtrigger_core::rule::Rule;

/// Which rules.
#[derive(Debug, Default)]
pub struct RuleFilter {
    pub text: String,
    pub event_type: String,
    pub mode: Option<Mode>,
    /// Only those without a run in the last days.
    pub is_idle: bool,
    /// Only those after this name.
    pub after: String,
}

impl RuleFilter {
    pub fn read(request: &PageRequest) -> Result<Self, PageError> {
        let shown = |name| request.text(name).unwrap_or_default().to_owned();
        let mode = request.text("mode").map(|word| {
            let unknown = || PageError::parameter("mode", format!("`{word}` is no mode"));
            Mode::parse(word).ok_or_else(|| unknown().help("write live, shadow or disabled"))
        });
        Ok(Self {
            text: shown("q"),
            event_type: shown("type"),
            mode: mode.transpose()?,
            is_idle: request.text("idle").is_some(),
            after: shown("after"),
        })
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && self.event_type.is_empty() && self.mode.is_none() && !self.is_idle
    }

    /// Whether it takes a rule, on whichever page.
    pub fn takes(&self, rule: &Rule, runs: u64) -> bool {
        self.mode.is_none_or(|mode| rule.mode == mode)
            && !(self.is_idle && runs > 0)
            && (self.event_type.is_empty() || self.takes_type(rule))
            && (self.text.is_empty() || self.takes_text(rule))
    }

    fn takes_type(&self, rule: &Rule) -> bool {
        let wanted = self.event_type.as_str();
        rule.event_types.iter().any(|pattern| match pattern {
            TypePattern::Name(name) => name == wanted,
            TypePattern::Family(prefix) => {
                wanted.strip_suffix('*') == Some(prefix) || pattern.covers(wanted)
            }
        })
    }

    /// Its name in any case, or its text as it is written.
    fn takes_text(&self, rule: &Rule) -> bool {
        rule.name.to_lowercase().contains(&self.text.to_lowercase())
            || rule.version.document().contains(&self.text)
    }
}
