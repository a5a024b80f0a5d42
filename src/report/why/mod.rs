//! What happened to an event, and what is known of a rule, with the rules of that time.

pub mod awaited_by;
pub mod closest;
pub mod evaluated;
pub mod export;
pub mod find;
pub mod missed;
pub mod rejected;
pub mod repeats;
pub mod report;
pub mod rule;
pub mod verdict;
