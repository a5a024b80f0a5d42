//! Finds what can be written at a location of a bundle: the keys of a mapping, or the values of a key.
//! Reads half-written documents: where the type of a resource or state is absent, the keys of all types are possible.

use crate::bundle::ResourceKind;
use crate::bundle::TEMPLATE_VERSION;
use crate::bundle::choice::comparator::NAMES;
use crate::bundle::read::states::{TYPES, keys};
use crate::bundle::vocabulary::{
    ACTION, BUNDLE, CATCH, CHOICE, CHOICES, DEFINITION, FAIL, HTTP, JOB_SPEC, KeySet, MAP, PAIR,
    PASS, PROPERTIES, RESOURCE, SUCCEED, TEST, WAIT,
};
use crate::document::Node;

/// One step of the way from the root of a bundle: a key, or an item of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BundleStep<'k> {
    Key(&'k str),
    Item(usize),
}

/// What is at a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PartKind {
    Bundle,
    Resources,
    Resource,
    Properties(Option<ResourceKind>),
    /// The definition of a resource whose type is not known.
    AnyDefinition,
    Definition,
    Http,
    Pairs,
    Pair,
    States,
    State(Option<&'static str>),
    Catches,
    Catch,
    Choices,
    Choice,
    Tests,
    Test,
    /// The value of this key.
    Value(&'static str),
    Other,
}

/// A location in a bundle.
#[derive(Debug, Clone)]
pub struct BundlePart<'n> {
    kind: PartKind,
    node: Option<&'n Node>,
    root: Option<&'n Node>,
    /// The states around it, those of the innermost definition.
    states: Option<&'n Node>,
}

