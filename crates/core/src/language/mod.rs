//! The language of conditions and templates: names in scope, operators, conditions, templates.

pub mod condition;
pub mod event_fields;
pub mod interner;
pub mod names;
pub mod operator;
pub mod rendered_text;
pub mod resolver;
pub mod template;
