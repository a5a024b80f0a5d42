//! Ways that meet again: what each of them left is handed on under one name, since steps within a branch
//! are not seen behind it.
//! It refuses to hand on what one of the ways does not have.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{End, Part, Writer, overlap};
use crate::core::convert::bundle::filled::Filled;
use crate::core::convert::bundle::scene::{Expression, Keys, Scene, of_step};
use crate::core::convert::clause::Clause;
use crate::core::convert::naming::slug;

const ELSEWHERE: &str = "it is there on some of the ways that lead here, and not on others";

impl<'b> Writer<'b, '_> {
    /// A `choose` of branches, with what they left in its result; and the scene behind it.
    pub(super) fn merged(
        &mut self,
        name: &str,
        mut branches: Vec<(Option<Clause>, Part)>,
        join: Option<&'b str>,
        before: (Scene, BTreeSet<String>),
    ) -> (Value, Scene) {
        let (before, names) = before;
        let scenes = branches.iter().filter_map(|(_, (_, end))| match end {
            End::On(scene) => Some(scene.clone()),
            End::Over => None,
        });
        let scenes: Vec<Scene> = scenes.collect();
        let mut scene = scenes.first().cloned().unwrap_or(before);
        let needed = self.handed_on(&scenes, join, &names, &mut scene);
        for (place, key) in &needed {
            scene.put(place, of_step(name, &[key]));
        }
        for (_, (list, end)) in &mut branches {
            if let End::On(own) = end
                && !needed.is_empty()
            {
                list.push(json!({ "set": values(&needed, own) }));
            }
        }
        (choose(name, branches), scene)
    }

    /// What the caught way leaves that is read behind the join, as values; and its scene seen from outside.
    pub(super) fn keep(
        &mut self,
        name: &str,
        failed: Scene,
        after: &Scene,
        join: Option<&'b str>,
    ) -> (Value, Scene) {
        let mut scene = failed.clone();
        let reads = join.map(|join| self.graph.reads(join)).unwrap_or_default();
        let mut kept = Map::new();
        for place in failed.differing(&[after]) {
            let wanted = reads.iter().any(|read| overlap(read, &place));
            let key = slug(&Expression(place.clone()).to_string(), '_');
            match failed
                .find(&place)
                .and_then(|found| Filled::Field(found).to_value())
            {
                Ok(value) if wanted => {
                    kept.insert(key.clone(), value);
                    scene.put(&place, of_step(name, &["caught", &key]));
                }
                _ => scene.lose(&place, ELSEWHERE),
            }
        }
        match kept.is_empty() {
            true => (json!(true), scene),
            false => (Value::Object(kept), scene),
        }
    }

    /// The places that differ between the ways and are read behind them, each with a name. The others are
    /// lost to the scene.
    fn handed_on(
        &self,
        scenes: &[Scene],
        join: Option<&'b str>,
        names: &BTreeSet<String>,
        scene: &mut Scene,
    ) -> Vec<(Keys, String)> {
        let Some((first, others)) = scenes.split_first() else {
            return Vec::new();
        };
        let others: Vec<&Scene> = others.iter().collect();
        let reads = join.map(|join| self.graph.reads(join)).unwrap_or_default();
        let mut differing = first.differing(&others);
        // What only branches know is not seen behind them, even where all know the same.
        let inner: Vec<String> = self.names.difference(names).cloned().collect();
        differing.extend(first.places_of(&inner));
        let mut needed: Vec<(Keys, String)> = Vec::new();
        for place in differing {
            let wanted = reads.iter().any(|read| overlap(read, &place));
            let there = scenes.iter().all(|scene| {
                let found = scene.find(&place);
                found
                    .and_then(|found| Filled::Field(found).to_value())
                    .is_ok()
            });
            if wanted && there && !needed.iter().any(|(known, _)| *known == place) {
                let key = match slug(&Expression(place.clone()).to_string(), '_') {
                    slug if slug.is_empty() => "document".to_owned(),
                    slug => slug,
                };
                needed.push((place, key));
            } else if !there {
                scene.lose(&place, ELSEWHERE);
            }
        }
        needed
    }
}

/// Two scenes of which nothing that differs is read any more.
pub(super) fn both(one: &Scene, other: &Scene) -> Scene {
    let mut scene = one.clone();
    for place in one.differing(&[other]) {
        scene.lose(&place, ELSEWHERE);
    }
    scene
}

fn values(needed: &[(Keys, String)], scene: &Scene) -> Value {
    let mut values = Map::new();
    for (place, key) in needed {
        let found = scene.find(place);
        let value = found.and_then(|found| Filled::Field(found).to_value());
        values.insert(key.clone(), value.unwrap_or_default());
    }
    Value::Object(values)
}

fn choose(name: &str, branches: Vec<(Option<Clause>, Part)>) -> Value {
    let last = branches.len().saturating_sub(1);
    let mut list = Vec::new();
    for (number, (test, (mut flow, _))) in branches.into_iter().enumerate() {
        match (&test, flow.is_empty()) {
            // Where none holds, it goes on behind.
            (None, true) if number == last => continue,
            (_, true) => flow.push(json!({ "set": null })),
            (_, false) => {}
        }
        list.push(match test {
            Some(test) => json!({ "when": test.to_map(), "flow": flow }),
            None => json!({ "flow": flow }),
        });
    }
    json!({ "name": name, "choose": list })
}
