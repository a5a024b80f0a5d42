//! Parts that several pages share.

pub mod call;
pub mod diagnostic_list;
pub mod exchange;
pub mod json_tree;
pub mod link;
pub mod plan;
mod predicate_group;
pub mod problem;
pub mod prose;
pub mod rule_card;
pub mod state;
pub mod suspended;
