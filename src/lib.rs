//! flowtrigger: a rules engine for help-desk events that can say why nothing happened.
//! `ARCHITECTURE.md` describes the modules and which of them may import which.

pub mod action;
pub mod cli;
pub mod engine;
pub mod lsp;
pub mod page;
pub mod report;
pub mod source;
pub mod store;
pub mod tls;
