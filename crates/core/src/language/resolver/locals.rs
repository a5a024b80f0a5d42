//! Resolves names that exist only in some steps: `error`, items of a `for_each`, collected events.
//! Reports unknown keys of such a name, and its use outside of these steps.

use crate::diagnostic::{Code, Report, Span};
use crate::document::suggest;
use crate::event::catalogue::field_type::FieldType;
use crate::language::event_fields::FieldCheck;
use crate::language::names::{ErrorScope, Local, LocalType};
use crate::language::resolver::NameResolver;
use crate::language::resolver::paths::join_keys;
use crate::path::{OUTAGE_ERROR_FIELDS, Path, PathSegment, RUN_ERROR_FIELDS, STEP_ERROR_FIELDS};

impl NameResolver<'_> {
    /// Checks the keys of a local against its type; false after reporting an error.
    pub(crate) fn check_local(
        &mut self,
        name: &str,
        below: &[PathSegment],
        path: &Path,
        at: Span,
    ) -> bool {
        let local = self.in_scope.locals.iter().find(|local| local.name == name);
        let Some((local, first)) = local.zip(below.first()) else {
            return true;
        };
        let (text, first) = (&path.text, &first.name);
        let unknown = matches!(
            self.types_at(path),
            FieldCheck::Misspelt { .. } | FieldCheck::Unknown { .. }
        );
        let (message, help) = match &local.holds {
            LocalType::Value(FieldType::List(_) | FieldType::Object | FieldType::Any)
            | LocalType::Anything => return true,
            LocalType::Value(known) => (
                format!("`{text}` does not exist: `{name}` is {}", known.describe()),
                format!("write `{name}` alone"),
            ),
            LocalType::Events if first.parse::<usize>().is_err() => (
                format!("`{text}` does not exist: `{name}` is a list of events"),
                format!(
                    "write `{name}.0.{first}` for the first, or go through them with `for_each: {name}`"
                ),
            ),
            LocalType::Events | LocalType::Event if unknown => (
                format!(
                    "{}, which `{text}` reads",
                    self.fields.unknown_field(&event_field(below))
                ),
                self.fields.advice(),
            ),
            LocalType::Events | LocalType::Event => return true,
        };
        self.error(Code::UndefinedName, at, message, &help);
        false
    }

    /// Suggests a local with a similar name: `item.id` for `items.id`.
    pub(crate) fn suggest_local(&self, dotted: &str) -> Option<String> {
        let first = dotted.split('.').next().unwrap_or(dotted);
        let names = self.in_scope.locals.iter().map(|local| local.name.as_str());
        let near = suggest::nearest(first, names)?;
        Some(format!(
            "did you mean `{}`?",
            dotted.replacen(first, near, 1)
        ))
    }

    /// Suggests the item's name for `item`, if the surrounding `for_each` names its items differently.
    pub(crate) fn suggest_item_name(&self, dotted: &str) -> Option<String> {
        let below = dotted.strip_prefix("item")?;
        if !below.is_empty() && !below.starts_with('.') {
            return None;
        }
        let is_item = |local: &&Local| local.holds != LocalType::Events;
        let name = &self.in_scope.locals.iter().rev().find(is_item)?.name;
        Some(format!(
            "write `{name}{below}`: here the item is called `{name}`"
        ))
    }

    /// Checks the key of `error.…`; false after reporting an error.
    pub(crate) fn check_error(&mut self, keys: &[PathSegment], text: &str, at: Span) -> bool {
        let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
        let [name] = names.as_slice() else {
            let message = format!(
                "`{text}` does not exist: `error.{}` is a single value",
                names[0]
            );
            let help = format!("write `error.{}`", names[0]);
            self.error(Code::UndefinedName, at, message, &help);
            return false;
        };
        let known = match self.in_scope.error_scope {
            ErrorScope::None | ErrorScope::RunDied => RUN_ERROR_FIELDS,
            ErrorScope::Outage => OUTAGE_ERROR_FIELDS,
            ErrorScope::StepFailed => STEP_ERROR_FIELDS,
        };
        if known.contains(name) {
            return true;
        }
        let message = format!("`error` has no `{name}`");
        let meant = match *name {
            "why" | "reason" | "text" | "cause" | "error" | "description" => "message",
            "id" | "run_id" => "run",
            "name" if known.contains(&"step") => "step",
            "name" | "host" | "connection" if known.contains(&"receiver") => "receiver",
            "name" => "rule",
            "tries" | "count" | "retries" if known.contains(&"attempts") => "attempts",
            "tries" | "retries" | "attempts" => "failures",
            "deaths" | "runs" | "total" => "count",
            "code" | "status_code" | "http_status" => "status",
            other => suggest::nearest(other, known.iter().copied()).unwrap_or_default(),
        };
        let help = match known.contains(&meant) {
            true => format!("did you mean `error.{meant}`?"),
            false => format!("it has {} here", known.join(", ")),
        };
        self.error(Code::UndefinedName, at, message, &help);
        false
    }
}

/// Returns the field of an event that the keys name, without the index of the event if they start with one.
fn event_field(keys: &[PathSegment]) -> String {
    match keys {
        [first, rest @ ..] if first.index.is_some() => join_keys(rest),
        keys => join_keys(keys),
    }
}

/// Returns message and help for a name that exists only in some steps.
pub fn scope_of_name(dotted: &str) -> Option<(String, &'static str)> {
    let (places, help) = match dotted.split('.').next()? {
        "error" => (
            "in the steps of `catch`, `on_dead` and `on_outage`",
            "to continue after a failed step, write `catch:`, a list of steps, beside it; to react to a dead run, write `on_dead:` beside `flow`",
        ),
        "events" => (
            "in the steps of a rule that collects events",
            "write `debounce: { per: ticket.id, quiet: 5m, keep: all }` in the rule",
        ),
        "item" => (
            "within a `for_each`",
            "write `for_each: PATH` with the steps for each item under its `flow`",
        ),
        _ => return None,
    };
    Some((format!("`{dotted}` exists only {places}"), help))
}
