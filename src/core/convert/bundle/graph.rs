//! Which states of a ZIS flow follow which: circles, where ways meet again, and what is read behind a state.
//! It refuses to follow a way past the state where the caller stops.

use std::collections::BTreeSet;

use super::scene::{Keys, keys};
use crate::core::bundle::Bundle;
use crate::core::bundle::choice::{Choice, Comparison, Operand, Test};
use crate::core::bundle::http::HttpAction;
use crate::core::bundle::state::{Definition, Does, State};
use crate::core::rule::document::{Node, Yaml};
use crate::core::rule::template::placeholder::placeholders;

pub struct Graph<'b> {
    definition: &'b Definition,
    bundle: &'b Bundle,
}

impl<'b> Graph<'b> {
    pub fn new(definition: &'b Definition, bundle: &'b Bundle) -> Self {
        Self { definition, bundle }
    }

    pub fn state(&self, name: &str) -> Option<&'b State> {
        self.definition.state(name)
    }

    fn after(&self, name: &str) -> Vec<&'b str> {
        let state = self.state(name);
        let ways = state.map(State::ways).unwrap_or_default();
        ways.into_iter().map(|word| word.text.as_str()).collect()
    }

    /// A state that leads back to itself.
    pub fn circle(&self) -> Option<&'b str> {
        let states = self.definition.states.iter();
        let mut names = states.map(|state| state.name.text.as_str());
        names.find(|name| {
            let after = self.after(name);
            after
                .iter()
                .any(|next| self.reach(next, None).contains(name))
        })
    }

    /// The states that may run from here on; the one to stop at is among them, what follows it is not.
    fn reach(&self, from: &'b str, stop: Option<&str>) -> BTreeSet<&'b str> {
        let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(name) = open.pop() {
            if reached.insert(name) && stop != Some(name) {
                open.extend(self.after(name));
            }
        }
        reached
    }

    /// Where ways meet again, if not all of them end apart: the first state that most of them pass, and
    /// that none goes round on its way to where the caller stops.
    pub fn join(&self, ways: &[&'b str], stop: Option<&'b str>) -> Option<&'b str> {
        let reaches: Vec<BTreeSet<&str>> = ways.iter().map(|way| self.reach(way, stop)).collect();
        let mut candidates: Vec<(&'b str, usize)> = Vec::new();
        for name in reaches.iter().flatten() {
            let passed = reaches.iter().filter(|reach| reach.contains(name)).count();
            let goes_round = stop.is_some_and(|stop| {
                stop != *name && ways.iter().any(|way| self.leads_round(way, name, stop))
            });
            // An end is written out on each way to it: it does nothing, and may tell of what was caught.
            let ends = stop != Some(name) && self.ends(name);
            if passed > 1 && !ends && !goes_round && !candidates.contains(&(name, passed)) {
                candidates.push((name, passed));
            }
        }
        let most = candidates.iter().map(|(_, passed)| *passed).max()?;
        candidates.retain(|(_, passed)| *passed == most);
        let first = candidates.iter().find(|(name, _)| {
            let others = candidates.iter().filter(|(other, _)| other != name);
            others
                .map(|(other, _)| other)
                .all(|other| self.reach(name, stop).contains(other))
        });
        // Where none comes before all others, the ways cross; each is then followed to its end.
        first.map(|(name, _)| *name)
    }

    /// Whether a way leads to `end` without passing `name`.
    fn leads_round(&self, from: &'b str, name: &str, end: &str) -> bool {
        from != name && self.reach(from, Some(name)).contains(end)
    }

    fn ends(&self, name: &str) -> bool {
        let does = self.state(name).map(|state| &state.does);
        matches!(does, Some(Does::Succeed { .. } | Does::Fail { .. }))
    }

    /// Whether every way from here ends at once, without doing anything.
    pub fn ends_at_once(&self, name: &str) -> bool {
        let does = self.state(name).map(|state| &state.does);
        matches!(does, Some(Does::Succeed { .. }))
    }

    /// What the document is asked for from a state on.
    pub fn reads(&self, from: &'b str) -> Vec<Keys> {
        let mut found = Vec::new();
        for name in self.reach(from, None) {
            if let Some(state) = self.state(name) {
                self.reads_of(state, &mut found);
            }
        }
        found
    }

    fn reads_of(&self, state: &State, found: &mut Vec<Keys>) {
        let mut nodes: Vec<&Node> = Vec::new();
        match &state.does {
            Does::Action {
                name, parameters, ..
            } => match parameters {
                Some(parameters) => nodes.push(parameters),
                None => nodes.extend(
                    self.bundle
                        .action(&name.text)
                        .map(of_action)
                        .unwrap_or_default(),
                ),
            },
            Does::Choice { choices, .. } => {
                choices
                    .iter()
                    .for_each(|Choice { test, .. }| of_test(test, found));
            }
            Does::Map { items, .. } => found.extend(keys(&items.text)),
            Does::Wait { .. } => {}
            Does::Pass { parameters, .. } => nodes.extend(parameters),
            Does::Succeed { message } => nodes.extend(message),
            Does::Fail { error, cause } => nodes.extend(error.iter().chain(cause)),
        }
        for node in nodes {
            of_node(node, found);
        }
    }
}

fn of_action(action: &HttpAction) -> Vec<&Node> {
    use crate::core::bundle::http::Address;
    let address = match &action.address {
        Address::Url(filled) | Address::Path(filled) => filled,
    };
    let pairs = action.headers.iter().chain(&action.query);
    let pairs = pairs.map(|pair| &pair.value.node);
    let body = action.body.iter().map(|body| &body.node);
    std::iter::once(&address.node)
        .chain(pairs)
        .chain(body)
        .collect()
}

fn of_node(node: &Node, found: &mut Vec<Keys>) {
    match &node.value {
        Yaml::Text(text) => {
            found.extend(keys(text));
            let inside = placeholders(text);
            found.extend(inside.into_iter().filter_map(|one| keys(&text[one.path])));
        }
        Yaml::List(items) => items.iter().for_each(|item| of_node(item, found)),
        Yaml::Map(entries) => entries
            .iter()
            .for_each(|entry| of_node(&entry.value, found)),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) => {}
    }
}

fn of_test(test: &Test, found: &mut Vec<Keys>) {
    match test {
        Test::And(parts) | Test::Or(parts) => parts.iter().for_each(|part| of_test(part, found)),
        Test::Not(part) => of_test(part, found),
        Test::One {
            variable,
            comparison,
            ..
        } => {
            found.extend(keys(&variable.text));
            let operand = match comparison {
                Comparison::Text(_, operand)
                | Comparison::Number(_, operand)
                | Comparison::Time(_, operand)
                | Comparison::Boolean(operand) => operand,
                Comparison::IsPresent(_) | Comparison::IsNull(_) => return,
            };
            if let Operand::Path(path) = operand {
                found.extend(keys(path));
            }
        }
    }
}
