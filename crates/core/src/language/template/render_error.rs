//! Why a template could not be rendered, in words for the author of the rule.
//! Translates the errors of the engine. A message never contains the value of a secret.

use minijinja::{Error, ErrorKind};

use crate::language::template::read_set::ReadSet;
use crate::path::scope::Scope;

/// Why a text could not be rendered. It never contains the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    #[error("`{name}` is not in {}; {}", container(name), absent_help(name))]
    Absent { name: String },
    #[error(
        "`{filter}` found nothing, because the list is empty; write `{filter} | default('')`, or test the list with a guard before"
    )]
    EmptyList { filter: &'static str },
    #[error("a template runs too long: {why}; make it smaller")]
    TooMuch { why: String },
    #[error("a value in the path of `{url}` is null or empty; test it with a guard before")]
    EmptyInPath { url: String },
    #[error(
        "a value in the path of `{url}` is `.` or `..`, which would change the path; test it with a guard before"
    )]
    Climbing { url: String },
    #[error(
        "the address is `{address}`, {why}; with this connection it must be a complete address with the origin of `{base}`"
    )]
    ForeignAddress {
        address: String,
        why: &'static str,
        base: String,
    },
    #[error("`{expression}` cannot be rendered: {why}; check what the event holds there")]
    Failed { expression: String, why: String },
}

impl RenderError {
    /// Returns whether the missing value is the result of an earlier step.
    pub fn reads_step(&self) -> bool {
        match self {
            RenderError::Absent { name } => name == "steps" || name.starts_with("steps."),
            RenderError::EmptyList { .. }
            | RenderError::TooMuch { .. }
            | RenderError::EmptyInPath { .. }
            | RenderError::Climbing { .. }
            | RenderError::ForeignAddress { .. }
            | RenderError::Failed { .. } => false,
        }
    }

    /// Fails if the result of a step is read that has not run.
    pub(super) fn check_steps(reads: &ReadSet, scope: &Scope<'_>) -> Result<(), Self> {
        match reads.missing_step(scope) {
            Some(step) => Err(RenderError::Absent {
                name: format!("steps.{step}"),
            }),
            None => Ok(()),
        }
    }

    /// An undefined value that the engine does not name.
    fn without_name(error: &Error, source: &str, expression: String) -> Self {
        let end = error.range().map_or(source.len(), |range| range.end);
        match filter_before(source, end).filter(|_| !is_path(&expression)) {
            Some(filter) => RenderError::EmptyList { filter },
            None => RenderError::Absent { name: expression },
        }
    }

    pub(super) fn new(error: &Error, source: &str) -> Self {
        let expression = error
            .range()
            .and_then(|range| source.get(range))
            .unwrap_or(source)
            .to_owned();
        let detail = error.detail().unwrap_or_default();
        match error.kind() {
            ErrorKind::UndefinedError => match undefined_name(detail) {
                Some(name) => RenderError::Absent { name },
                None => Self::without_name(error, source, expression),
            },
            ErrorKind::OutOfFuel => RenderError::TooMuch {
                why: match detail {
                    "" => "it takes more than 200,000 steps".into(),
                    detail => detail.to_owned(),
                },
            },
            _ => match undefined_name(detail) {
                Some(name) => RenderError::Absent { name },
                // The engine's filters of numbers name only the kind of the value.
                None if detail.contains("(undefined)") => {
                    Self::without_name(error, source, expression)
                }
                None => RenderError::Failed {
                    expression,
                    why: detail.to_owned(),
                },
            },
        }
    }
}

/// The filters without a result for an empty list.
const OF_ONE_ITEM: [&str; 4] = ["first", "last", "min", "max"];

/// Returns the last filter before a position of a template that has no result for an empty list.
fn filter_before(source: &str, at: usize) -> Option<&'static str> {
    let before = source.get(..at)?;
    // An expression that is a whole value comes without its braces.
    let open = before.rfind("{{").or_else(|| before.rfind("{%"));
    let open = open.unwrap_or_default();
    let is_around = |c: char| c.is_whitespace() || matches!(c, '(' | ')');
    let filters = before[open..].split('|').skip(1);
    let filters = filters.map(|filter| filter.trim_matches(is_around));
    let known = |filter: &str| OF_ONE_ITEM.into_iter().find(|known| *known == filter);
    filters.filter_map(known).last()
}

/// Describes where a name was expected.
fn container(name: &str) -> &'static str {
    match name.split(['.', '[']).next() {
        Some("steps") => "the results of the steps before",
        Some("vars") => "the variables",
        Some("$") => "the flow's document",
        _ => "this event",
    }
}

/// Returns the help text for a name that may be absent.
fn absent_help(name: &str) -> String {
    match name.starts_with('$') {
        true => "test it before with a `Choice` by `IsPresent`".into(),
        false => {
            format!("test it with a guard before, or write `{{{{ {name} | default('') }}}}`")
        }
    }
}

/// Extracts the name from the engine's message "`ticket.zip` is undefined".
fn undefined_name(detail: &str) -> Option<String> {
    let before = detail
        .split("` is undefined")
        .next()
        .filter(|b| b.len() < detail.len())?;
    before.rsplit('`').next().map(str::to_owned)
}

/// Whether an expression is a path, not a filter.
fn is_path(expression: &str) -> bool {
    expression.contains('.')
}
