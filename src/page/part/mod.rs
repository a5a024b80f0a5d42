//! Parts that several pages share.

pub mod problem;
pub mod state;
