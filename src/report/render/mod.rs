//! Formats results as text and as JSON: messages, diagnostics, tables, runs, plans.

pub mod attempts;
pub mod call;
pub mod color;
pub mod diagnostics;
pub mod document;
pub mod escape;
pub mod exchange;
pub mod explanation;
pub mod gate_line;
pub mod gates;
pub mod message;
pub mod mode_cap;
pub mod next_step;
pub mod plan;
pub mod repeat;
pub mod run;
pub mod shell;
pub mod suggested_command;
pub mod table;
pub mod width;
pub mod window;
