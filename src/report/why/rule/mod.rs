//! What is known of a rule: its runs, and the events of its types that it did or did not match.

pub mod facts;
pub mod near_misses;
pub mod report;
pub mod shadow_comparison;
