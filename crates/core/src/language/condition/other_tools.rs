//! Recognises conditions as other tools write them: `or:` and `AND:` as groups, `">= open"` as a comparison.

use crate::diagnostic::{Code, Report};
use crate::document::{Entry, Node, Yaml};
use crate::event::catalogue::field_type::FieldType;
use crate::language::condition::element;
use crate::language::event_fields::FieldCheck;
use crate::language::operator;
use crate::language::resolver::NameResolver;
use crate::path::Path;

/// Returns the group that a key of other tools means, if its value holds conditions.
pub fn group_of_other_tools(entry: &Entry) -> Option<&'static str> {
    let is_condition = |node: &Node| {
        let entries = node.as_map().unwrap_or_default();
        !entries.is_empty()
            && entries.iter().all(|entry| {
                !element::is_operator(&entry.key) && operator::find(&entry.key).is_none()
            })
    };
    let meant = match entry.key.to_lowercase().as_str() {
        "or" | "any" => "any",
        "and" | "all" => "all",
        "nor" | "none" | "not" => "none",
        _ => return None,
    };
    let holds_conditions = match entry.value.as_list() {
        Some(items) => !items.is_empty() && items.iter().all(is_condition),
        None => is_condition(&entry.value) && !operator::operand::is_path(entry.value.as_map()?),
    };
    holds_conditions.then_some(meant)
}

/// Reports a comparison written into a text, as `">= open"`. Returns whether it did.
pub fn comparison_in_text(path: &Path, node: &Node, names: &mut NameResolver<'_>) -> bool {
    const SYMBOLS: [(&str, &str); 8] = [
        (">=", "gte"),
        ("<=", "lte"),
        ("!=", "not"),
        ("<>", "not"),
        ("==", "is"),
        (">", "gt"),
        ("<", "lt"),
        ("=", "is"),
    ];
    let Yaml::Text(text) = &node.value else {
        return false;
    };
    let mut symbols = SYMBOLS.iter();
    let found = symbols.find_map(|(symbol, operator)| {
        let operand = text.trim().strip_prefix(symbol)?.trim();
        (!operand.is_empty()).then_some((operator, operand))
    });
    let Some((operator, operand)) = found else {
        return false;
    };
    let can_be_text = match names.types_at(path) {
        FieldCheck::Known(types) => types
            .iter()
            .any(|known| matches!(known, FieldType::Text | FieldType::Any)),
        FieldCheck::Open
        | FieldCheck::Unlisted { .. }
        | FieldCheck::Misspelt { .. }
        | FieldCheck::Unknown { .. } => true,
    };
    if can_be_text {
        return false;
    }
    let message = format!("`{}` never has the value {text:?}", path.text);
    let help = format!(
        "to compare write `{}: {{ {operator}: {operand} }}`",
        path.text
    );
    names.error(Code::NeverHolds, node.at, message, &help);
    true
}
