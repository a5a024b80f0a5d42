//! Lowers conditions and templates: names in scope, operators, paths to fields, template texts.

pub mod condition;
pub mod event_fields;
pub mod interner;
pub mod names;
pub mod operator;
pub mod rendered_text;
pub mod resolver;
pub mod template;