impl<'n> BundlePart<'n> {
    /// The location at the end of a path.
    pub fn at<'k>(root: Option<&'n Node>, path: impl IntoIterator<Item = BundleStep<'k>>) -> Self {
        let start = Self {
            kind: PartKind::Bundle,
            node: root,
            root,
            states: None,
        };
        path.into_iter().fold(start, Self::below)
    }

    fn below(self, step: BundleStep<'_>) -> Self {
        let node = self.node.and_then(|node| match step {
            BundleStep::Key(key) => node.get(key),
            BundleStep::Item(index) => node.as_list()?.get(index),
        });
        let kind = match step {
            BundleStep::Key(key) => self.key(key, node),
            BundleStep::Item(_) => self.item(),
        };
        let is_definition = matches!(self.kind, PartKind::Definition | PartKind::AnyDefinition);
        Self {
            kind,
            node,
            states: match is_definition {
                true => self.node.and_then(|node| node.get("States")),
                false => self.states,
            },
            ..self
        }
    }

    fn key(&self, key: &str, node: Option<&Node>) -> PartKind {
        let text = |key: &str, node: Option<&Node>| {
            let found = node.and_then(|node| node.get(key))?;
            found.scalar_text()
        };
        match (self.kind, key) {
            (PartKind::Bundle, "resources") => PartKind::Resources,
            (PartKind::Resources, _) => PartKind::Resource,
            (PartKind::Resource, "properties") => {
                let kind = text("type", self.node);
                PartKind::Properties(kind.and_then(|kind| ResourceKind::parse(&kind)))
            }
            (PartKind::Properties(kind), "definition") => match kind {
                Some(ResourceKind::Flow) => PartKind::Definition,
                Some(ResourceKind::Action) => PartKind::Http,
                Some(ResourceKind::JobSpec) => PartKind::Other,
                None => PartKind::AnyDefinition,
            },
            (PartKind::Http | PartKind::AnyDefinition, "headers" | "queryParams") => {
                PartKind::Pairs
            }
            (PartKind::Definition | PartKind::AnyDefinition, "States") => PartKind::States,
            (PartKind::States, _) => {
                let kind = text("Type", node);
                let known = TYPES.into_iter();
                PartKind::State(kind.and_then(|kind| known.clone().find(|known| **known == *kind)))
            }
            (PartKind::State(_), "Catch") => PartKind::Catches,
            (PartKind::State(_), "Choices") => PartKind::Choices,
            (PartKind::State(_), "Iterator") => PartKind::Definition,
            (PartKind::Choice | PartKind::Test, "And" | "Or") => PartKind::Tests,
            (PartKind::Choice | PartKind::Test, "Not") => PartKind::Test,
            (kind, key) => {
                let mut words = key_sets(kind).into_iter().flat_map(|set| set.words);
                let word = words.find(|word| **word == key);
                let comparison = NAMES.iter().find(|word| **word == key);
                match (word, comparison, kind) {
                    (Some(word), _, _) => PartKind::Value(word),
                    (None, Some(word), PartKind::Choice | PartKind::Test) => PartKind::Value(word),
                    _ => PartKind::Other,
                }
            }
        }
    }

    fn item(&self) -> PartKind {
        match self.kind {
            PartKind::Pairs => PartKind::Pair,
            PartKind::Catches => PartKind::Catch,
            PartKind::Choices => PartKind::Choice,
            PartKind::Tests => PartKind::Test,
            PartKind::Value("ErrorEquals") => PartKind::Value("ErrorEquals"),
            _ => PartKind::Other,
        }
    }

    /// The keys of the mapping here, each with what the mapping is.
    pub fn keys(&self) -> Vec<(&'static str, &'static str)> {
        let sets = key_sets(self.kind).into_iter();
        let mut keys: Vec<(&str, &str)> = Vec::new();
        let words = sets.flat_map(|set| set.words.iter().map(|word| (*word, set.name)));
        for (word, of) in words {
            if !keys.iter().any(|(known, _)| *known == word) {
                keys.push((word, of));
            }
        }
        if matches!(self.kind, PartKind::Choice | PartKind::Test) {
            keys.extend(NAMES.map(|name| (name, "a comparison")));
        }
        keys
    }

    /// The key whose value is here.
    pub fn value_of(&self) -> Option<&'static str> {
        match self.kind {
            PartKind::Value(key) => Some(key),
            _ => None,
        }
    }

    /// The values that are possible here, if they are known.
    pub fn values(&self) -> Vec<String> {
        let PartKind::Value(key) = self.kind else {
            return Vec::new();
        };
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        match key {
            "zis_template_version" => texts(&[TEMPLATE_VERSION]),
            "type" => ResourceKind::ALL
                .map(|kind| kind.as_str().to_owned())
                .into(),
            "Type" => texts(&TYPES),
            "StartAt" | "Next" | "Default" => self.state_names(),
            "End" | "BooleanEquals" | "IsPresent" | "IsNull" => texts(&["true", "false"]),
            "ErrorEquals" => texts(&["States.ALL"]),
            "ActionName" => self.resource_names(ResourceKind::Action, "action"),
            "flow_name" => self.resource_names(ResourceKind::Flow, "flow"),
            _ => Vec::new(),
        }
    }

    fn state_names(&self) -> Vec<String> {
        let states = self.states.and_then(Node::as_map).unwrap_or_default();
        states.iter().map(|entry| entry.key.clone()).collect()
    }

    /// The full names of the resources of a kind: `zis:INTEGRATION:flow:NAME`.
    fn resource_names(&self, kind: ResourceKind, word: &str) -> Vec<String> {
        let Some(root) = self.root else {
            return Vec::new();
        };
        let integration = ["integration", "name"].into_iter();
        let integration = integration
            .filter_map(|key| root.get(key)?.scalar_text())
            .next();
        let integration = integration.unwrap_or_else(|| "INTEGRATION".to_owned());
        let resources = root
            .get("resources")
            .and_then(Node::as_map)
            .unwrap_or_default();
        let of_kind = resources.iter().filter(|resource| {
            let found = resource.value.get("type").and_then(Node::as_text);
            found == Some(kind.as_str())
        });
        let names = of_kind.map(|resource| {
            let properties = resource.value.get("properties");
            let name = properties.and_then(|properties| properties.get("name")?.scalar_text());
            let name = name.unwrap_or_else(|| resource.key.clone());
            format!("zis:{integration}:{word}:{name}")
        });
        names.collect()
    }
}

/// The keys of a mapping; several sets if its type is not known.
fn key_sets(kind: PartKind) -> Vec<&'static KeySet> {
    match kind {
        PartKind::Bundle => vec![&BUNDLE],
        PartKind::Resource => vec![&RESOURCE],
        PartKind::Properties(Some(ResourceKind::JobSpec)) => vec![&JOB_SPEC],
        PartKind::Properties(Some(ResourceKind::Flow | ResourceKind::Action)) => vec![&PROPERTIES],
        PartKind::Properties(None) => vec![&PROPERTIES, &JOB_SPEC],
        PartKind::AnyDefinition => vec![&DEFINITION, &HTTP],
        PartKind::Definition => vec![&DEFINITION],
        PartKind::Http => vec![&HTTP],
        PartKind::Pair => vec![&PAIR],
        PartKind::State(Some(kind)) => vec![keys(kind)],
        PartKind::State(None) => vec![&ACTION, &CHOICES, &MAP, &WAIT, &PASS, &SUCCEED, &FAIL],
        PartKind::Catch => vec![&CATCH],
        PartKind::Choice => vec![&CHOICE],
        PartKind::Test => vec![&TEST],
        PartKind::Resources
        | PartKind::Pairs
        | PartKind::States
        | PartKind::Catches
        | PartKind::Choices
        | PartKind::Tests
        | PartKind::Value(_)
        | PartKind::Other => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Diagnostics, FileId};
    use crate::document::{DocumentText, read_chunk};

    const BUNDLE_TEXT: &str = r#"
