//! Every mistake that a user can make, made on the real program: exact codes and statuses, messages that
//! name the thing and what to do, nothing lost and nothing silent. It looks at no part from inside.

mod actions;
mod bounds;
mod canary;
mod configuration;
mod contracts;
mod daemon;
mod data_folder;
mod input;
mod outward;
mod payload;
mod receiver;
mod redact;
mod rules;
mod secrets;
mod sending;
mod serving;
mod signed;
mod sources;
mod support;
