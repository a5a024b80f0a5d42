//! Tests of the page of a rule, over a history in memory.
