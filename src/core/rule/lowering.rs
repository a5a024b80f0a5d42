//! What is known while a document is lowered to a rule: the configuration, the fields of its event
//! types, the steps before. It collects mistakes and lets the lowering go on.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::Value;

use crate::core::config::Config;
use crate::core::diagnostic::{Code, Diagnostic, Diagnostics, Position};
use crate::core::event::catalogue::FieldLookup;
use crate::core::rule::document::{Entry, Node, Yaml};
use crate::core::rule::earlier::{Earlier, Gives};
use crate::core::rule::fields::{FieldCheck, Fields};
use crate::core::rule::path::{Path, Root, Route};
use crate::core::rule::synonyms;
use crate::core::rule::vocabulary::{Built, Vocabulary};

pub struct Lowering<'a> {
    pub config: &'a Config,
    /// What events of the rule's types hold.
    pub fields: Fields,
    /// The variables in reach of the rule; an object.
    pub vars: Value,
    /// The steps before the one being lowered, whose results can be read.
    pub steps: Vec<Earlier>,
    /// Paths that a condition before has tested: it is the author's word that they may be absent.
    pub tested: BTreeSet<String>,
    /// The folder of the rule file; relative programs and files start there.
    pub folder: String,
    pub diagnostics: &'a mut Diagnostics,
}

impl<'a> Lowering<'a> {
    /// With the configuration's variables, before any step, in the folder where the program runs.
    pub fn new(config: &'a Config, fields: Fields, diagnostics: &'a mut Diagnostics) -> Self {
        Self {
            config,
            fields,
            vars: config.vars.clone(),
            steps: Vec::new(),
            tested: BTreeSet::new(),
            folder: ".".into(),
            diagnostics,
        }
    }

    pub fn error(&mut self, code: Code, at: Position, message: impl Into<String>, help: &str) {
        let diagnostic = Diagnostic::error(code, at, message);
        self.diagnostics.push(match help {
            "" => diagnostic,
            help => diagnostic.help(help),
        });
    }

    /// A name that nothing in the configuration defines. Where that could not be read it may be
    /// defined there, and the mistake is told of the configuration, not of every rule.
    pub fn not_configured(
        &mut self,
        code: Code,
        at: Position,
        message: impl Into<String>,
        help: &str,
    ) {
        if self.config.whole {
            self.error(code, at, message, help);
        }
    }

    pub fn wrong_type(&mut self, node: &Node, key: &str, wanted: &str) {
        let message = format!("`{key}` takes {wanted}, found {}", node.kind());
        self.error(Code::WrongType, node.at, message, "");
    }

