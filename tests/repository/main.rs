//! Tests of the repository: layers of the code, documents, shipped rules, dashboards and alerts,
//! schemas and the fuzz corpus.

mod actions;
mod automations;
mod deploy;
mod doc_tables;
mod docs;
mod editors;
mod environment;
mod fuzz;
mod layering;
mod log_lines;
mod monitoring;
mod mutants;
mod readme;
mod rules;
mod senders;
