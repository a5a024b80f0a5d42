//! Stand-in until the templates land.

#[derive(Debug, Clone)]
pub struct Template;

#[derive(Debug, Clone)]
pub struct TreeTemplate;
