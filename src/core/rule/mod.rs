//! The rule language: YAML documents in, JobSpecs with positions, compiled rules out.
//! It refuses whatever could only fail later, and says so as diagnostics, all at once.

pub mod condition;
pub mod document;
pub mod earlier;
pub mod fields;
pub mod gates;
pub mod jobspec;
pub mod lowering;
pub mod operator;
pub mod path;
pub mod pattern;
pub mod rendered_text;
pub mod ruletest;
pub mod self_loop;
pub mod shared;
pub mod synonyms;
pub mod template;
#[cfg(test)]
mod tests;
pub mod trigger;
pub mod version;
pub mod version_compile;
pub mod vocabulary;
pub mod writes;
