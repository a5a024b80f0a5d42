//! The states of a ZIS flow as steps: chains in order, choices that lead apart and together again, failures
//! that are caught.
//! It refuses a flow as a whole where one state of it has no counterpart, and says which.

mod merge;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::filled::{Filled, Source, literals};
use super::graph::Graph;
use super::request::{self, Connections};
use super::scene::{Key, Keys, Scene, keys, of_step};
use super::test::{clause, negated};
use crate::core::bundle::choice::Choice;
use crate::core::bundle::state::{Catch, Definition, Does, Spot, State, Then};
use crate::core::bundle::{Bundle, FullName, Word};
use crate::core::convert::clause::Clause;
use crate::core::convert::naming::slug;

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
    pub connections: Connections,
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
        message: Option<&crate::core::rule::document::Node>,
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

    /// The step of an action; none where it only reads settings.
    fn action(
        &mut self,
        name: &str,
        action: &Word,
        parameters: Option<&crate::core::rule::document::Node>,
        result: &Option<Keys>,
        scene: &mut Scene,
    ) -> Result<Option<Value>, String> {
        let given = match parameters {
            Some(parameters) => Some(Filled::of(parameters, &Source::Document(scene))?),
            None => None,
        };
        let common = FullName::parse(&action.text).filter(FullName::is_common);
        if let Some(full) = common {
            return self.common(full.name, name, given.as_ref(), result, scene);
        }
        let Some(own) = self.whole.bundle.action(&action.text) else {
            return Err(format!(
                "there is no action `{}`, or it has mistakes",
                action.text
            ));
        };
        let source = match &given {
            Some(given) => Source::Parameters(given),
            None => Source::Document(scene),
        };
        let http = request::http(own, &source, &mut self.whole.connections)
            .map_err(|why| format!("the action `{}`: {why}", own.name.text))?;
        self.land(result, of_step(name, &["body"]), scene);
        Ok(Some(json!({ "name": name, "http": http })))
    }

    fn common(
        &mut self,
        action: &str,
        name: &str,
        given: Option<&Filled>,
        result: &Option<Keys>,
        scene: &mut Scene,
    ) -> Result<Option<Value>, String> {
        let given = match given {
            Some(Filled::Map(entries)) => entries.as_slice(),
            _ => &[],
        };
        let parameter = |wanted: &str| {
            given
                .iter()
                .find(|(key, _)| key == wanted)
                .map(|(_, value)| value)
        };
        match action {
            "Jq" => {
                let Some(Filled::Plain(Value::String(program))) = parameter("expr") else {
                    return Err("its jq program is put together of values; steps take one that is written out".into());
                };
                let mut set = Map::new();
                set.insert("jq".into(), json!(program));
                if let Some(data) = parameter("data") {
                    set.insert("input".into(), data.to_value()?);
                }
                self.land(result, of_step(name, &[]), scene);
                Ok(Some(json!({ "name": name, "set": set })))
            }
            "LoadConfig" => {
                let Some(Filled::Plain(Value::String(scope))) = parameter("scope") else {
                    return Err("the scope of its settings comes from values".into());
                };
                if self.whole.patched.contains(scope) {
                    return Err(format!(
                        "it reads the settings `{scope}`, which the bundle writes; steps have no settings that change"
                    ));
                }
                let variable = slug(scope, '_');
                self.whole.settings.insert(variable.clone());
                let place = vec![Key::name("vars"), Key::Name(variable)];
                self.land(result, place, scene);
                Ok(None)
            }
            "PatchConfig" => Err("it writes settings, and steps have none that change".into()),
            "CreateLink" | "LoadLinks" | "PatchLink" | "DeleteLink" => {
                Err("links between records are kept by ZIS itself, and have no counterpart".into())
            }
            other => Err(format!("ZIS has no action `{other}`")),
        }
    }

    fn land(&self, result: &Option<Keys>, place: Keys, scene: &mut Scene) {
        if let Some(at) = result {
            scene.put(at, place);
        }
    }

    fn pass(
        &mut self,
        name: &str,
        value: Option<&crate::core::rule::document::Node>,
        parameters: Option<&crate::core::rule::document::Node>,
        result: &Option<Keys>,
        scene: &mut Scene,
    ) -> Result<Option<Value>, String> {
        let value = match (value, parameters) {
            (Some(value), _) => literals(&value.to_json()),
            (None, Some(parameters)) => {
                Filled::of(parameters, &Source::Document(scene))?.to_value()?
            }
            // The document onto itself.
            (None, None) if result.as_ref().is_none_or(Vec::is_empty) => return Ok(None),
            (None, None) => return Err("it puts the whole document into a part of itself".into()),
        };
        // `set` takes a mapping with `jq` for a program.
        if value.get("jq").is_some() {
            return Err("its value has a key `jq`, which `set` reads as a program".into());
        }
        self.land(result, of_step(name, &[]), scene);
        Ok(Some(json!({ "name": name, "set": value })))
    }

    fn each(
        &mut self,
        name: &str,
        state: &'b State,
        items: &Word,
        each: &'b Definition,
        scene: &mut Scene,
    ) -> Result<Result<Option<Value>, String>, Obstacle> {
        let found =
            keys(&items.text).ok_or_else(|| format!("`{}` names more than one place", items.text));
        let path = found.and_then(|keys| scene.find(&keys));
        let path = path.and_then(|found| {
            found
                .as_path()
                .ok_or_else(|| format!("`{found}` cannot be written as a path"))
        });
        let path = match path {
            Ok(path) => path,
            Err(why) => return Ok(Err(why)),
        };
        self.items += 1;
        let item = match self.items {
            1 => "item".to_owned(),
            number => format!("item_{number}"),
        };
        let outer = std::mem::replace(&mut self.graph, Graph::new(each, self.whole.bundle));
        let filters = std::mem::replace(&mut self.filters, Filters::InRun);
        let circle = self.graph.circle();
        let written = match circle {
            Some(_) => Err(obstacle(
                state,
                "its rounds lead back to a state that ran before".into(),
            )),
            None => self.chain(
                &each.start_at.text,
                None,
                Scene::of_item(&item),
                Place::Outside,
            ),
        };
        self.graph = outer;
        self.filters = filters;
        let (mut flow, _) = written?;
        if flow.is_empty() {
            flow.push(json!({ "set": format!("{{{{ {item} }}}}") }));
        }
        if let Some(at) = result_of(state)? {
            scene.lose(
                &at,
                "what the rounds of a `Map` leave is a document of each, which steps do not have",
            );
        }
        Ok(Ok(Some(
            json!({ "name": name, "for_each": path, "as": item, "flow": flow }),
        )))
    }

    /// A choice of ways; where it goes on behind them.
    #[expect(
        clippy::too_many_arguments,
        reason = "what a choice stands in is all of this"
    )]
    fn choice(
        &mut self,
        state: &'b State,
        choices: &'b [Choice],
        default: Option<&'b Word>,
        stop: Option<&'b str>,
        scene: Scene,
        place: Place,
        list: &mut Vec<Value>,
    ) -> Result<Option<(&'b str, Scene)>, Obstacle> {
        plain_paths(state)?;
        let tests: Result<Vec<Clause>, String> = choices
            .iter()
            .map(|choice| clause(&choice.test, &scene))
            .collect();
        let tests = tests.map_err(|why| obstacle(state, why))?;
        self.note_of(choices);
        if let Some(next) = self.filter(state, choices, default, &tests, place, list) {
            return Ok(Some((next, scene)));
        }
        let mut ways: Vec<&'b str> = choices
            .iter()
            .map(|choice| choice.next.text.as_str())
            .collect();
        ways.extend(default.map(|default| default.text.as_str()));
        let join = self.graph.join(&ways, stop);
        let inner = match (join, place) {
            (None, Place::Outside) if stop.is_none() => Place::Outside,
            _ => Place::Inside,
        };
        let tests = tests.into_iter().map(Some).chain(default.map(|_| None));
        let mut branches = Vec::new();
        let before = (scene.clone(), self.names.clone());
        for (test, way) in tests.zip(ways) {
            let part = self.chain(way, join, scene.clone(), inner)?;
            branches.push((test, part));
        }
        if default.is_none() {
            let why = format!(
                "no choice of {} holds, and it has no default",
                state.name.text
            );
            branches.push((None, (vec![json!({ "fail": why })], End::Over)));
        }
        let name = self.name(&state.name.text);
        let (step, scene) = self.merged(&name, branches, join, before);
        list.push(step);
        Ok(join.map(|join| (join, scene)))
    }

    /// A choice that only lets through, as a guard or under the rule's `when`; where it goes on.
    fn filter(
        &mut self,
        state: &State,
        choices: &'b [Choice],
        default: Option<&'b Word>,
        tests: &[Clause],
        place: Place,
        list: &mut Vec<Value>,
    ) -> Option<&'b str> {
        let (first, default) = (choices.first()?, default?);
        let one_way = choices
            .iter()
            .all(|choice| choice.next.text == first.next.text);
        let any = Clause::any(tests.iter().cloned());
        let (clause, next) = match () {
            () if !one_way => return None,
            () if self.graph.ends_at_once(&default.text) => (any, &first.next.text),
            () if self.graph.ends_at_once(&first.next.text) && always_there(&any) => {
                (negated(any), &default.text)
            }
            () => return None,
        };
        let early =
            list.is_empty() && place == Place::Outside && self.filters == Filters::BeforeRun;
        if early && of_event(&clause) {
            self.whole.notes.insert(NO_RUN);
            self.when.push(clause);
        } else {
            self.whole.notes.insert(SKIPPED);
            let name = self.name(&state.name.text);
            list.push(json!({ "name": name, "when": clause.to_map() }));
        }
        // A guard ends the nearest flow, as the state did that it stands for.
        Some(next)
    }

    fn note_of(&mut self, choices: &[Choice]) {
        use crate::core::bundle::choice::{Comparison, Relation, Test};
        fn orders(test: &Test) -> bool {
            match test {
                Test::And(parts) | Test::Or(parts) => parts.iter().any(orders),
                Test::Not(part) => orders(part),
                Test::One { comparison, .. } => {
                    matches!(comparison, Comparison::Number(relation, _) if *relation != Relation::Equals)
                }
            }
        }
        if choices.iter().any(|choice| orders(&choice.test)) {
            let note =
                "a text that reads as a number is compared as one; ZIS compares numbers alone";
            self.whole.notes.insert(note);
        }
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

    /// A step with what runs when it failed; where it goes on.
    #[expect(
        clippy::too_many_arguments,
        reason = "what a failure stands in is all of this"
    )]
    fn caught(
        &mut self,
        state: &'b State,
        name: &str,
        mut step: Value,
        catch: &'b Catch,
        next: Option<&'b str>,
        (before, after): (Scene, Scene),
        stop: Option<&'b str>,
        place: Place,
        list: &mut Vec<Value>,
    ) -> Result<Option<(&'b str, Scene)>, Obstacle> {
        let mut failed = before;
        let at = spot_keys(state, catch.result.as_ref())?.unwrap_or(Some(Vec::new()));
        if let Some(at) = at {
            failed.put_failure(&at);
        }
        let target = catch.next.text.as_str();
        let ways: Vec<&'b str> = next.into_iter().chain([target]).collect();
        let join = match next {
            Some(_) => self.graph.join(&ways, stop),
            None => {
                stop.filter(|stop| self.graph.join(&[target, target], Some(stop)) == Some(stop))
            }
        };
        let inner = match (join, place) {
            (None, Place::Outside) => Place::Outside,
            _ => Place::Inside,
        };
        let (mut caught, end) = self.chain(target, join, failed, inner)?;
        let End::On(failed) = end else {
            if caught.is_empty() {
                caught.push(json!({ "succeed": catch.next.text }));
            }
            step["catch"] = json!(caught);
            list.push(step);
            if next.is_none() && place == Place::Inside {
                list.push(json!({ "succeed": state.name.text }));
            }
            return Ok(next.map(|next| (next, after)));
        };
        // What the caught way leaves is kept in the step's own result, which is all that is seen of it.
        let (kept, failed) = self.keep(name, failed, &after, join);
        caught.push(json!({ "set": { "caught": kept } }));
        step["catch"] = json!(caught);
        let succeeded = match step.get("http") {
            Some(_) => json!({ "exists": true }),
            None => json!({ "exists": false }),
        };
        let field = match step.get("http") {
            Some(_) => format!("steps.{name}.status"),
            None => format!("steps.{name}.caught"),
        };
        list.push(step);
        let (Some(join), test) = (join, Clause::Test(field, succeeded)) else {
            return Ok(None);
        };
        let before = (failed.clone(), self.names.clone());
        let part = match next {
            Some(next) => self.chain(next, Some(join), after, Place::Inside)?,
            None => (vec![json!({ "succeed": state.name.text })], End::Over),
        };
        if let (true, End::On(after)) = (part.0.is_empty(), &part.1) {
            let same = after.differing(&[&failed]);
            let reads = self.graph.reads(join);
            let needed = same
                .iter()
                .any(|place| reads.iter().any(|read| overlap(read, place)));
            if !needed {
                let scene = merge::both(after, &failed);
                return Ok(Some((join, scene)));
            }
        }
        let chosen = self.name(&format!("after_{name}"));
        let branches = vec![(Some(test), part), (None, (Vec::new(), End::On(failed)))];
        let (choose, scene) = self.merged(&chosen, branches, Some(join), before);
        list.push(choose);
        Ok(Some((join, scene)))
    }
}