name: desk
resources:
  job: { type: "ZIS::JobSpec", properties: {} }
  tell: { type: "ZIS::Action::Http", properties: { name: tell_desk, definition: { headers: [{}] } } }
  main:
    type: ZIS::Flow
    properties:
      definition:
        States:
          First: { Type: Action, Next: "", Catch: [{}] }
          Each: { Type: Map, Iterator: { States: { Inner: { Type: Choice, Choices: [{ And: [{}] }] } } } }
  new: {}
"#;

    fn bundle() -> Node {
        let chunk = DocumentText::new(BUNDLE_TEXT, 0..BUNDLE_TEXT.len(), 0);
        let root = read_chunk(FileId::default(), &chunk, &mut Diagnostics::default());
        root.expect("a document")
    }

    fn part<'n>(root: &'n Node, path: &str) -> BundlePart<'n> {
        let steps = path.split('/').filter(|step| !step.is_empty());
        let steps = steps.map(|step| match step.parse() {
            Ok(index) => BundleStep::Item(index),
            Err(_) => BundleStep::Key(step),
        });
        BundlePart::at(Some(root), steps)
    }

    #[test]
    fn every_mapping_has_its_keys() {
        let root = bundle();
        let keys = |path: &str| {
            let keys = part(&root, path).keys();
            keys.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
        };
        assert_eq!(keys(""), BUNDLE.words);
        assert!(keys("resources").is_empty());
        assert_eq!(keys("resources/job"), RESOURCE.words);
        assert_eq!(keys("resources/job/properties"), JOB_SPEC.words);
        assert_eq!(keys("resources/tell/properties"), PROPERTIES.words);
        assert_eq!(keys("resources/tell/properties/definition"), HTTP.words);
        assert_eq!(
            keys("resources/tell/properties/definition/headers/0"),
            PAIR.words
        );
        let flow = "resources/main/properties/definition";
        assert_eq!(keys(flow), DEFINITION.words);
        assert_eq!(keys(&format!("{flow}/States/First")), ACTION.words);
        assert_eq!(keys(&format!("{flow}/States/First/Catch/0")), CATCH.words);
        assert_eq!(
            keys(&format!("{flow}/States/Each/Iterator")),
            DEFINITION.words
        );
        let inner = format!("{flow}/States/Each/Iterator/States/Inner");
        let choice = keys(&format!("{inner}/Choices/0"));
        assert!(choice.contains(&"Next") && choice.contains(&"StringEquals"));
        let test = keys(&format!("{inner}/Choices/0/And/0"));
        assert!(!test.contains(&"Next") && test.contains(&"IsPresent"));
        // The types are not written yet.
        let unknown = keys("resources/new/properties");
        assert!(unknown.contains(&"event_type") && unknown.contains(&"definition"));
        let unknown = keys(&format!("{flow}/States/New"));
        assert!(unknown.contains(&"Seconds") && unknown.contains(&"Cause"));
    }

    #[test]
    fn values_come_from_the_language_and_from_the_bundle() {
        let root = bundle();
        let values = |path: &str| part(&root, path).values();
        assert_eq!(values("resources/new/type").len(), 3);
        assert_eq!(
            values("resources/job/properties/flow_name"),
            ["zis:desk:flow:main"]
        );
        let flow = "resources/main/properties/definition";
        assert_eq!(values(&format!("{flow}/StartAt")), ["First", "Each"]);
        assert_eq!(
            values(&format!("{flow}/States/First/Next")),
            ["First", "Each"]
        );
        assert_eq!(
            values(&format!("{flow}/States/First/ActionName")),
            ["zis:desk:action:tell_desk"]
        );
        let inner = format!("{flow}/States/Each/Iterator/States/Inner");
        assert_eq!(values(&format!("{inner}/Default")), ["Inner"]);
        assert_eq!(values(&format!("{inner}/Type")), TYPES);
        let method = "resources/tell/properties/definition/method";
        let key = part(&root, method).value_of();
        assert_eq!((key, values(method).len()), (Some("method"), 0));
    }
}
