//! Which steps a test may name: by their names, or by their places in the flow where that says more.
//! It refuses places that no run comes to.

use std::collections::BTreeSet;

use flowtrigger_core::flow::control::BranchTarget;
use flowtrigger_core::flow::step::{Flow, Step};

/// The steps of a rule's flow with their places. Items of a list have one: `each[].page`.
pub struct FlowSteps<'r> {
    known: Vec<(String, &'r Step)>,
}

impl<'r> FlowSteps<'r> {
    pub fn of(flow: &'r Flow) -> Self {
        let mut steps = Self { known: Vec::new() };
        steps.add(flow, "");
        steps
    }

    /// The steps that a test means.
    pub fn named(&self, name: &str) -> Vec<&'r Step> {
        let place = general(name);
        let known = self.known.iter();
        let found = known.filter(|(known, step)| step.name == name || *known == place);
        found.map(|(_, step)| *step).collect()
    }

    /// What a test may say of the steps that pass: the name, or the place where several share it.
    pub fn listed(&self, wanted: impl Fn(&Step) -> bool) -> Vec<String> {
        let wanted: Vec<_> = self.known.iter().filter(|(_, step)| wanted(step)).collect();
        let spelled = wanted.iter().map(|(place, step)| {
            let same = wanted.iter().filter(|(_, other)| other.name == step.name);
            match same.count() {
                1 => step.name.clone(),
                _ => place.replace("[]", "[0]"),
            }
        });
        let mut told = BTreeSet::new();
        spelled.filter(|name| told.insert(name.clone())).collect()
    }

    /// The place that was meant where an item's number is left out: of `each.page`, `each[0].page`; with
    /// the step's name.
    pub fn without_number(&self, said: &str) -> Option<(String, &'r str)> {
        let meant =
            |(place, _): &&(String, &Step)| place.contains("[]") && place.replace("[]", "") == said;
        let (place, step) = self.known.iter().find(meant)?;
        Some((place.replace("[]", "[0]"), &step.name))
    }

    fn add(&mut self, flow: &'r Flow, prefix: &str) {
        for step in &flow.steps {
            let place = format!("{prefix}{}", step.name);
            self.known.push((place.clone(), step));
            for (suffix, flow) in step.action.inner_flows() {
                self.add(flow, &format!("{place}{suffix}"));
            }
            if let Some(catch) = &step.catch {
                self.then(&catch.then, &format!("{place}.catch."));
            }
        }
        if let Some(catch) = &flow.catch {
            self.add(catch, &format!("{prefix}catch."));
        }
    }

    fn then(&mut self, then: &'r BranchTarget, prefix: &str) {
        match then {
            BranchTarget::Flow(flow) => self.add(flow, prefix),
            BranchTarget::Goto(_) => {}
        }
    }
}

/// A place without the numbers of items and visits: `each[2].page#3` is `each[].page`.
fn general(place: &str) -> String {
    let mut general = String::with_capacity(place.len());
    let mut number = false;
    for c in place.chars() {
        number &= c.is_ascii_digit();
        if !number {
            general.push(c);
        }
        number |= matches!(c, '[' | '#');
    }
    general.replace('#', "")
}

#[cfg(test)]
mod tests {
    use crate::cli::test::step_names::*;

    #[test]
    fn a_place_without_the_number_of_an_item_is_understood() {
        let set = flowtrigger_testing::rules::from_text(RULE);
        let steps = FlowSteps::of(&set.rules[0].flow);
        let meant = steps.without_number("each.page");
        assert_eq!(meant, Some(("each[0].page".to_owned(), "page")));
        assert_eq!(steps.without_number("each.pgae"), None);
        assert_eq!(steps.without_number("route.1.page"), None);
    }

    const RULE: &str = "
name: r
event_source: support
event_type: ticket.PriorityChanged
flow:
  - name: route
    choose:
      - { when: { current: urgent }, flow: [{ name: page, exec: [page] }] }
      - flow: [{ name: note, exec: [note] }]
  - name: each
    for_each: ticket.tags
    flow: [{ name: page, exec: [page] }, { flow: named }]
  - name: last
    exec: [last]
    catch: [{ name: tell, exec: [tell] }]
catch: [{ name: tell, exec: [tell] }]
---
flows: { named: { flow: [{ name: inner, exec: [inner] }] } }
";

    #[test]
    fn steps_are_known_by_name_and_by_place() {
        let set = flowtrigger_testing::rules::from_text(RULE);
        let steps = FlowSteps::of(&set.rules[0].flow);
        for (name, count) in [
            ("page", 2),
            ("note", 1),
            ("route.1.page", 1),
            ("route.2.note", 1),
            ("each[0].page", 1),
            ("each[17].page#2", 1),
            ("each[3].flow-2.inner", 1),
            ("last.catch.tell", 1),
            ("catch.tell", 1),
            ("tell", 2),
            ("route.2.page", 0),
            ("each.page", 0),
            ("each[0].pgae", 0),
            ("pgae", 0),
        ] {
            assert_eq!(steps.named(name).len(), count, "{name}");
        }
        let senders = steps.listed(|step| step.action.command().is_some());
        assert_eq!(
            senders,
            [
                "route.1.page",
                "note",
                "each[0].page",
                "inner",
                "last",
                "last.catch.tell",
                "catch.tell"
            ]
        );
    }
}
