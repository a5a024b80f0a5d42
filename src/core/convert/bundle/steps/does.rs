//! What a state does, as a step: requests, jq, settings, values, lists.
//! It refuses what only ZIS keeps: settings that are written, and links.

use serde_json::{Map, Value, json};

use super::landing::result_of;
use super::{Filters, Obstacle, Place, Writer, obstacle};
use crate::core::bundle::state::{Definition, State};
use crate::core::bundle::{FullName, Word};
use crate::core::convert::bundle::filled::{Filled, Source, literals};
use crate::core::convert::bundle::graph::Graph;
use crate::core::convert::bundle::request;
use crate::core::convert::bundle::scene::{Key, Keys, Scene, keys, of_step};
use crate::core::convert::naming::slug;
use crate::core::rule::document::Node;

impl<'b> Writer<'b, '_> {
    /// The step of an action; none where it only reads settings.
    pub(super) fn action(
        &mut self,
        name: &str,
        action: &Word,
        parameters: Option<&Node>,
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

    pub(super) fn pass(
        &mut self,
        name: &str,
        value: Option<&Node>,
        parameters: Option<&Node>,
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

    pub(super) fn each(
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
}
