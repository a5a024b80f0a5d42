//! Checks what a rule reads of its earlier steps: the keys of their results, and whether they have run.
//! Reports keys that a result never has, with the keys that it has.

use crate::diagnostic::{Code, Diagnostic, Report, Span};
use crate::document::suggest;
use crate::language::event_fields::{EventFields, FieldCheck};
use crate::language::names::{Execution, StepOutput};
use crate::language::resolver::NameResolver;
use crate::language::resolver::paths::join_keys;
use crate::path::PathSegment;

impl NameResolver<'_> {
    /// Suggests `steps.user.body` for `user.body`, if an earlier step is called `user`.
    pub(crate) fn suggest_step(&self, dotted: &str) -> Option<String> {
        let first = dotted.split('.').next().unwrap_or(dotted);
        let step = self.in_scope.steps.iter().find(|step| step.name == first)?;
        Some(match step.gives {
            StepOutput::Keys([]) => format!("the step `{first}` has no result to read"),
            _ => format!("the step's result is `steps.{first}`: write `steps.{dotted}`"),
        })
    }

    /// Warns about the result of a step that may not have run, because an earlier step may have failed.
    pub(crate) fn warn_if_not_run(&mut self, name: &str, text: &str, at: Span) {
        let step = self.in_scope.steps.iter().find(|step| step.name == name);
        let may_be_missing = step.is_some_and(|step| step.ran == Execution::Possible);
        let result = format!("steps.{name}");
        let below = format!("{result}.");
        let covers = |tested: &String| *tested == result || tested.starts_with(&below);
        if !may_be_missing || self.in_scope.tested_paths.iter().any(covers) {
            return;
        }
        let message = format!("`{text}` exists only if the step `{name}` ran before the failure");
        let help = format!("test it in `when` before: {{ {result}: {{ exists: true }} }}");
        self.diagnostics
            .push(Diagnostic::warning(Code::MaybeAbsent, at, message).help(help));
    }

    /// Checks a key of a step's result; false after reporting an error.
    pub(crate) fn check_result(
        &mut self,
        gives: StepOutput,
        step: &str,
        key: Option<&str>,
        at: Span,
    ) -> bool {
        let (message, help) = match (gives, key) {
            (StepOutput::Anything | StepOutput::Inner, _) => return true,
            (StepOutput::Keys([]), _) => (
                format!("the step `{step}` has no result to read"),
                "guards, `wait`, `succeed`, `fail` and steps with `keep: none` have no result"
                    .into(),
            ),
            (StepOutput::List, Some(key)) if key.parse::<usize>().is_err() => (
                format!("the result of the step `{step}` is a list, one result for each item"),
                format!(
                    "write `steps.{step}.0.{key}` for the first, or go through them with `for_each: steps.{step}`"
                ),
            ),
            (StepOutput::List, _) => return true,
            (StepOutput::Keys(keys), Some(key)) if !keys.contains(&key) => (
                format!("the result of the step `{step}` has no `{key}`"),
                match suggest::nearest(key, keys.iter().copied()) {
                    Some(near) => format!("did you mean `steps.{step}.{near}`?"),
                    None if keys.contains(&"headers") => format!(
                        "it has {}; the body of the response is `steps.{step}.body`",
                        keys.join(", ")
                    ),
                    None => format!("it has {}", keys.join(", ")),
                },
            ),
            (StepOutput::Keys(_), _) => return true,
        };
        self.error(Code::UndefinedName, at, message, &help);
        false
    }

    /// Checks what is read of a step that has not run: only the link of a step that waits for an answer exists before it.
    pub(crate) fn check_link(
        &mut self,
        name: &str,
        keys: &[PathSegment],
        text: &str,
        at: Span,
    ) -> bool {
        if !self.in_scope.answers.iter().any(|answer| answer == name) {
            self.undefined("step", text, name, at);
            return false;
        }
        if keys.get(1).is_some_and(|key| key.name == "url") {
            self.in_scope.links_read.insert(name.to_owned());
            return true;
        }
        let message = format!("`{text}` is read before the step `{name}` has an answer");
        let help = format!("before the step only its link can be read: `steps.{name}.url`");
        self.error(Code::UndefinedName, at, message, &help);
        false
    }

    /// Checks a field of the event that a step waited for; false after reporting an error.
    pub(crate) fn check_awaited_event(
        &mut self,
        fields: Option<&EventFields>,
        keys: &[PathSegment],
        text: &str,
        at: Span,
    ) -> bool {
        let (Some(fields), [event, below @ ..]) = (fields, keys) else {
            return true;
        };
        if event.name != "event" || below.is_empty() {
            return true;
        }
        let field = join_keys(below);
        let help = match fields.check(&field) {
            FieldCheck::Known(_) | FieldCheck::Open | FieldCheck::Unlisted { .. } => return true,
            FieldCheck::Misspelt { meant } => Some(meant),
            FieldCheck::Unknown { nearest } => nearest,
        };
        let message = format!("{}, which `{text}` reads", fields.unknown_field(&field));
        let help = help.map_or_else(|| fields.advice(), |near| format!("did you mean `{near}`?"));
        self.error(Code::UnknownField, at, message, &help);
        false
    }

    /// Checks that a source reads a header; false after reporting an error.
    pub(crate) fn check_header(&mut self, name: &str, at: Span) -> bool {
        if self.headers.contains(name) || !self.config_complete {
            return true;
        }
        let message = format!("no source reads the header `{name}`");
        let help = match suggest::nearest(name, self.headers.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `event.headers.{near}`?"),
            None => format!("add it to the source in flowtrigger.yaml: `headers: [{name}]`"),
        };
        self.not_configured(Code::UndefinedName, at, message, &help);
        false
    }

    /// Returns a help text about the steps that can be read here.
    pub(crate) fn readable_steps_help(&self, name: &str) -> &'static str {
        let inner = self
            .in_scope
            .out_of_scope
            .contains(&format!("steps.{name}"));
        match (self.in_scope.in_named_flow, inner) {
            (_, true) => {
                "it is nested in another step and visible only there; read the outer step's result instead"
            }
            (false, false) => "a step can read only the steps before it, by their `name`",
            (true, false) => {
                "a named flow can read only its own steps; pass it other values as `vars`"
            }
        }
    }
}
