//! Tests of the built program: output, exit codes and effects, for correct and for wrong use.

mod backup;
mod changing_rules;
mod convert;
mod diff;
mod environment;
mod export;
mod faults;
mod hostile_text;
mod init;
mod lsp;
mod man;
mod many_rules;
mod mutants;
mod replay;
mod senders;
mod shadow_versions;
mod shared_store;
mod tls;
mod transcripts;
