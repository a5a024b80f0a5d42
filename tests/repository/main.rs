//! Tests of the repository: layers of the code, documents, shipped rules, schemas and the fuzz corpus.

mod actions;
mod deploy;
mod doc_tables;
mod docs;
mod fuzz;
mod layering;
mod readme;
mod rules;
