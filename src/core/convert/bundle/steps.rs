//! The states of a ZIS flow as steps: chains in order, choices that lead apart and together again, failures
//! that are caught.
//! It refuses a flow as a whole where one state of it has no counterpart, and says which.

mod caught;
mod choice;
mod does;
mod landing;
mod merge;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::connections::Connections;
use super::filled::{Filled, Source};
use super::graph::Graph;
use super::scene::{Key, Scene};
use crate::core::bundle::Bundle;
use crate::core::bundle::state::{Definition, Does, State, Then};
use crate::core::convert::clause::Clause;
use crate::core::convert::naming::slug;
use crate::core::rule::document::Node;
use landing::{plain_paths, result_of};

/// Why a flow stays in its bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    pub why: String,
    pub state: String,
    pub line: u32,
}

/// What a flow becomes.
#[derive(Debug, Default)]
pub struct Steps {
    /// What must hold before anything runs.
    pub when: Vec<Clause>,
    pub list: Vec<Value>,
}

/// What is known of all flows of a bundle together.
pub struct Whole<'b> {
    pub bundle: &'b Bundle,
    /// Scopes of settings that a flow writes.
    pub patched: BTreeSet<String>,
    pub connections: Connections<'b>,
    /// Variables that settings became.
    pub settings: BTreeSet<String>,
    pub notes: BTreeSet<&'static str>,
}

/// Whether a filter at the beginning may become the rule's `when`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filters {
    BeforeRun,
    InRun,
}

/// How a part of a flow ends.
enum End {
    /// It goes on behind, with this scene.
    On(Scene),
    Over,
}

type Part = (Vec<Value>, End);

const NO_RUN: &str = "what the first choices let go by is let go under `when`, and makes no run";
const SKIPPED: &str = "where a choice ended a run as done, a guard ends it as skipped";

/// Past this many states, ways that cross have been written out too often.
const MOST: usize = 400;

pub fn steps<'b>(
    definition: &'b Definition,
    scene: Scene,
    filters: Filters,
    whole: &mut Whole<'b>,
) -> Result<Steps, Obstacle> {
    let graph = Graph::new(definition, whole.bundle);
    let start = &definition.start_at;
    if let Some(state) = graph.circle() {
        return Err(Obstacle {
            why: "it leads back to a state that ran before, and steps only go forward".into(),
            state: state.to_owned(),
            line: start.at.line,
        });
    }
    let mut writer = Writer {
        graph,
        whole,
        names: BTreeSet::new(),
        when: Vec::new(),
        filters,
        written: 0,
        items: 0,
    };
    let (list, _) = writer.chain(&start.text, None, scene, Place::Outside)?;
    Ok(Steps {
        when: writer.when,
        list,
    })
}

/// Whether more of the flow stands behind a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    /// In a branch: an end must be said.
    Inside,
}

struct Writer<'b, 'w> {
    graph: Graph<'b>,
    whole: &'w mut Whole<'b>,
    names: BTreeSet<String>,
    when: Vec<Clause>,
    filters: Filters,
    written: usize,
    items: usize,
}

