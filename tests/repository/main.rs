//! Tests of the repository: layers of the code, documents, shipped rules, schemas and the fuzz corpus.

mod docs;
mod fuzz;
mod layering;
mod readme;
mod rules;
