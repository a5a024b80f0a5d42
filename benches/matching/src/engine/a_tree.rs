//! The `a-tree` crate: a tree of shared expressions over typed attributes.
//! There is one tree for all rules, or one for each event type. It does not support prefixes and patterns;
//! they are checked afterwards.

use std::collections::{BTreeMap, HashMap};

use a_tree::{ATree, AttributeDefinition, EventBuilder};
use serde_json::Value;

use super::{Afterwards, Engine, Input, body};
use crate::rule::{Predicate, Rule, Test};

const TYPE: &str = "event_type";

/// One instance for all rules; the event type is an attribute like any other.
pub struct Whole<'a> {
    tree: Tree,
    afterwards: Afterwards<'a>,
}

impl<'a> Whole<'a> {
    pub fn build(input: &Input<'a>) -> Result<Self, String> {
        let rules: Vec<_> = (0..).zip(input.rules).collect();
        Ok(Self {
            tree: Tree::build(&rules, input)?,
            afterwards: Afterwards::new(input.rules, takes),
        })
    }
}

impl Engine for Whole<'_> {
    fn matches(&mut self, event: &[u8], out: &mut Vec<u32>) {
        let event: Value = serde_json::from_slice(event).expect("the samples are JSON");
        self.tree.ask(body(&event), &self.afterwards, out);
    }
}

/// One instance for each event type.
pub struct ByType<'a> {
    trees: HashMap<&'static str, Tree>,
    afterwards: Afterwards<'a>,
}

impl<'a> ByType<'a> {
    pub fn build(input: &Input<'a>) -> Result<Self, String> {
        let mut by_type: HashMap<_, Vec<_>> = HashMap::new();
        for (number, rule) in (0..).zip(input.rules) {
            let rules = by_type.entry(rule.event_type.display).or_default();
            rules.push((number, rule));
        }
        let trees = by_type
            .into_iter()
            .map(|(name, rules)| Ok((name, Tree::build(&rules, input)?)));
        Ok(Self {
            trees: trees.collect::<Result<_, String>>()?,
            afterwards: Afterwards::new(input.rules, takes),
        })
    }
}

impl Engine for ByType<'_> {
    fn matches(&mut self, event: &[u8], out: &mut Vec<u32>) {
        let tree = super::quamina::type_name(event).and_then(|name| self.trees.get(name));
        let Some(tree) = tree else { return };
        let event: Value = serde_json::from_slice(event).expect("the samples are JSON");
        tree.ask(body(&event), &self.afterwards, out);
    }
}

struct Tree {
    tree: ATree<u32>,
    attributes: BTreeMap<String, Attribute>,
}

/// A path as an attribute. Attributes are typed, so one path may be several attributes.
struct Attribute {
    keys: Vec<&'static str>,
    sort: Sort,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Text,
    Number,
    Truth,
    Texts,
    /// Whether the key is present.
    There,
}

impl Tree {
    fn build(rules: &[(u32, &Rule)], input: &Input<'_>) -> Result<Self, String> {
        let mut attributes = BTreeMap::new();
        attributes.insert(
            TYPE.to_owned(),
            Attribute {
                keys: vec!["type"],
                sort: Sort::Text,
            },
        );
        for predicate in rules.iter().flat_map(|(_, rule)| rule.flat()) {
            if let Some(sort) = sort(&predicate.test) {
                let keys = predicate.path.split('.').collect();
                attributes.insert(name(predicate.path, sort), Attribute { keys, sort });
            }
        }
        let definitions: Vec<_> = attributes
            .iter()
            .map(|(name, attribute)| definition(name, attribute.sort))
            .collect();
        let mut tree = ATree::new(&definitions).map_err(|error| error.to_string())?;
        for (number, rule) in rules {
            if number % 64 == 0 {
                input.deadline.check()?;
            }
            let expression = expression(rule);
            tree.insert(number, &expression)
                .map_err(|error| format!("{error}: {expression}"))?;
        }
        Ok(Self { tree, attributes })
    }

