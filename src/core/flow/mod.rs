//! What a rule runs: steps in order, with guards and data from step to step.
//! `next` alone decides what follows; nothing here performs anything.

pub mod call;
