//! Tests of the pure core: events, conditions, matching, flows, bundles, conversion and diagnostics, all in
//! this process.

mod analysis;
mod bundle_event_types;
mod bundle_runs;
mod bundles;
mod conditions;
mod convert;
mod debounce;
mod events;
mod field_presence;
mod flows;
mod hostile_input;
mod json_conformance;
mod jsonpath_conformance;
mod many_rules;
mod matching;
mod mistakes;
mod mutants;
mod scheduled_gates;
mod suggestions;
mod yaml_conformance;
