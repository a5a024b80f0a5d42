//! Tests of the page Try, over a history in memory.
