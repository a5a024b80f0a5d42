//! What a rule runs: steps in order, with guards and data from step to step.
//! `next` alone decides what follows; nothing here performs anything.

pub mod call;
pub mod step;

pub fn lower_flow(
    _: &crate::core::rule::document::Node,
    _: &mut crate::core::rule::lowering::Lowering<'_>,
) -> Option<step::Flow> {
    Some(step::Flow::default())
}
