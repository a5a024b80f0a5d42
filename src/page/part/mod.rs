//! Parts that several pages share.

pub mod json_tree;
pub mod link;
mod predicate_group;
pub mod problem;
pub mod prose;
pub mod rule_card;
pub mod state;
