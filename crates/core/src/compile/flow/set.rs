//! Lowers `set` of a step: a tree of templates, or a jq program with its input.
//! Reports secrets, because results are stored, and templates in a program.

use crate::compile::flow::action::{ActionSpec, CallKeys};
use crate::compile::flow::no_secret;
use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::decode::Decode;
use crate::document::vocabulary::words;
use crate::document::{Entry, Node};
use crate::flow::call::JqClock;
use crate::flow::call::{JqInput, JqStep};
use crate::flow::jq::lower_program;
use crate::flow::step::Action;
use crate::flow::vocabulary::{JQ, set};
use crate::language::resolver::NameResolver;
use crate::language::template::json::JsonTemplate;

pub const SET: ActionSpec = ActionSpec::new(
    words! {
        "set" set =>
            "Sets the step's result to a value made from templates, or to the output of `{ jq: PROGRAM }`.";
    },
    |node, _, cx| lower(node, &mut cx.names),
);

/// A jq program is written as the value of `set`.
impl CallKeys for JqStep {
    const ACTIONS: &'static [ActionSpec] = &[];
}

fn lower(node: &Node, names: &mut NameResolver<'_>) -> Option<Action> {
    match node.get("jq") {
        Some(program) => lower_jq(node, program, names).map(Action::from),
        None => {
            warn_about_misspelled_jq(node, names.diagnostics);
            lower_tree(node, names).map(Action::Set)
        }
    }
}

/// Warns about a key such as `jqq` or `JQ`: it is probably a misspelled `jq`.
fn warn_about_misspelled_jq(node: &Node, diagnostics: &mut Diagnostics) {
    let entries = node.as_map().unwrap_or_default();
    let near = |entry: &&Entry| is_near_jq(&entry.key) && entry.value.as_text().is_some();
    let Some(found) = entries.iter().find(near) else {
        return;
    };
    let others = entries.iter().filter(|entry| entry.key != found.key);
    if others.clone().any(|other| JQ.get(&other.key).is_none()) {
        return;
    }
    let key = &found.key;
    let message = format!("`{key}` is the key of an object here, so no program runs");
    diagnostics.warning(
        Code::UnknownKey,
        found.key_at,
        message,
        "did you mean `jq`?",
    );
}

fn is_near_jq(key: &str) -> bool {
    let key = key.trim().to_lowercase();
    key.len() > 1 && strsim::damerau_levenshtein(&key, "jq") <= 1
}

fn lower_tree(node: &Node, names: &mut NameResolver<'_>) -> Option<JsonTemplate> {
    let tree = JsonTemplate::lower(node, names)?;
    match tree.secrets().is_empty() {
        true => Some(tree),
        false => no_secret(node, "the result of `set` is stored", names.diagnostics),
    }
}

fn lower_jq(node: &Node, program: &Node, names: &mut NameResolver<'_>) -> Option<JqStep> {
    names.entries(node, &JQ)?;
    let program = lower_program(program, "jq", names.diagnostics);
    let input = match node.get("input") {
        Some(input) => lower_tree(input, names).map(JqInput::Tree),
        None => Some(JqInput::Everything),
    };
    Some(JqStep {
        program: program?,
        input: input?,
        clock: JqClock::Absent,
    })
}
