//! Suggestions for unknown words, from `suggestions.json` or the most similar known word.
//! `suggestions.json` has the terms for words of other tools.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;
use serde::Deserialize;

use crate::document::vocabulary::{Support, Vocabulary};
use crate::document::{Entry, Node, Yaml};
use crate::lookalike;

static SYNONYMS: LazyLock<Synonyms> = LazyLock::new(|| {
    serde_json::from_str(include_str!("suggestions.json")).expect("`suggestions.json` is valid")
});

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Synonyms {
    /// Lists of words that several suggestions share, by name.
    groups: FxHashMap<String, Vec<String>>,
    operators: SuggestionTable,
    /// Keys of any mapping.
    keys: SuggestionTable,
    fields: SuggestionTable,
    sources: SuggestionTable,
    /// Keys of Amazon's States Language and similar languages, in bundles.
    bundle_keys: SuggestionTable,
    jq_names: SuggestionTable,
    template_filters: SuggestionTable,
    /// Functions and methods of other template languages.
    template_functions: SuggestionTable,
    template_tests: SuggestionTable,
    /// Statements of other template languages: `{% assign … %}`.
    template_statements: SuggestionTable,
    /// Operators of other languages in an expression that cannot be read.
    template_spellings: SuggestionTable,
    /// Names of events of other systems, by the type without its family.
    event_types: SuggestionTable,
    /// Environment variables without the prefix `FLOWTRIGGER_`.
    environment: SuggestionTable,
    /// Keys of one mapping, by the name of its vocabulary: what `window` means depends on the mapping.
    mappings: FxHashMap<String, SuggestionTable>,
}

/// Suggestions in order; the first one that lists the word applies.
type SuggestionTable = Vec<Suggestion>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Suggestion {
    words: SynonymList,
    help: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum SynonymList {
    Group(String),
    List(Vec<String>),
}

/// Returns what to write instead of the word.
fn find(table: &'static [Suggestion], word: &str) -> Option<&'static str> {
    let suggestion = table.iter().find(|suggestion| {
        let words = match &suggestion.words {
            SynonymList::Group(name) => &SYNONYMS.groups[name],
            SynonymList::List(words) => words,
        };
        words.iter().any(|known| known == word)
    });
    suggestion.map(|suggestion| suggestion.help.as_str())
}

fn look_up(table: &'static [Suggestion], word: &str) -> Option<String> {
    find(table, word).map(str::to_owned)
}

pub fn for_operator<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    look_up(&SYNONYMS.operators, word).or_else(|| did_you_mean(nearest(word, known)))
}

pub fn for_key(word: &str, words: &Vocabulary) -> Option<String> {
    let own = SYNONYMS.mappings.get(words.name);
    if let Some(meant) = own.and_then(|table| look_up(table, word)) {
        return Some(meant);
    }
    let built = words.words.iter().filter(|w| w.built == Support::Supported);
    let near = nearest(word, built.map(|w| w.name));
    // A typing error in a key of this mapping is more likely than a word of another tool.
    let typo = |near: &&str| strsim::damerau_levenshtein(word, near) <= 2.min(near.len() / 2);
    if let Some(near) = near.filter(typo) {
        return Some(format!("did you mean `{near}`?"));
    }
    look_up(&SYNONYMS.keys, word).or_else(|| did_you_mean(near))
}

/// Returns the mapping with its misspelt keys as they are meant, so that what follows from a reported key is not
/// reported again; `None` if no key is misspelt.
pub fn meant(node: &Node, words: &Vocabulary) -> Option<Node> {
    let Yaml::Map(entries) = &node.value else {
        return None;
    };
    let known = |entry: &Entry| words.get(&entry.key).is_some();
    let meant = |entry: &Entry| {
        if known(entry) {
            return None;
        }
        let help = for_key(&entry.key, words)?;
        let mut names = words.words.iter().map(|word| word.name);
        let name = names.find(|name| help == format!("did you mean `{name}`?"))?;
        node.get(name).is_none().then(|| Entry {
            key: name.to_owned(),
            ..entry.clone()
        })
    };
    if !entries.iter().any(|entry| meant(entry).is_some()) {
        return None;
    }
    let entries = entries.iter();
    let entries = entries.map(|entry| meant(entry).unwrap_or_else(|| entry.clone()));
    Some(Node {
        value: Yaml::Map(entries.collect()),
        ..node.clone()
    })
}

/// Returns what to write instead of a word in a mapping, by the name of its vocabulary.
pub fn in_mapping(word: &str, mapping: &str) -> Option<String> {
    look_up(SYNONYMS.mappings.get(mapping)?, word)
}

pub fn for_field(dotted: &str) -> Option<String> {
    for envelope in [
        "input.ticket_event.",
        "ticket_event.",
        "detail.ticket_event.",
    ] {
        if let Some(inside) = dotted.strip_prefix(envelope) {
            return Some(format!(
                "paths start inside `ticket_event`: write `{inside}`"
            ));
        }
    }
    if let Some(name) = dotted.strip_prefix("secrets.") {
        return Some(format!("write `secret.{name}`"));
    }
    if let Some(name) = dotted.strip_prefix("env.") {
        return Some(format!(
            "templates cannot read the environment: define `vars.{name}`, which `FLOWTRIGGER_VARS_{}` overrides, or write `secret.{name}`",
            name.to_uppercase()
        ));
    }
    let custom = ["ticket.custom_fields.", "custom_fields.", "ticket.fields."];
    let meant = match custom.iter().any(|list| dotted.starts_with(list)) {
        true => "ticket.custom_fields",
        false => dotted,
    };
    look_up(&SYNONYMS.fields, meant)
}

pub fn for_source<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    look_up(&SYNONYMS.sources, word).or_else(|| did_you_mean(nearest(word, known)))
}

