//! `set:` of a step, lowered: a tree of templates, or a jq program with what it reads.
//! It refuses secrets, since a result is stored, and templates within a program.

use super::no_secret;
use crate::core::flow::control::{Jq, JqInput};
use crate::core::flow::jq::lower_program;
use crate::core::flow::step::Action;
use crate::core::flow::vocabulary::JQ;
use crate::core::rule::document::Node;
use crate::core::rule::lowering::Lowering;
use crate::core::rule::template::TreeTemplate;

pub fn lower(node: &Node, cx: &mut Lowering<'_>) -> Option<Action> {
    match node.get("jq") {
        Some(program) => lower_jq(node, program, cx).map(|jq| Action::Jq(Box::new(jq))),
        None => lower_tree(node, cx).map(Action::Set),
    }
}

fn lower_tree(node: &Node, cx: &mut Lowering<'_>) -> Option<TreeTemplate> {
    let tree = TreeTemplate::lower(node, cx)?;
    match tree.secrets().is_empty() {
        true => Some(tree),
        false => no_secret(node, "the result of `set` is stored", cx),
    }
}

fn lower_jq(node: &Node, program: &Node, cx: &mut Lowering<'_>) -> Option<Jq> {
    cx.entries(node, &JQ)?;
    let program = lower_program(program, "jq", cx);
    let input = match node.get("input") {
        Some(input) => lower_tree(input, cx).map(JqInput::Tree),
        None => Some(JqInput::Everything),
    };
    Some(Jq {
        program: program?,
        input: input?,
    })
}
