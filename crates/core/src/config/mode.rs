//! The mode of a rule, and the cap on the modes of all rules: `live`, `shadow` or `disabled`.

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document::Node;

/// What happens when a rule matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    Disabled,
    Shadow,
    Live,
}

impl Mode {
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "live" => Some(Mode::Live),
            "shadow" => Some(Mode::Shadow),
            "disabled" => Some(Mode::Disabled),
            _ => None,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Live => "live",
            Mode::Shadow => "shadow",
            Mode::Disabled => "disabled",
        }
    }

    /// Reads the value of `mode`; reports any other value.
    pub fn lower(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        let mode = node.as_text().and_then(Mode::parse);
        if mode.is_none() {
            let message = "`mode` takes live, shadow or disabled";
            let help = "`live` acts; `shadow` is evaluated and recorded but never acts";
            let diagnostic = Diagnostic::error(Code::InvalidValue, node.at, message);
            diagnostics.push(diagnostic.help(help));
        }
        mode
    }
}
