//! Parts that several pages share.

pub mod call;
pub mod exchange;
pub mod json_tree;
pub mod link;
mod predicate_group;
pub mod prose;
pub mod rule_card;
pub mod state;
