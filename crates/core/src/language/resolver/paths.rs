//! Checks the paths of a rule against the fields of its events, its variables and the earlier steps.
//! Reports paths that can never have a value, with a suggestion.

use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostic, Report, Span};
use crate::document::suggest;
use crate::event::catalogue::event_type::FieldLookup;
use crate::event::catalogue::field_type::FieldType;
use crate::event::time::time_of_value;
use crate::language::event_fields::{Absence, EventFields, FieldCheck};
use crate::language::names::{ErrorScope, LocalType};
use crate::language::operator::format_value;
use crate::language::resolver::NameResolver;
use crate::language::resolver::locals::scope_of_name;
use crate::path::{Path, PathKind, PathSegment, Root};

impl NameResolver<'_> {
    /// Parses a path and checks it against the names in scope; `None` after reporting an error.
    pub fn path(&mut self, text: &str, at: Span) -> Option<Path> {
        self.shared_path(text, at).map(Arc::unwrap_or_clone)
    }

    /// Like [`path`](Self::path), but returns the same path for all rules with this text.
    pub fn shared_path(&mut self, text: &str, at: Span) -> Option<Arc<Path>> {
        let path = match self.interner.paths.get(text) {
            Some(path) => Arc::clone(path),
            None => self.parse_path(text, at)?,
        };
        if self.in_scope.element.element().is_some() && path.is_of_element() {
            return Some(Arc::new(Path::clone(&path).in_element()));
        }
        let path = match (self.in_scope.error_scope, self.in_scope.locals.is_empty()) {
            (ErrorScope::None, true) => path,
            (_, _) => Arc::new(self.with_scope_root(Path::clone(&path))),
        };
        self.check_path(&path, at).then_some(path)
    }

    fn parse_path(&mut self, text: &str, at: Span) -> Option<Arc<Path>> {
        match Path::parse(text) {
            Ok(path) => {
                let path = Arc::new(path);
                let paths = &mut self.interner.paths;
                paths.insert(text.to_owned(), Arc::clone(&path));
                Some(path)
            }
            Err(error) => {
                let diagnostic = Diagnostic::error(Code::BadPath, at, error.message);
                self.diagnostics.push(diagnostic.maybe_help(error.help));
                None
            }
        }
    }

    /// Sets the root of a path: `error.…` and names of locals are fields of the event, unless an error or
    /// a local of that name is in scope.
    pub fn with_scope_root(&self, path: Path) -> Path {
        let path = match self.in_scope.error_scope {
            ErrorScope::None => path,
            ErrorScope::RunDied | ErrorScope::Outage | ErrorScope::StepFailed => path.of_error(),
        };
        path.of_local(|name| self.in_scope.locals.iter().any(|local| local.name == name))
    }

    /// Returns what is known about the type of a path.
    pub fn types_at(&self, path: &Path) -> FieldCheck {
        if path.is_element() {
            return match self.in_scope.element.element() {
                Some(FieldType::Any) | None => FieldCheck::Open,
                Some(element) => FieldCheck::Known(vec![element.clone()]),
            };
        }
        let Some((name, below)) = path.local() else {
            let dotted = path.dotted();
            let check = dotted.map(|dotted| self.fields.check(&dotted));
            return check.unwrap_or(FieldCheck::Open);
        };
        let local = self.in_scope.locals.iter().find(|local| local.name == name);
        match (local.map(|local| &local.holds), below) {
            (Some(LocalType::Value(known)), []) => FieldCheck::Known(vec![known.clone()]),
            (Some(LocalType::Event), [_, ..]) => self.fields.check(&join_keys(below)),
            (Some(LocalType::Events), [_, field, ..]) if field.index.is_none() => {
                self.fields.check(&join_keys(&below[1..]))
            }
            (_, _) => FieldCheck::Open,
        }
    }

    /// Describes what a path has if it is never a time.
    pub fn never_a_time(&self, path: &Path) -> Option<String> {
        if let Some(value) = path.in_variables(&self.in_scope.vars) {
            return time_of_value(value).is_none().then(|| format_value(value));
        }
        let FieldCheck::Known(types) = self.types_at(path) else {
            return None;
        };
        let may_be_time =
            |field: &FieldType| matches!(field, FieldType::Time | FieldType::Date | FieldType::Any);
        let first = types.first()?;
        (!types.iter().any(may_be_time)).then(|| first.describe())
    }

    /// Describes the elements of a list that are single values; `None` if they may have fields.
    pub fn scalar_element(&self, path: &Path) -> Option<String> {
        let FieldCheck::Known(types) = self.types_at(path) else {
            return None;
        };
        match types.as_slice() {
            [FieldType::List(element)] => match **element {
                FieldType::Any | FieldType::Object | FieldType::List(_) => None,
                FieldType::Id
                | FieldType::Integer
                | FieldType::Decimal
                | FieldType::Text
                | FieldType::Boolean
                | FieldType::Time
                | FieldType::Date
                | FieldType::Priority
                | FieldType::Status
                | FieldType::TicketType => Some(element.describe()),
            },
            _ => None,
        }
    }

    /// Checks that the path can have a value; false after reporting an error. Paths of stored rules are not
    /// checked again.
    pub fn check_path(&mut self, path: &Path, at: Span) -> bool {
        if self.diagnostics.is_of_stored_rules() {
            return true;
        }
        if let PathKind::Plain { root, keys } = &path.route {
            let first = keys.first().map(|key| key.name.as_str());
            match (root, first) {
                (Root::Vars, Some(name)) if self.in_scope.parameters.contains(name) => return true,
                (Root::Vars, Some(name)) if self.in_scope.vars.get(name).is_none() => {
                    self.undefined("variable", &path.text, name, at);
                    return false;
                }
                (Root::Vars, Some(name)) if path.in_variables(&self.in_scope.vars).is_none() => {
                    let message = format!("the variable `{name}` has no `{}`", path.text);
                    let help = "look it up under `vars` in the rule or in flowtrigger.yaml";
                    self.error(Code::UndefinedName, at, message, help);
                    return false;
                }
                (Root::Steps, Some(name)) => {
                    let Some(step) = self.in_scope.steps.iter().find(|step| step.name == name)
                    else {
                        return self.check_link(name, keys, &path.text, at);
                    };
                    let key = keys.get(1).map(|key| key.name.as_str());
                    let event = step.event.clone();
                    return self.check_result(step.gives, name, key, at)
                        && self.check_awaited_event(event.as_ref(), &keys[1..], &path.text, at);
                }
                (Root::Error, Some(_)) => return self.check_error(keys, &path.text, at),
                (Root::Local, Some(name)) => return self.check_local(name, &keys[1..], path, at),
                _ => {}
            }
        }
        if let Some(name) = path.request_header() {
            return self.check_header(name, at);
        }
        if !self.check_body_key(path, at) {
            return false;
        }
        if let Some(below) = path.below() {
            return self.check_path(&below, at);
        }
        let Some(dotted) = path.dotted() else {
            return true;
        };
        let nearest = match self.fields.check(&dotted) {
            FieldCheck::Known(_) | FieldCheck::Open => return true,
            FieldCheck::Unlisted { nearest, only } => {
                self.warn_of_unlisted(&dotted, nearest, only, at);
                return true;
            }
            FieldCheck::Misspelt { meant } => {
                self.reject_misspelt(&dotted, &meant, at);
                return false;
            }
            FieldCheck::Unknown { nearest } => nearest,
        };
        let first = dotted.split('.').next().unwrap_or_default();
        if self.in_scope.out_of_scope.contains(first) && first != "item" {
            let message = format!("`{dotted}` exists only within its `for_each`");
            let help =
                "outside of it, read the result of that step: a list with one result for each item";
            self.error(Code::UndefinedName, at, message, help);
            return false;
        }
        if let Some(help) = self.suggest_item_name(&dotted) {
            let message = format!("unknown name `{dotted}`");
            self.error(Code::UndefinedName, at, message, &help);
            return false;
        }
        if let Some((message, help)) = scope_of_name(&dotted) {
            self.error(Code::UndefinedName, at, message, help);
            return false;
        }
        let message = self.fields.unknown_field(&path.text);
        let help = self
            .suggest_step(&dotted)
            .or_else(|| self.suggest_local(&dotted))
            .or_else(|| self.fields.instead())
            .or_else(|| suggest::for_field(&dotted))
            .or_else(|| self.event_types_with(&dotted))
            .or_else(|| nearest.map(|name| format!("did you mean `{name}`?")))
            .unwrap_or_else(|| self.fields.advice());
        self.error(Code::UnknownField, at, message, &help);
        false
    }

    /// Reports a field that no type of the rule lists, with a name close to that of a listed field.
    fn reject_misspelt(&mut self, dotted: &str, meant: &str, at: Span) {
        let message = format!("no event type of the rule lists the field `{dotted}`");
        let local = self
            .suggest_item_name(dotted)
            .or_else(|| self.suggest_step(dotted));
        let help = local.unwrap_or_else(|| {
            format!(
                "did you mean `{meant}`? if the events do have `{dotted}`, list it under `event_types` in flowtrigger.yaml"
            )
        });
        self.error(Code::UnknownField, at, message, &help);
    }

    /// Warns about a field that no type of the rule lists. `only` names the types that may have it.
    fn warn_of_unlisted(
        &mut self,
        dotted: &str,
        nearest: Option<String>,
        only: Option<String>,
        at: Span,
    ) {
        let local = self
            .suggest_item_name(dotted)
            .or_else(|| self.suggest_step(dotted));
        let help = local
            .or_else(|| suggest::for_field(dotted))
            .or_else(|| nearest.map(|name| format!("did you mean `{name}`?")))
            .unwrap_or_else(|| {
                "correct it, or list the field under `event_types` in flowtrigger.yaml".into()
            });
        let message = match only {
            Some(types) => {
                format!("no event type lists the field `{dotted}`; only {types} may have it")
            }
            None => format!("no event type of the rule lists the field `{dotted}`"),
        };
        self.warning(Code::UnknownField, at, message, help);
    }

    /// Checks that a JSONPath uses the body key of the rule's events; false after reporting an error.
    fn check_body_key(&mut self, path: &Path, at: Span) -> bool {
        let keys = self.fields.body_keys();
        let (Some(named), Some(first)) = (path.body_key(), keys.first()) else {
            return true;
        };
        if keys.contains(&named.as_str()) {
            return true;
        }
        let (types, text) = (self.fields.describe(), &path.text);
        let message = format!("{types} has no `{named}`, which `{text}` reads");
        let help = format!("did you mean `{}`?", text.replacen(&named, first, 1));
        self.error(Code::BadPath, at, message, &help);
        false
    }

    /// Names the event types of the same source that have a field; the answer is cached.
    fn event_types_with(&mut self, dotted: &str) -> Option<String> {
        let key = (self.fields.identity()?, dotted.to_owned());
        if let Some(known) = self.interner.event_types_with_field.get(&key) {
            return known.clone();
        }
        let found = self.find_event_types_with(dotted);
        self.interner
            .event_types_with_field
            .insert(key, found.clone());
        found
    }

    fn find_event_types_with(&self, dotted: &str) -> Option<String> {
        let EventFields::Of(here) = &self.fields else {
            return None;
        };
        let source = &here.types().first()?.source;
        let first = dotted.split('.').next().unwrap_or(dotted);
        let others = self.catalogue.types().filter(|other| {
            let known = matches!(other.field(dotted), FieldLookup::Known(_));
            other.source == *source && other.owns(first) && known
        });
        let tags: Vec<String> = others.map(|other| format!("`{}`", other.name)).collect();
        match tags.as_slice() {
            [] => None,
            [_, _, _, _, more @ ..] => {
                let some = tags[..3].join(", ");
                Some(format!(
                    "it exists in {some} and {} more types",
                    more.len() + 1
                ))
            }
            few => Some(format!("it exists in {}", few.join(", "))),
        }
    }

    /// Warns about a field in a template that some events of the rule lack: for those events the step
    /// could not be rendered.
    pub fn warn_if_absent(&mut self, path: &Path, at: Span) {
        if let Some(step) = path.step() {
            return self.warn_if_not_run(step, &path.text, at);
        }
        let Some(dotted) = path.dotted() else {
            return;
        };
        let tested =
            |tested: &String| dotted == *tested || dotted.starts_with(&format!("{tested}."));
        // A field that no type lists was reported.
        if matches!(self.fields.check(&dotted), FieldCheck::Unlisted { .. }) {
            return;
        }
        let Some(absence) = self.fields.absence(&dotted) else {
            return;
        };
        if self.in_scope.tested_paths.iter().any(tested) {
            self.in_scope.absence_excused = true;
            return;
        }
        let message = match absence {
            Absence::Only(only) => {
                format!("`{dotted}` exists in {only}; runs for other events would fail here")
            }
            Absence::Unlisted(types) => format!(
                "`{dotted}` is not among the listed fields of {types}; a run for an event without it would fail here"
            ),
        };
        let help = format!(
            "write `{dotted} | default('')`, or test it in `when`: {{ {dotted}: {{ exists: true }} }}"
        );
        self.diagnostics
            .push(Diagnostic::warning(Code::MaybeAbsent, at, message).help(help));
    }

    pub(crate) fn undefined(&mut self, kind: &str, path: &str, name: &str, at: Span) {
        let known: Vec<&String> = match kind {
            "step" => {
                let steps = self.in_scope.steps.iter().map(|step| &step.name);
                steps.chain(&self.in_scope.answers).collect()
            }
            _ => {
                let vars = self.in_scope.vars.as_object().into_iter();
                vars.flatten().map(|(name, _)| name).collect()
            }
        };
        let nearest = suggest::nearest(name, known.into_iter().map(String::as_str));
        let nearest = nearest.map(str::to_owned);
        let message = format!("`{path}` reads the {kind} `{name}`, which nothing defines");
        match (nearest, kind) {
            (Some(nearest), _) => {
                let help = format!("did you mean `{nearest}`?");
                self.error(Code::UndefinedName, at, message, &help);
            }
            (None, "step") => {
                let help = match self.in_scope.error_scope {
                    ErrorScope::None | ErrorScope::StepFailed => self.readable_steps_help(name),
                    ErrorScope::RunDied => {
                        "the results of the dead run's steps are not available; `error.message` is the reason of its failure"
                    }
                    ErrorScope::Outage => {
                        "the results of other runs' steps are not available; `error.message` is the last failure of the receiver"
                    }
                };
                let below = path.strip_prefix("$.").unwrap_or(path);
                let help = match self.fields.check(below) {
                    FieldCheck::Unknown { .. } => help.to_owned(),
                    FieldCheck::Known(_)
                    | FieldCheck::Open
                    | FieldCheck::Unlisted { .. }
                    | FieldCheck::Misspelt { .. } => {
                        format!("{help}; a field of the event is `body.{below}`")
                    }
                };
                self.error(Code::UndefinedName, at, message, &help);
            }
            (None, _) => {
                let help = "define it under `vars` in the rule or in flowtrigger.yaml";
                let help = format!("{help}; a field of the event is `body.{path}`");
                self.not_configured(Code::UndefinedName, at, message, &help);
            }
        }
    }
}

pub(crate) fn join_keys(keys: &[PathSegment]) -> String {
    let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
    names.join(".")
}
