//! Parses a file of rules with only the YAML library, as the baseline for loading.
//! The options are those of flowtrigger.

use std::fmt;

use serde::de::{self, Deserialize, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_yaml::{DuplicateKeyPolicy, Options, Spanned};

/// Parses all documents in one call.
pub fn whole(text: &str) -> Result<Vec<Value>, String> {
    serde_yaml::from_multiple_with_options(text, options(text.len()))
        .map_err(|error| error.to_string())
}

/// Parses one document after another; drops each before the next.
pub fn values(text: &str) -> Result<usize, String> {
    each(text, |document| {
        let value: Value = serde_yaml::from_str_with_options(document, options(document.len()))
            .map_err(|error| error.to_string())?;
        Ok(usize::from(value.is_object()))
    })
}

/// Parses one document after another to a tree with positions.
pub fn tree(text: &str) -> Result<usize, String> {
    each(text, |document| {
        let tree: Spanned<Tree> =
            serde_yaml::from_str_with_options(document, options(document.len()))
                .map_err(|error| error.to_string())?;
        Ok(tree.value.nodes())
    })
}

fn each(text: &str, read: impl Fn(&str) -> Result<usize, String>) -> Result<usize, String> {
    let documents = text.split("---\n").filter(|document| !document.is_empty());
    documents.map(read).sum()
}

fn options(len: usize) -> Options {
    let budget = serde_yaml::budget! {
        max_documents: usize::MAX,
        max_nodes: len.max(20_000),
        max_events: len.max(20_000).saturating_mul(4),
        max_aliases: 64,
        max_depth: 48,
        max_total_scalar_bytes: len.max(1 << 20).saturating_mul(2),
    };
    serde_yaml::options! {
        budget: budget,
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    }
}

/// The minimal tree with positions.
enum Tree {
    Scalar(Value),
    List(Vec<Spanned<Tree>>),
    Map(Vec<(Spanned<Tree>, Spanned<Tree>)>),
}

impl Tree {
    fn nodes(&self) -> usize {
        match self {
            Self::Scalar(value) => usize::from(!value.is_null()),
            Self::List(items) => items.iter().map(|item| item.value.nodes()).sum(),
            Self::Map(entries) => entries
                .iter()
                .map(|(key, value)| key.value.nodes() + value.value.nodes())
                .sum(),
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Tree, E> {
        Ok(Tree::Scalar(truth.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Tree, E> {
        Ok(Tree::Scalar(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
        Ok(Tree::Scalar(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Tree, E> {
        Ok(Tree::Scalar(number.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Scalar(text.into()))
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Tree::Map(entries))
    }
}