pub fn for_bundle_key(key: &str) -> Option<&'static str> {
    find(&SYNONYMS.bundle_keys, key)
}

/// Returns what to write instead of a function, filter or literal in a jq program.
pub fn for_jq_name(name: &str) -> Option<&'static str> {
    find(&SYNONYMS.jq_names, name)
}

pub fn for_template_filter(name: &str) -> Option<&'static str> {
    find(&SYNONYMS.template_filters, name)
}

/// Returns what to write instead of a function or method of a template.
pub fn for_template_function(name: &str) -> Option<&'static str> {
    find(&SYNONYMS.template_functions, name)
}

pub fn for_template_test(name: &str) -> Option<&'static str> {
    find(&SYNONYMS.template_tests, name)
}

pub fn for_template_statement(name: &str) -> Option<&'static str> {
    find(&SYNONYMS.template_statements, name)
}

/// Returns what to write instead of the first operator of another language in an expression.
pub fn for_template_spelling(expression: &str) -> Option<&'static str> {
    let found = SYNONYMS.template_spellings.iter().find(|suggestion| {
        let words = match &suggestion.words {
            SynonymList::Group(name) => &SYNONYMS.groups[name],
            SynonymList::List(words) => words,
        };
        words.iter().any(|word| expression.contains(word.as_str()))
    });
    found.map(|suggestion| suggestion.help.as_str())
}

/// Returns the event type for a name of another system, such as `ticket.solved`.
pub fn for_event_type(name: &str) -> Option<&'static str> {
    find(&SYNONYMS.event_types, &name.to_lowercase())
}

/// Returns the setting for an environment variable, without the prefix `FLOWTRIGGER_`.
pub fn for_environment(variable: &str) -> Option<&'static str> {
    find(&SYNONYMS.environment, variable)
}

/// Returns the known word that is most similar to a word, if any is similar enough.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = lookalike::latin(word).to_lowercase();
    known
        .map(|candidate| {
            (
                strsim::jaro_winkler(&lower, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// Whether two words differ by one or two letters.
pub fn is_misspelt(word: &str, known: &str) -> bool {
    strsim::damerau_levenshtein(word, known) <= 2
}

/// Whether two words differ by one letter that is wrong, missing, too many or swapped with the next one.
pub fn is_one_letter_apart(word: &str, known: &str) -> bool {
    word.chars().count().abs_diff(known.chars().count()) <= 1
        && strsim::damerau_levenshtein(word, known) == 1
}

fn did_you_mean(word: Option<&str>) -> Option<String> {
    word.map(|word| format!("did you mean `{word}`?"))
}

/// Whether the key means in other tools what `on_failure` means in a `for_each` step.
pub fn means_on_failure(key: &str) -> bool {
    SYNONYMS.groups["on_failure"].iter().any(|word| word == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_that_a_suggestion_names_exists() {
        let common = [
            &SYNONYMS.operators,
            &SYNONYMS.keys,
            &SYNONYMS.fields,
            &SYNONYMS.sources,
            &SYNONYMS.bundle_keys,
            &SYNONYMS.jq_names,
            &SYNONYMS.template_filters,
            &SYNONYMS.template_functions,
            &SYNONYMS.template_tests,
            &SYNONYMS.template_statements,
            &SYNONYMS.template_spellings,
            &SYNONYMS.event_types,
            &SYNONYMS.environment,
        ];
        let tables = SYNONYMS.mappings.values().chain(common);
        for suggestion in tables.flatten() {
            if let SynonymList::Group(name) = &suggestion.words {
                assert!(SYNONYMS.groups.contains_key(name), "{name}");
            }
        }
        assert!(means_on_failure("continue_on_error") && !means_on_failure("catch"));
    }
}
