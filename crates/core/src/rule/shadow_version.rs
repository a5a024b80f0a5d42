//! The shadow version of a rule: another rule of the same name with `mode: shadow`. It is evaluated beside the first one
//! and compared with it. Everywhere but in its file it has a name of its own, `NAME@shadow`.

use std::sync::Arc;

use crate::rule::Rule;

/// What the name of a shadow version ends with. The names that people write have no `@`.
pub const SHADOW_SUFFIX: &str = "@shadow";

/// The name of the shadow version of a rule.
pub fn shadow_name(rule: &str) -> String {
    format!("{rule}{SHADOW_SUFFIX}")
}

/// The name of the rule that a shadow version is compared with; `None` for any other rule.
pub fn compared_rule(name: &str) -> Option<&str> {
    name.strip_suffix(SHADOW_SUFFIX)
}

/// The name of a rule as its file has it.
pub fn written_name(name: &str) -> &str {
    compared_rule(name).unwrap_or(name)
}

impl Rule {
    /// Whether it is the shadow version of another rule.
    pub fn is_shadow_version(&self) -> bool {
        compared_rule(&self.name).is_some()
    }

    /// This rule as the shadow version of the rule with the same name.
    pub fn into_shadow_version(mut self) -> Self {
        let name = shadow_name(&self.name);
        self.version = self.version.renamed(&name);
        self.counterpart = Some(self.name.as_str().into());
        self.name = name;
        self
    }

    /// This rule, compared with its shadow version.
    pub(crate) fn with_shadow_version(self: &Arc<Self>) -> Arc<Self> {
        let mut rule = Self::clone(self);
        rule.counterpart = Some(shadow_name(&rule.name).into());
        Arc::new(rule)
    }
}