fn overlap(read: &[Key], place: &[Key]) -> bool {
    read.starts_with(place) || place.starts_with(read)
}

fn text(node: &crate::core::rule::document::Node, scene: &Scene) -> Result<String, String> {
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

/// Paths that narrow the document are left alone.
fn plain_paths(state: &State) -> Result<(), Obstacle> {
    let narrow = |spot: &Option<Spot>| {
        let path = spot.as_ref().map(|spot| spot.path.as_deref());
        !matches!(path, None | Some(Some("$")))
    };
    match (narrow(&state.input), narrow(&state.output)) {
        (false, false) => Ok(()),
        (true, _) => Err(obstacle(state, "`InputPath` narrows what it sees".into())),
        (false, true) => Err(obstacle(
            state,
            "`OutputPath` narrows what follows sees".into(),
        )),
    }
}

/// Where its result goes; None for nowhere.
fn result_of(state: &State) -> Result<Option<Keys>, Obstacle> {
    Ok(spot_keys(state, state.result.as_ref())?.unwrap_or(Some(Vec::new())))
}

/// The outer None where nothing is written, the inner one where null is.
#[expect(clippy::type_complexity, reason = "named by its sentence")]
fn spot_keys(state: &State, spot: Option<&Spot>) -> Result<Option<Option<Keys>>, Obstacle> {
    let Some(spot) = spot else {
        return Ok(None);
    };
    let Some(path) = &spot.path else {
        return Ok(Some(None));
    };
    match keys(path) {
        Some(keys) => Ok(Some(Some(keys))),
        None => Err(obstacle(
            state,
            format!("`{path}` names more than one place"),
        )),
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

/// Whether a clause reads the event alone.
fn of_event(clause: &Clause) -> bool {
    let event = |path: &str| !path.starts_with("steps.") && !path.starts_with("error.");
    match clause {
        Clause::Always | Clause::Never => true,
        Clause::Test(path, test) => {
            event(path) && test.to_string().split("\"path\":\"").skip(1).all(event)
        }
        Clause::All(parts) | Clause::Any(parts) | Clause::None(parts) => parts.iter().all(of_event),
    }
}

/// Whether every field of a clause is in every event of the ticket, so that it is never missing.
fn always_there(clause: &Clause) -> bool {
    const FIELDS: [&str; 16] = [
        "ticket.id",
        "ticket.created_at",
        "ticket.updated_at",
        "ticket.type",
        "ticket.priority",
        "ticket.status",
        "ticket.requester_id",
        "ticket.submitter_id",
        "ticket.assignee_id",
        "ticket.organization_id",
        "ticket.group_id",
        "ticket.brand_id",
        "ticket.form_id",
        "ticket.external_id",
        "ticket.tags",
        "ticket.via.channel",
    ];
    match clause {
        Clause::Always | Clause::Never => true,
        Clause::Test(path, test) => {
            FIELDS.contains(&path.as_str())
                && test.get("path").is_none()
                && !test.to_string().contains("\"path\"")
        }
        Clause::All(parts) | Clause::Any(parts) | Clause::None(parts) => {
            parts.iter().all(always_there)
        }
    }
}
