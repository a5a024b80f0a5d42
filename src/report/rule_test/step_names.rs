//! Resolves the steps that a test names, by step name or by path in the flow: `each[0].page`.

use std::collections::BTreeSet;

use flowtrigger_core::diagnostic::Span;
use flowtrigger_core::flow::control::BranchTarget;
use flowtrigger_core::flow::step::{Flow, Step};

/// The steps of a rule's flow with their paths. All items of a list share one: `each[].page`.
pub struct FlowSteps<'r> {
    known: Vec<(String, &'r Step)>,
    flow_catches: Vec<FlowCatch>,
}

/// The catch of a whole flow.
pub struct FlowCatch {
    /// `catch`, after the path of the step that runs the flow.
    pub path: String,
    /// The location of its first step.
    pub at: Span,
}

impl<'r> FlowSteps<'r> {
    pub fn new(flow: &'r Flow) -> Self {
        let mut steps = Self {
            known: Vec::new(),
            flow_catches: Vec::new(),
        };
        steps.add(flow, "");
        steps
    }

    /// All steps with their paths, each before the steps nested in it.
    pub fn all(&self) -> impl Iterator<Item = (&str, &'r Step)> {
        self.known.iter().map(|(path, step)| (path.as_str(), *step))
    }

    pub fn flow_catches(&self) -> &[FlowCatch] {
        &self.flow_catches
    }

    /// The steps with this name or path.
    pub fn named(&self, name: &str) -> Vec<&'r Step> {
        let path = without_numbers(name);
        let known = self.known.iter();
        let found = known.filter(|(known, step)| step.name == name || *known == path);
        found.map(|(_, step)| *step).collect()
    }

    /// The names under which a test can use the selected steps. Steps that share a name are listed by path.
    pub fn listed(&self, select: impl Fn(&Step) -> bool) -> Vec<String> {
        let selected: Vec<_> = self.known.iter().filter(|(_, step)| select(step)).collect();
        let names = selected.iter().map(|(path, step)| {
            let same = selected.iter().filter(|(_, other)| other.name == step.name);
            match same.count() {
                1 => step.name.clone(),
                _ => path.replace("[]", "[0]"),
            }
        });
        let mut listed = BTreeSet::new();
        names.filter(|name| listed.insert(name.clone())).collect()
    }

    /// The path that is meant if the number of an item is missing: `each[0].page` for `each.page`. Also
    /// returns the name of the step.
    pub fn without_number(&self, written: &str) -> Option<(String, &'r str)> {
        let is_meant =
            |(path, _): &&(String, &Step)| path.contains("[]") && path.replace("[]", "") == written;
        let (path, step) = self.known.iter().find(is_meant)?;
        Some((path.replace("[]", "[0]"), &step.name))
    }

    fn add(&mut self, flow: &'r Flow, prefix: &str) {
        for step in &flow.steps {
            let path = format!("{prefix}{}", step.name);
            self.known.push((path.clone(), step));
            for inner in step.action.inner_flows() {
                self.add(inner.flow, &format!("{path}{}", inner.suffix));
            }
            if let Some(catch) = &step.catch {
                self.add_target(&catch.then, &format!("{path}.catch."));
            }
        }
        if let Some(catch) = &flow.catch {
            if let Some(first) = catch.steps.first() {
                let path = format!("{prefix}catch");
                self.flow_catches.push(FlowCatch { path, at: first.at });
            }
            self.add(catch, &format!("{prefix}catch."));
        }
    }

    fn add_target(&mut self, target: &'r BranchTarget, prefix: &str) {
        match target {
            BranchTarget::Flow(flow) => self.add(flow, prefix),
            BranchTarget::Goto(_) => {}
        }
    }
}

/// A path without the numbers of items and visits: `each[2].page#3` is `each[].page`.
pub fn without_numbers(path: &str) -> String {
    let mut result = String::with_capacity(path.len());
    let mut number = false;
    for c in path.chars() {
        number &= c.is_ascii_digit();
        if !number {
            result.push(c);
        }
        number |= matches!(c, '[' | '#');
    }
    result.replace('#', "")
}

#[cfg(test)]
mod tests {
    use crate::report::rule_test::step_names::*;

    #[test]
    fn a_path_without_the_number_of_an_item_is_suggested() {
        let set = flowtrigger_testing::rules::from_text(RULE);
        let steps = FlowSteps::new(&set.rules[0].flow);
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
    fn steps_are_found_by_name_and_by_path() {
        let set = flowtrigger_testing::rules::from_text(RULE);
        let steps = FlowSteps::new(&set.rules[0].flow);
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
