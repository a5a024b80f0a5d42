//! Compares the parameters that a state passes to an action with those that the action reads.

use crate::bundle::http::HttpAction;
use crate::compile::bundle::check::path_reads::{PathRead, of_action};
use crate::compile::bundle::token::connection_of;
use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::Node;
use crate::document::suggest;
use crate::path::{Path, PathKind};

/// Reports missing and unused parameters. Without `Parameters`, an action reads the document. Access tokens are
/// no parameters: they exist whatever a state passes.
pub fn check(action: &HttpAction, parameters: Option<&Node>, diagnostics: &mut Diagnostics) {
    let Some(parameters) = parameters else {
        return;
    };
    let entries = parameters.as_map().unwrap_or_default();
    let passed: Vec<&str> = entries
        .iter()
        .map(|entry| entry.key.strip_suffix(".$").unwrap_or(&entry.key))
        .collect();
    let mut reads = of_action(action);
    let Some(used) = used(&reads) else {
        return;
    };
    reads.retain(|read| connection_of(&read.path).is_none());
    let required = self::used(&reads).unwrap_or_default();
    let name = &action.name.text;
    for key in required
        .iter()
        .filter(|key| !passed.contains(&key.as_str()))
    {
        let message =
            format!("the action `{name}` reads `$.{key}`, which this state does not pass");
        let help = match suggest::nearest(key, passed.iter().copied()) {
            Some(near) => {
                format!("rename `{near}`, or add it to `Parameters`: `{key}.$: $.…`")
            }
            None => format!("add it to `Parameters`: `{key}.$: $.…`"),
        };
        diagnostics.error(Code::UndefinedName, parameters.at, message, &help);
    }
    for (entry, key) in entries.iter().zip(&passed) {
        if !used.iter().any(|used| used == key) {
            let message = format!("the action `{name}` does not read `$.{key}`");
            let help = "remove the parameter, or use it in the action";
            diagnostics.warning(Code::UnusedParameter, entry.key_at, message, help);
        }
    }
}

/// Returns the parameters that an action reads. None if it may read all of them.
fn used(reads: &[PathRead]) -> Option<Vec<String>> {
    let mut used: Vec<String> = Vec::new();
    for read in reads {
        let Ok(path) = Path::in_document(&read.path) else {
            continue;
        };
        let PathKind::Plain { keys, .. } = path.route else {
            return None;
        };
        let first = keys.first()?;
        if !used.contains(&first.name) {
            used.push(first.name.clone());
        }
    }
    Some(used)
}
