//! The reference: parses the event, looks up its type, and evaluates every rule of that type.

use std::collections::HashMap;

use serde_json::Value;

use super::{Engine, Input, body};
use crate::rule::Rule;

pub struct Loop<'a> {
    by_type: HashMap<&'static str, Vec<(u32, &'a Rule)>>,
}

impl<'a> Loop<'a> {
    pub fn build(input: &Input<'a>) -> Self {
        let mut by_type: HashMap<_, Vec<_>> = HashMap::new();
        for (number, rule) in (0..).zip(input.rules) {
            let rules = by_type.entry(rule.event_type.display).or_default();
            rules.push((number, rule));
        }
        Self { by_type }
    }
}

impl Engine for Loop<'_> {
    fn matches(&mut self, event: &[u8], out: &mut Vec<u32>) {
        let event: Value = serde_json::from_slice(event).expect("the samples are JSON");
        let body = body(&event);
        let rules = body["type"]
            .as_str()
            .and_then(|name| self.by_type.get(name));
        for (number, rule) in rules.into_iter().flatten() {
            if rule.when.holds(body) == Some(true) {
                out.push(*number);
            }
        }
    }
}
