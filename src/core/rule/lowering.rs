//! The contexts of lowering: resolution of names, and compilation of rules and flows.

pub mod compiler;
mod reading;
pub mod resolver;
pub mod running;