    /// The entries of a mapping, each key checked against the vocabulary: unknown keys and keys
    /// that this version does not run are reported.
    pub fn entries<'n>(&mut self, node: &'n Node, words: &Vocabulary) -> Option<&'n [Entry]> {
        let Yaml::Map(entries) = &node.value else {
            let message = format!("{} takes a mapping, found {}", words.name, node.kind());
            let help = match node.value {
                Yaml::Null => "indent what belongs to it deeper than its key",
                _ => &format!("its keys are: {}", words.listed()),
            };
            self.error(Code::WrongType, node.at, message, help);
            return None;
        };
        for entry in entries {
            self.check_key(entry, words);
        }
        Some(entries)
    }

    pub fn check_key(&mut self, entry: &Entry, words: &Vocabulary) {
        match words.get(&entry.key) {
            Some(word) => {
                if let Built::Later(when) = word.built {
                    let message = format!("`{}` is not built yet", entry.key);
                    self.error(Code::NotBuiltYet, entry.key_at, message, when);
                }
            }
            None => {
                let message = format!("unknown key `{}` in {}", entry.key, words.name);
                let help = synonyms::for_key(&entry.key, words)
                    .unwrap_or_else(|| format!("the keys are: {}", words.listed()));
                self.error(Code::UnknownKey, entry.key_at, message, &help);
            }
        }
    }

    pub fn text(&mut self, node: &Node, key: &str) -> Option<String> {
        let text = node.scalar_text();
        if text.is_none() {
            self.wrong_type(node, key, "text");
        }
        text
    }

    /// A duration: `500ms`, `30s`, `5m`, `24h`, `4d`.
    pub fn duration(&mut self, node: &Node, key: &str) -> Option<Duration> {
        let parsed = node.as_text().and_then(duration);
        if parsed.is_none() {
            let message = format!("`{key}` takes a duration");
            self.error(
                Code::InvalidValue,
                node.at,
                message,
                "write a number and a unit: 500ms, 30s, 5m, 24h, 4d",
            );
        }
        parsed
    }

    pub fn whole_number(
        &mut self,
        node: &Node,
        key: &str,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        let number = match &node.value {
            Yaml::Number(number) => number.as_u64().filter(|n| range.contains(n)),
            Yaml::Null | Yaml::Bool(_) | Yaml::Text(_) | Yaml::List(_) | Yaml::Map(_) => None,
        };
        if number.is_none() {
            let (least, most) = (range.start(), range.end());
            let message = format!("`{key}` takes a whole number from {least} to {most}");
            self.error(Code::InvalidValue, node.at, message, "");
        }
        number
    }

    /// A path that a rule reads: parsed, and checked against what its event types hold.
    pub fn path(&mut self, text: &str, at: Position) -> Option<Path> {
        let path = match Path::parse(text) {
            Ok(path) => path,
            Err(error) => {
                let diagnostic = Diagnostic::error(Code::BadPath, at, error.message);
                self.diagnostics.push(diagnostic.maybe_help(error.help));
                return None;
            }
        };
        self.check_path(&path, at).then_some(path)
    }

    /// Whether events of the rule's types can hold the path; false after saying why not.
    pub fn check_path(&mut self, path: &Path, at: Position) -> bool {
        if let Route::Plain { root, keys } = &path.route {
            let first = keys.first().map(|key| key.name.as_str());
            match (root, first) {
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
        let message = format!("{} has no field `{}`", self.fields.words(), path.text);
        let help = self
            .step_meant(&dotted)
            .or_else(|| synonyms::for_field(&dotted))
            .or_else(|| self.comes_with(&dotted))
            .or_else(|| nearest.map(|name| format!("did you mean `{name}`?")))
            .unwrap_or_else(|| self.fields.advice());
        self.error(Code::UnknownField, at, message, &help);
        false
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

    /// The event types of the same source that do have a field.
    fn comes_with(&self, dotted: &str) -> Option<String> {
        let Fields::Of(here) = &self.fields else {
            return None;
        };
        let source = &here.first()?.source;
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
        let Some(dotted) = path.dotted() else {
            return;
        };
        let tested =
            |tested: &String| dotted == *tested || dotted.starts_with(&format!("{tested}."));
        let Some(only) = self.fields.only(&dotted) else {
            return;
        };
        if self.tested.iter().any(tested) {
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

    /// Whether the result of a step holds a key; false after saying why not.
    fn check_result(&mut self, gives: Gives, step: &str, key: Option<&str>, at: Position) -> bool {
        let (message, help) = match (gives, key) {
            (Gives::Anything, _) => return true,
            (Gives::Keys([]), _) => (
                format!("the step `{step}` has no result to read"),
                "guards, `succeed`, `fail` and steps with `keep: none` give nothing".into(),
            ),
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
                let help = "a step can read only the steps before it, by their `name`";
                self.error(Code::UndefinedName, at, message, help);
            }
            (None, _) => {
                let help = "define it under `vars` in the rule or in flowtrigger.yaml";
                self.not_configured(Code::UndefinedName, at, message, help);
            }
        }
    }
}

/// Reads `90s`, `1.5h`, `-2h` is not one: a duration has no sign.
pub fn duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(split);
    let number: f64 = number.trim().parse().ok()?;
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        "w" => 604_800.0,
        _ => return None,
    };
    let total = number * seconds;
    (number >= 0.0 && total <= 31_536_000_000.0).then(|| Duration::from_secs_f64(total))
}