    fn ask(&self, body: &Value, afterwards: &Afterwards<'_>, out: &mut Vec<u32>) {
        let mut event = self.tree.make_event();
        for (name, attribute) in &self.attributes {
            attribute.fill(name, body, &mut event);
        }
        let event = event.build().expect("what is not set is undefined");
        let report = self
            .tree
            .search(&event)
            .expect("the event is the tree's own");
        let found = report.matches().iter().map(|number| **number);
        out.extend(
            found
                .filter(|&number| !afterwards.is_open(number) || afterwards.confirms(number, body)),
        );
    }
}

impl Attribute {
    fn fill(&self, name: &str, body: &Value, event: &mut EventBuilder<'_>) {
        let mut keys = self.keys.iter();
        let value = keys.try_fold(body, |value, key| value.get(key));
        let set = match (self.sort, value) {
            (Sort::There, value) => event.with_boolean(name, value.is_some()),
            (Sort::Text, Some(Value::String(text))) => event.with_string(name, text),
            (Sort::Truth, Some(Value::Bool(truth))) => event.with_boolean(name, *truth),
            (Sort::Texts, Some(Value::Array(items))) => {
                let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                event.with_string_list(name, &texts)
            }
            (Sort::Number, Some(Value::Number(number))) => match number.as_i64() {
                Some(number) => event.with_integer(name, number),
                None => Ok(()),
            },
            (Sort::Text | Sort::Number | Sort::Truth | Sort::Texts, _) => Ok(()),
        };
        set.expect("the attribute is defined with this type");
    }
}

fn definition(name: &str, sort: Sort) -> AttributeDefinition {
    match sort {
        Sort::Text => AttributeDefinition::string(name),
        Sort::Number => AttributeDefinition::integer(name),
        Sort::Truth | Sort::There => AttributeDefinition::boolean(name),
        Sort::Texts => AttributeDefinition::string_list(name),
    }
}

fn takes(test: &Test) -> bool {
    sort(test).is_some()
}

/// Returns the attribute type for a predicate; `None` if the tree does not support it.
fn sort(test: &Test) -> Option<Sort> {
    match test {
        Test::Is(value) => Some(sort_of(value)),
        Test::OneOf(values) => values.first().map(sort_of),
        Test::Has(_) => Some(Sort::Texts),
        Test::Below(_) | Test::AtLeast(_) | Test::Between(..) => Some(Sort::Number),
        Test::Exists => Some(Sort::There),
        Test::StartsWith(_) | Test::Matches(_) | Test::Contains(_) | Test::Not(_) => None,
    }
}

fn sort_of(value: &Value) -> Sort {
    match value {
        Value::Bool(_) => Sort::Truth,
        Value::Number(_) => Sort::Number,
        Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => Sort::Text,
    }
}

fn name(path: &str, sort: Sort) -> String {
    let suffix = match sort {
        Sort::Text => "text",
        Sort::Number => "number",
        Sort::Truth => "truth",
        Sort::Texts => "texts",
        Sort::There => "there",
    };
    format!("{}_{suffix}", path.replace('.', "_"))
}

fn expression(rule: &Rule) -> String {
    let mut all = vec![format!("{TYPE} = '{}'", rule.event_type.display)];
    all.extend(rule.flat().filter_map(comparison));
    all.join(" and ")
}

fn comparison(predicate: &Predicate) -> Option<String> {
    let name = name(predicate.path, sort(&predicate.test)?);
    Some(match &predicate.test {
        Test::Is(Value::Bool(true)) | Test::Exists => name,
        Test::Is(Value::Bool(false)) => format!("not {name}"),
        Test::Is(value) => format!("{name} = {}", literal(value)),
        Test::OneOf(values) => {
            let values: Vec<String> = values.iter().map(literal).collect();
            format!("{name} in [{}]", values.join(", "))
        }
        Test::Has(tags) => {
            let tags: Vec<String> = tags.iter().map(|tag| format!("'{tag}'")).collect();
            format!("{name} one of [{}]", tags.join(", "))
        }
        Test::Below(end) => format!("{name} < {end}"),
        Test::AtLeast(start) => format!("{name} >= {start}"),
        Test::Between(low, high) => format!("{name} >= {low} and {name} <= {high}"),
        Test::StartsWith(_) | Test::Matches(_) | Test::Contains(_) | Test::Not(_) => return None,
    })
}

fn literal(value: &Value) -> String {
    match value.as_str() {
        Some(text) => format!("'{text}'"),
        None => value.to_string(),
    }
}
