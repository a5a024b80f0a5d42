//! Mistakes that users make, on the real program: exit codes and statuses, messages that name the problem and
//! the correction, no lost event and no silence.

mod actions;
mod answers;
mod configuration;
mod confinement;
mod contracts;
mod counts;
mod daemon;
mod data_folder;
mod deliveries;
mod egress;
mod exchanges;
mod foreign_text;
mod identity;
mod input;
mod limits;
mod log_output;
mod many_values;
mod pauses;
mod payload;
mod redact;
mod rejected;
mod reloading;
mod rule_test_flows;
mod rule_test_samples;
mod rule_tests;
mod rules;
mod secret_leaks;
mod secrets;
mod sending;
mod setup;
mod signed;
mod sources;
mod tenants;
mod watching;
mod web_pages;
