//! Lowers conditions and templates: names in scope, operators, paths to fields, template texts.

pub mod condition;
pub(crate) mod during;
pub mod event_fields;
pub(crate) mod interner;
pub(crate) mod names;
pub mod operator;
pub mod rendered_text;
pub(crate) mod resolver;
pub mod template;
