//! The rule language: YAML documents in, JobSpecs with positions, compiled rules out.
//! It refuses whatever could only fail later, and says so as diagnostics, all at once.

pub mod document;
pub mod path;
