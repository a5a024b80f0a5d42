//! How answers look on a terminal: messages, diagnostics with their source lines, tables.
//! It refuses to decide what is told; it only lays it out.

pub mod call;
pub mod color;
pub mod diagnostics;
pub mod escape;
pub mod explanation;
pub mod gates;
pub mod message;
pub mod plan;
pub mod run;
pub mod table;
pub mod width;
pub mod window;
