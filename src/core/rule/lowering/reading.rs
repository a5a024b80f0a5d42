//! What a rule may read: its paths, held against the fields of its events, its variables, the steps
//! before. It refuses what could never be there, and says where it is instead.

use std::sync::Arc;

use super::{Lowering, Occasion};
use crate::core::diagnostic::{Code, Diagnostic, Position};
use crate::core::event::catalogue::FieldLookup;
use crate::core::event::catalogue::FieldType;
use crate::core::rule::earlier::{Gives, Holds, Ran};
use crate::core::rule::fields::{FieldCheck, Fields};
use crate::core::rule::path::{Key, OF_DEATH, OF_FAILURE, Path, Root, Route};
use crate::core::rule::synonyms;

impl Lowering<'_> {
    /// A path that a rule reads: parsed, and checked against what its event types hold.
    pub fn path(&mut self, text: &str, at: Position) -> Option<Path> {
        self.shared_path(text, at).map(Arc::unwrap_or_clone)
    }

    /// The same, one for all rules that spell it alike.
    pub fn shared_path(&mut self, text: &str, at: Position) -> Option<Arc<Path>> {
        let path = match self.shared.paths.get(text) {
            Some(path) => Arc::clone(path),
            None => self.parse_path(text, at)?,
        };
        let path = match (self.occasion, self.locals.is_empty()) {
            (Occasion::Event, true) => path,
            (_, _) => Arc::new(self.placed(Path::clone(&path))),
        };
        self.check_path(&path, at).then_some(path)
    }

    fn parse_path(&mut self, text: &str, at: Position) -> Option<Arc<Path>> {
        match Path::parse(text) {
            Ok(path) => {
                let path = Arc::new(path);
                let paths = &mut self.shared.paths;
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

    /// `error.…` is a field of the event, but where there is an error to tell of; and so is what the
    /// flow gave a name to, but where it has that name.
    pub fn placed(&self, path: Path) -> Path {
        let path = match self.occasion {
            Occasion::Event => path,
            Occasion::Death | Occasion::Failure => path.of_error(),
        };
        path.of_local(|name| self.locals.iter().any(|local| local.name == name))
    }

    /// The types that a path has, as far as they are known.
    pub fn types_at(&self, path: &Path) -> FieldCheck {
        let Some((name, below)) = path.local() else {
            let dotted = path.dotted();
            let check = dotted.map(|dotted| self.fields.check(&dotted));
            return check.unwrap_or(FieldCheck::Open);
        };
        let local = self.locals.iter().find(|local| local.name == name);
        match (local.map(|local| &local.holds), below) {
            (Some(Holds::Value(known)), []) => FieldCheck::Known(vec![known.clone()]),
            (Some(Holds::Event), [_, ..]) => self.fields.check(&spelled(below)),
            (Some(Holds::Events), [_, field, ..]) if field.index.is_none() => {
                self.fields.check(&spelled(&below[1..]))
            }
            (_, _) => FieldCheck::Open,
        }
    }

    /// Whether events of the rule's types can hold the path; false after saying why not.
    pub fn check_path(&mut self, path: &Path, at: Position) -> bool {
        if let Route::Plain { root, keys } = &path.route {
            let first = keys.first().map(|key| key.name.as_str());
            match (root, first) {
                (Root::Vars, Some(name)) if self.running.given.contains(name) => return true,
                (Root::Vars, Some(name)) if self.vars.get(name).is_none() => {
                    self.undefined("variable", &path.text, name, at);
                    return false;
                }
                (Root::Vars, Some(name)) if path.in_variables(&self.vars).is_none() => {
                    let message = format!("the variable `{name}` holds no `{}`", path.text);
                    let help = "look it up under `vars` in the rule or in flowtrigger.yaml";
                    self.error(Code::UndefinedName, at, message, help);
                    return false;
                }
                (Root::Steps, Some(name)) => {
                    let Some(step) = self.steps.iter().find(|step| step.name == name) else {
                        self.undefined("step", &path.text, name, at);
                        return false;
                    };
                    let key = keys.get(1).map(|key| key.name.as_str());
                    return self.check_result(step.gives, name, key, at);
                }
                (Root::Error, Some(_)) => return self.check_error(keys, &path.text, at),
                (Root::Local, Some(name)) => return self.check_local(name, &keys[1..], path, at),
                _ => {}
            }
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
        let FieldCheck::Unknown { nearest } = self.fields.check(&dotted) else {
            return true;
        };
        if let Some((message, help)) = known_elsewhere(&dotted) {
            self.error(Code::UndefinedName, at, message, help);
            return false;
        }
        let message = format!("{} has no field `{}`", self.fields.words(), path.text);
        let help = self
            .step_meant(&dotted)
            .or_else(|| self.local_meant(&dotted))
            .or_else(|| self.fields.instead())
            .or_else(|| synonyms::for_field(&dotted))
            .or_else(|| self.comes_with(&dotted))
            .or_else(|| nearest.map(|name| format!("did you mean `{name}`?")))
            .unwrap_or_else(|| self.fields.advice());
        self.error(Code::UnknownField, at, message, &help);
        false
    }

    fn check_error(&mut self, keys: &[Key], text: &str, at: Position) -> bool {
        let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
        let [name] = names.as_slice() else {
            let message = format!("`{text}` leads nowhere: `error.{}` is one value", names[0]);
            let help = format!("write `error.{}`", names[0]);
            self.error(Code::UndefinedName, at, message, &help);
            return false;
        };
        let known = match self.occasion {
            Occasion::Event | Occasion::Death => OF_DEATH,
            Occasion::Failure => OF_FAILURE,
        };
        if known.contains(name) {
            return true;
        }
        let message = format!("`error` has no `{name}`");
        let meant = match *name {
            "why" | "reason" | "text" | "cause" | "error" | "description" => "message",
            "id" | "run_id" => "run",
            "name" if known.contains(&"step") => "step",
            "name" => "rule",
            "tries" | "count" | "retries" => "attempts",
            "code" | "status_code" | "http_status" => "status",
            other => synonyms::nearest(other, known.into_iter()).unwrap_or_default(),
        };
        let help = match known.contains(&meant) {
            true => format!("did you mean `error.{meant}`?"),
            false => format!("it has {} here", known.join(", ")),
        };
        self.error(Code::UndefinedName, at, message, &help);
        false
    }

    /// Whether what has a name of the flow's holds these keys, as far as that is known.
    fn check_local(&mut self, name: &str, below: &[Key], path: &Path, at: Position) -> bool {
        let local = self.locals.iter().find(|local| local.name == name);
        let Some((local, first)) = local.zip(below.first()) else {
            return true;
        };
        let (text, first) = (&path.text, &first.name);
        let unknown = matches!(self.types_at(path), FieldCheck::Unknown { .. });
        let (message, help) = match &local.holds {
            Holds::Value(FieldType::List(_) | FieldType::Object | FieldType::Any)
            | Holds::Anything => return true,
            Holds::Value(known) => (
                format!("`{text}` leads nowhere: `{name}` is {}", known.words()),
                format!("write `{name}` alone"),
            ),
            Holds::Events if first.parse::<usize>().is_err() => (
                format!("`{text}` leads nowhere: `{name}` is a list of events"),
                format!(
                    "write `{name}.0.{first}` for the first, or go through them with `for_each: {name}`"
                ),
            ),
            Holds::Events | Holds::Event if unknown => (
                format!(
                    "{} has no field `{}`, which `{text}` reads",
                    self.fields.words(),
                    event_field(below)
                ),
                self.fields.advice(),
            ),
            Holds::Events | Holds::Event => return true,
        };
        self.error(Code::UndefinedName, at, message, &help);
        false
    }

    /// `items.id` where the item is called `item`.
    fn local_meant(&self, dotted: &str) -> Option<String> {
        let first = dotted.split('.').next().unwrap_or(dotted);
        let names = self.locals.iter().map(|local| local.name.as_str());
        let near = synonyms::nearest(first, names)?;
        Some(format!(
            "did you mean `{}`?",
            dotted.replacen(first, near, 1)
        ))
    }

    /// Whether JSONPath enters the body by the key that the rule's events have.
    fn check_body_key(&mut self, path: &Path, at: Position) -> bool {
        let keys = self.fields.body_keys();
        let (Some(named), Some(first)) = (path.body_key(), keys.first()) else {
            return true;
        };
        if keys.contains(&named.as_str()) {
            return true;
        }
        let (types, text) = (self.fields.words(), &path.text);
        let message = format!("{types} has no `{named}`, which `{text}` reads");
        let help = format!("did you mean `{}`?", text.replacen(&named, first, 1));
        self.error(Code::BadPath, at, message, &help);
        false
    }

    /// `user.body.name` where an earlier step is called `user`.
    fn step_meant(&self, dotted: &str) -> Option<String> {
        let first = dotted.split('.').next().unwrap_or(dotted);
        let step = self.steps.iter().find(|step| step.name == first)?;
        Some(match step.gives {
            Gives::Keys([]) => format!("the step `{first}` has no result to read"),
            _ => format!("the step's result is `steps.{first}`: write `steps.{dotted}`"),
        })
    }

    /// The event types of the same source that do have a field; looked for once for each.
    fn comes_with(&mut self, dotted: &str) -> Option<String> {
        let key = (self.fields.identity()?, dotted.to_owned());
        if let Some(known) = self.shared.elsewhere.get(&key) {
            return known.clone();
        }
        let found = self.find_elsewhere(dotted);
        self.shared.elsewhere.insert(key, found.clone());
        found
    }

    fn find_elsewhere(&self, dotted: &str) -> Option<String> {
        let Fields::Of(here) = &self.fields else {
            return None;
        };
        let source = &here.types().first()?.source;
        let first = dotted.split('.').next().unwrap_or(dotted);
        let others = self.config.catalogue.types().filter(|other| {
            let known = matches!(other.field(dotted), FieldLookup::Known(_));
            other.source == *source && other.owns(first) && known
        });
        let tags: Vec<String> = others.map(|other| format!("`{}`", other.tag)).collect();
        match tags.as_slice() {
            [] => None,
            [_, _, _, _, more @ ..] => {
                let some = tags[..3].join(", ");
                Some(format!(
                    "it comes with {some} and {} more types",
                    more.len() + 1
                ))
            }
            few => Some(format!("it comes with {}", few.join(", "))),
        }
    }

    /// Warns where a text writes out a field that not every event of the rule holds: for the others
    /// the step could not be rendered.
    pub fn warn_if_absent(&mut self, path: &Path, at: Position) {
        if let Some(step) = path.step() {
            return self.warn_if_not_run(step, &path.text, at);
        }
        let Some(dotted) = path.dotted() else {
            return;
        };
        let tested =
            |tested: &String| dotted == *tested || dotted.starts_with(&format!("{tested}."));
        let Some(only) = self.fields.only(&dotted) else {
            return;
        };
        if self.tested.iter().any(tested) {
            self.excused = true;
            return;
        }
        let message =
            format!("`{dotted}` comes with {only}; the run of any other event would end dead here");
        let help = format!(
            "write `{dotted} | default('')`, or test it in `when`: {{ {dotted}: {{ exists: true }} }}"
        );
        self.diagnostics
            .push(Diagnostic::warning(Code::MaybeAbsent, at, message).help(help));
    }

    /// Where any step may have failed, whose result is there hangs on which.
    fn warn_if_not_run(&mut self, name: &str, text: &str, at: Position) {
        let step = self.steps.iter().find(|step| step.name == name);
        let perhaps = step.is_some_and(|step| step.ran == Ran::Perhaps);
        let place = format!("steps.{name}");
        let below = format!("{place}.");
        let covers = |tested: &String| *tested == place || tested.starts_with(&below);
        if !perhaps || self.tested.iter().any(covers) {
            return;
        }
        let message = format!("`{text}` is there only if the step `{name}` ran before one failed");
        let help = format!("test it in `when` before: {{ {place}: {{ exists: true }} }}");
        self.diagnostics
            .push(Diagnostic::warning(Code::MaybeAbsent, at, message).help(help));
    }

    /// Whether the result of a step holds a key; false after saying why not.
    fn check_result(&mut self, gives: Gives, step: &str, key: Option<&str>, at: Position) -> bool {
        let (message, help) = match (gives, key) {
            (Gives::Anything | Gives::Inner, _) => return true,
            (Gives::Keys([]), _) => (
                format!("the step `{step}` has no result to read"),
                "guards, `wait`, `succeed`, `fail` and steps with `keep: none` give nothing".into(),
            ),
            (Gives::List, Some(key)) if key.parse::<usize>().is_err() => (
                format!("the result of the step `{step}` is a list, one result for each item"),
                format!(
                    "write `steps.{step}.0.{key}` for the first, or go through them with `for_each: steps.{step}`"
                ),
            ),
            (Gives::List, _) => return true,
            (Gives::Keys(keys), Some(key)) if !keys.contains(&key) => (
                format!("the result of the step `{step}` has no `{key}`"),
                match synonyms::nearest(key, keys.iter().copied()) {
                    Some(near) => format!("did you mean `steps.{step}.{near}`?"),
                    None if keys.contains(&"headers") => format!(
                        "it has {}; what the other side answered is `steps.{step}.body`",
                        keys.join(", ")
                    ),
                    None => format!("it has {}", keys.join(", ")),
                },
            ),
            (Gives::Keys(_), _) => return true,
        };
        self.error(Code::UndefinedName, at, message, &help);
        false
    }

    /// Which steps can be read here.
    fn where_steps_are(&self, name: &str) -> &'static str {
        match (self.running.flows.is_empty(), name) {
            (true, _) => {
                "a step can read only the steps before it, by their `name`; what stands within a step is read in there alone"
            }
            (false, _) => {
                "a named flow reads its own steps alone; give it what it needs as `vars` where it is run"
            }
        }
    }

    fn undefined(&mut self, kind: &str, path: &str, name: &str, at: Position) {
        let known: Vec<String> = if kind == "step" {
            self.steps.iter().map(|step| step.name.clone()).collect()
        } else {
            self.vars
                .as_object()
                .into_iter()
                .flatten()
                .map(|(k, _)| k.clone())
                .collect()
        };
        let nearest = synonyms::nearest(name, known.iter().map(String::as_str));
        let message = format!("`{path}` reads the {kind} `{name}`, which nothing defines");
        match (nearest, kind) {
            (Some(nearest), _) => {
                let help = format!("did you mean `{nearest}`?");
                self.error(Code::UndefinedName, at, message, &help);
            }
            (None, "step") => {
                let help = match self.occasion {
                    Occasion::Event | Occasion::Failure => self.where_steps_are(name),
                    Occasion::Death => {
                        "what the steps of the dead run got is not in reach; `error.message` says why it died"
                    }
                };
                self.error(Code::UndefinedName, at, message, help);
            }
            (None, _) => {
                let help = "define it under `vars` in the rule or in flowtrigger.yaml";
                self.not_configured(Code::UndefinedName, at, message, help);
            }
        }
    }
}

fn spelled(keys: &[Key]) -> String {
    let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
    names.join(".")
}

/// The field of an event that keys lead to, behind the event's number where they begin with one.
fn event_field(keys: &[Key]) -> String {
    match keys {
        [first, rest @ ..] if first.index.is_some() => spelled(rest),
        keys => spelled(keys),
    }
}

/// What a name means that is known in some steps alone.
fn known_elsewhere(dotted: &str) -> Option<(String, &'static str)> {
    let (places, help) = match dotted.split('.').next()? {
        "error" => (
            "in the steps of `catch` and of `on_dead`",
            "to go on after a failed step write `catch:`, a list of steps, beside it; to hear of a run that gave up, `on_dead:` beside `flow`",
        ),
        "events" => (
            "in the steps of a rule that gathers events",
            "write `debounce: { per: ticket.id, quiet: 5m, keep: all }` in the rule",
        ),
        "item" => (
            "within a `for_each`",
            "write `for_each: PATH` with the steps for each item under its `flow`",
        ),
        _ => return None,
    };
    Some((format!("`{dotted}` is known {places} alone"), help))
}
