//! Parts that several pages share.

pub mod state;
