//! Describes the actions of a step: their keys, how they are lowered, what they give. Lists those that stay in
//! the flow; the others are those of `calls!`.

use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};

use crate::compile::compiler::Compiler;
use crate::compile::flow::{choose, flow_call, for_each, outcome, set, wait, wait_for};
use crate::document::Node;
use crate::document::vocabulary::{Keyword, Vocabulary, duration, keyword, steps, words};
use crate::flow::call::KeepOutput;
use crate::flow::step::{Action, OnCrash};
use crate::flow::vocabulary::command::confine;
use crate::flow::vocabulary::retry;
use crate::language::names::StepOutput;
use crate::run::step_retry::StepRetry;

/// One action, as a rule writes it.
pub struct ActionSpec {
    /// The key of the action, and the keys that only a step with this action has.
    pub words: &'static [Keyword],
    /// Lowers the value of the key, given the whole step as well.
    pub lower: fn(&Node, &Node, &mut Compiler<'_>) -> Option<Action>,
    /// What later steps can read of its result.
    pub output: fn(KeepOutput) -> StepOutput,
    /// The defaults of the settings of a call. `None` for an action that takes no such settings.
    pub call: Option<CallDefaults>,
    /// The keys below it, which authors also write beside it.
    pub inner: Option<&'static Vocabulary>,
    /// Keys of other tools that mean it.
    pub synonyms: &'static [Synonym],
    /// Why a `catch` beside it has no effect.
    pub uncaught: Option<&'static str>,
    /// What the JSON Schema of a step with this action requires.
    pub required: fn(&str) -> Value,
}

/// The settings of a step that has none of its own.
pub struct CallDefaults {
    pub retry: fn(&Node, &Compiler<'_>) -> StepRetry,
    /// The time limit, given the value of the action's key.
    pub timeout: fn(&Node, &Compiler<'_>) -> Duration,
    pub after_crash: AfterCrash,
}

/// What `on_crash` means for a call.
pub enum AfterCrash {
    /// It always runs again, and `on_crash` is an error with this help.
    Repeats(&'static str),
    /// The author decides.
    Chosen(OnCrash),
}

/// Keys of other tools, with what to write instead.
pub struct Synonym {
    pub keys: &'static [&'static str],
    pub help: &'static str,
}

/// A call as a rule writes it: no key if it has none of its own, several if it can be written in several ways.
pub(crate) trait CallKeys {
    const ACTIONS: &'static [ActionSpec];
}

macro_rules! call_keys {
    (() $($_n:ident($template:ident => $_r:ident))*) => {
        &[$(<$crate::flow::call::$template as CallKeys>::ACTIONS),*]
    };
}

/// The actions that leave the process.
const CALLS: &[&[ActionSpec]] = crate::calls!([call_keys]);

/// The actions that stay in the flow.
const IN_FLOW: &[ActionSpec] = &[
    outcome::WHEN,
    set::SET,
    choose::CHOOSE,
    for_each::FOR_EACH,
    wait::ACTION,
    wait_for::ACTION,
    flow_call::ACTION,
    outcome::SUCCEED,
    outcome::FAIL,
];

/// All actions; a step has exactly one of them.
pub fn actions() -> impl Iterator<Item = &'static ActionSpec> {
    CALLS.iter().copied().flatten().chain(IN_FLOW)
}

impl ActionSpec {
    /// An action with these keys that has no further properties.
    pub const fn new(
        words: &'static [Keyword],
        lower: fn(&Node, &Node, &mut Compiler<'_>) -> Option<Action>,
    ) -> Self {
        Self {
            words,
            lower,
            output: |_| StepOutput::Anything,
            call: None,
            inner: None,
            synonyms: &[],
            uncaught: None,
            required: |key| json!({"required": [key]}),
        }
    }

    pub fn key(&self) -> &'static str {
        self.words[0].name
    }

    /// The action with this key.
    pub fn find(key: &str) -> Option<&'static Self> {
        actions().find(|action| action.key() == key)
    }
}

/// What an attempt gives to later steps if they can read these keys of it.
pub fn attempt_output(keep: KeepOutput, all: &'static [&'static str]) -> StepOutput {
    StepOutput::Keys(match keep {
        KeepOutput::Body => all,
        KeepOutput::Status => &["status"],
        KeepOutput::None => &[],
    })
}

/// The keys of a step.
pub static STEP: LazyLock<Vocabulary> = LazyLock::new(|| {
    let own = actions().flat_map(|action| action.words);
    let words: Vec<Keyword> = [NAME].iter().chain(own).chain(SETTINGS).copied().collect();
    Vocabulary {
        name: "a step",
        words: words.leak(),
    }
});

const NAME: Keyword = keyword(
    "name",
    "The name under which later steps read the result: `steps.NAME`. Lower-case letters, digits and `_`.",
    name,
);

/// The keys that a step may have beside those of its action.
const SETTINGS: &[Keyword] = words! {
    "retry" retry =>
        "How often and after which delays a failed `http`, `exec` or `shell` is attempted again.";
    "timeout" duration =>
        "The maximum duration of one attempt. Default: for `http` the connection's `timeout` or else 10s, for commands 30s.";
    "keep" keep =>
        "The part of the result that later steps can read: all of it (`body`), its `status`, or `none`. Default: `body`.";
    "on_crash" on_crash =>
        "What happens after a crash to an `exec` or `shell` that was running: `hold` the run for a person, or `rerun` the command. Default: `hold`.";
    "confine" confine =>
        "Limits on the resources and files of an `exec` or `shell`. If one of them cannot be enforced, the command does not start.";
    "catch" steps =>
        "The steps that run when this step fails; then the run continues. `error.message` holds the reason.";
};

/// The JSON Schema of one step.
pub fn step_schema() -> Value {
    let mut schema = STEP.schema(&[]);
    let one: Vec<Value> = actions()
        .map(|action| (action.required)(action.key()))
        .collect();
    schema["oneOf"] = json!(one);
    schema
}

pub fn name() -> Value {
    json!({"type": "string", "pattern": "^[a-z_][a-z0-9_]*$"})
}

fn keep() -> Value {
    json!({"enum": ["body", "status", "none"], "default": "body"})
}

fn on_crash() -> Value {
    json!({"enum": ["hold", "rerun"], "default": "hold"})
}
