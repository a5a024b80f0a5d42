//! Tests of the built program: output, exit codes and effects, for correct and for wrong use.

mod convert;
mod export;
mod faults;
mod many_rules;
mod replay;
mod shared_store;
mod transcripts;