impl<'b> Writer<'b, '_> {
    /// The steps from a state up to the one to stop at.
    fn chain(
        &mut self,
        from: &'b str,
        stop: Option<&'b str>,
        mut scene: Scene,
        place: Place,
    ) -> Result<Part, Obstacle> {
        let mut list = Vec::new();
        let mut next = from;
        while stop != Some(next) {
            let state = self.state(next)?;
            let on = match &state.does {
                Does::Choice { choices, default } => {
                    let default = default.as_ref();
                    self.choice(state, choices, default, stop, scene, place, &mut list)?
                }
                Does::Succeed { message } => {
                    self.succeed(state, message.as_ref(), &scene, place, &mut list)?;
                    return Ok((list, End::Over));
                }
                Does::Fail { error, cause } => {
                    let parts = error.iter().chain(cause);
                    let parts: Result<Vec<String>, String> =
                        parts.map(|part| text(part, &scene)).collect();
                    let message = parts.map_err(|why| obstacle(state, why))?.join(": ");
                    list.push(json!({ "fail": message }));
                    return Ok((list, End::Over));
                }
                Does::Action { .. } | Does::Map { .. } | Does::Wait { .. } | Does::Pass { .. } => {
                    self.step(state, stop, scene, place, &mut list)?
                }
            };
            match on {
                Some((following, known)) => (next, scene) = (following, known),
                None => return Ok((list, End::Over)),
            }
        }
        Ok((list, End::On(scene)))
    }

    fn state(&mut self, name: &str) -> Result<&'b State, Obstacle> {
        self.written += 1;
        let found = self.graph.state(name);
        let missing = || Obstacle {
            why: "there is no such state, or it has mistakes; `flowtrigger check` tells them"
                .into(),
            state: name.to_owned(),
            line: 0,
        };
        let state = found.ok_or_else(missing)?;
        match self.written > MOST {
            true => Err(obstacle(
                state,
                "its ways cross too often to be written one after the other".into(),
            )),
            false => Ok(state),
        }
    }

    fn succeed(
        &mut self,
        state: &State,
        message: Option<&Node>,
        scene: &Scene,
        place: Place,
        list: &mut Vec<Value>,
    ) -> Result<(), Obstacle> {
        let message = match message {
            Some(message) => Some(text(message, scene).map_err(|why| obstacle(state, why))?),
            None => None,
        };
        match (message, place) {
            (Some(message), _) => list.push(json!({ "succeed": message })),
            (None, Place::Inside) => list.push(json!({ "succeed": state.name.text })),
            (None, Place::Outside) => {}
        }
        Ok(())
    }

    /// A state that does something and leads to one other; where that goes on.
    fn step(
        &mut self,
        state: &'b State,
        stop: Option<&'b str>,
        mut scene: Scene,
        place: Place,
        list: &mut Vec<Value>,
    ) -> Result<Option<(&'b str, Scene)>, Obstacle> {
        plain_paths(state)?;
        let name = self.name(&state.name.text);
        let before = scene.clone();
        let result = result_of(state)?;
        let made = match &state.does {
            Does::Action {
                name: action,
                parameters,
                ..
            } => self.action(&name, action, parameters.as_ref(), &result, &mut scene),
            Does::Map { items, each, .. } => self.each(&name, state, items, each, &mut scene)?,
            Does::Wait { seconds: 0, .. } => Ok(None),
            Does::Wait { seconds, .. } => {
                Ok(Some(json!({ "name": name, "wait": format!("{seconds}s") })))
            }
            Does::Pass {
                result: value,
                parameters,
            } => self.pass(
                &name,
                value.as_ref(),
                parameters.as_ref(),
                &result,
                &mut scene,
            ),
            Does::Choice { .. } | Does::Succeed { .. } | Does::Fail { .. } => Ok(None),
        };
        let made = made.map_err(|why| obstacle(state, why))?;
        let next = match &state.then {
            Then::Next(next) => Some(next.text.as_str()),
            Then::End => None,
        };
        match (made, state.catch()) {
            (Some(step), Some(catch)) => {
                return self.caught(
                    state,
                    &name,
                    step,
                    catch,
                    next,
                    (before, scene),
                    stop,
                    place,
                    list,
                );
            }
            (Some(step), None) => list.push(step),
            (None, _) => {}
        }
        if next.is_none() && place == Place::Inside {
            list.push(json!({ "succeed": state.name.text }));
        }
        Ok(next.map(|next| (next, scene)))
    }

    /// A name for a step that no other has.
    fn name(&mut self, state: &str) -> String {
        let name = match slug(&snake(state), '_') {
            slug if slug.is_empty() => "step".to_owned(),
            slug if slug.starts_with(|c: char| c.is_ascii_digit()) => format!("step_{slug}"),
            slug => slug,
        };
        let numbered = (2..).map(|number| format!("{name}_{number}"));
        let mut names = std::iter::once(name.clone()).chain(numbered);
        let free = names
            .find(|name| !self.names.contains(name))
            .unwrap_or(name);
        self.names.insert(free.clone());
        free
    }
}

fn overlap(read: &[Key], place: &[Key]) -> bool {
    read.starts_with(place) || place.starts_with(read)
}

fn text(node: &Node, scene: &Scene) -> Result<String, String> {
    let source = Source::Document(scene);
    match node.as_text() {
        // `Cause: $.failure.Cause` is a path as well.
        Some(path) if path.starts_with("$.") => Filled::reference(node, &source)?.as_text(),
        _ => Filled::of(node, &source)?.as_text(),
    }
}

pub fn obstacle(state: &State, why: String) -> Obstacle {
    Obstacle {
        why,
        state: state.name.text.clone(),
        line: state.name.at.line,
    }
}

/// `LoadSettings` as `load_settings`.
fn snake(text: &str) -> String {
    let mut snake = String::new();
    let mut before = '_';
    for c in text.chars() {
        if c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            snake.push('_');
        }
        snake.push(c);
        before = c;
    }
    snake
}
