//! What is known while a document is lowered to a rule: the configuration, the fields of its event
//! types, the steps before. It collects mistakes and lets the lowering go on.

mod reading;
pub mod running;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::core::config::Config;
use crate::core::diagnostic::{Code, Diagnostic, Diagnostics, Position};
use crate::core::flow::bounds::MOST_NESTING;
use crate::core::flow::named::NamedFlows;
use crate::core::rule::document::vocabulary::{Built, Vocabulary};
use crate::core::rule::document::{Entry, Node, Yaml};
use crate::core::rule::earlier::{Earlier, Local};
use crate::core::rule::fields::Fields;
use crate::core::rule::lowering::running::Running;
use crate::core::rule::shared::Shared;
use crate::core::rule::synonyms;

pub struct Lowering<'a> {
    pub config: &'a Config,
    /// What events of the rule's types hold.
    pub fields: Fields,
    /// The variables in reach of the rule; an object.
    pub vars: Arc<Value>,
    /// The steps before the one being lowered, whose results can be read.
    pub steps: Vec<Earlier>,
    /// What the flow gave names to: the item of a list, the events that a gate gathered.
    pub locals: Vec<Local>,
    /// Names of steps and items before that stood within a step, and are out of reach since.
    pub left: BTreeSet<String>,
    pub occasion: Occasion,
    /// How many flows stand around the steps being lowered.
    pub depth: usize,
    /// The flows that have a name of their own.
    pub flows: &'a NamedFlows,
    /// Those of them that are being lowered, and what the rule is made of besides its own document.
    pub running: Running,
    /// Paths that a condition before has tested: it is the author's word that they may be absent.
    pub tested: BTreeSet<String>,
    /// Whether a test before excused a field that may be absent.
    pub excused: bool,
    /// The folder of the rule file; relative programs and files start there.
    pub folder: String,
    /// What was found for the rules before.
    pub shared: Shared,
    pub diagnostics: &'a mut Diagnostics,
}

/// Why that what is lowered would run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Occasion {
    /// An event matched.
    Event,
    /// A run gave up: `error.…` says which and why.
    Death,
    /// A step failed: `error.…` says which and why.
    Failure,
}

impl<'a> Lowering<'a> {
    /// With the configuration's variables, before any step, in the folder where the program runs.
    pub fn new(config: &'a Config, fields: Fields, diagnostics: &'a mut Diagnostics) -> Self {
        Self {
            config,
            fields,
            vars: Arc::clone(&config.vars),
            steps: Vec::new(),
            locals: Vec::new(),
            left: BTreeSet::new(),
            occasion: Occasion::Event,
            depth: 0,
            flows: NamedFlows::none(),
            running: Running::default(),
            tested: BTreeSet::new(),
            excused: false,
            folder: ".".into(),
            shared: Shared::default(),
            diagnostics,
        }
    }

    /// Lowers what stands within a step: what it names, tests and results in holds there alone. None
    /// where that is too deep, after saying so.
    pub fn within<T>(
        &mut self,
        at: Position,
        lower: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        if self.depth == MOST_NESTING {
            let message = format!("more than {MOST_NESTING} flows stand within each other here");
            let help = "make a rule of its own of the inner ones, or put some of the steps behind each other";
            self.error(Code::InvalidValue, at, message, help);
            return None;
        }
        let (steps, locals) = (self.steps.len(), self.locals.len());
        let (tested, occasion) = (self.tested.clone(), self.occasion);
        self.depth += 1;
        let lowered = lower(self);
        self.depth -= 1;
        let steps = self.steps.drain(steps.min(self.steps.len())..);
        let locals = self.locals.drain(locals.min(self.locals.len())..);
        let steps = steps.map(|step| format!("steps.{}", step.name));
        self.left
            .extend(steps.chain(locals.map(|local| local.name)));
        (self.tested, self.occasion) = (tested, occasion);
        lowered
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
