//! Finds the rules that are subscribed to an event type: one index for each type name that rules use, and one
//! for each family. Rules of other types are never looked at.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use rustc_hash::FxHashMap;

use crate::config::mode::Mode;
use crate::event::catalogue::Catalogue;
use crate::event::catalogue::event_type::EventType;
use crate::event::format::DECODERS;
use crate::event::format::decoder::Decoder;
use crate::event::header::EventHeader;
use crate::event::type_pattern::TypePattern;
use crate::matching::extract::Extractor;
use crate::matching::index::RuleIndex;
use crate::rule::Rule;

#[derive(Debug, Default)]
pub struct Subscriptions {
    sources: FxHashMap<String, SourceSubscriptions>,
}

#[derive(Debug, Default)]
struct SourceSubscriptions {
    by_name: FxHashMap<String, Subscription>,
    families: FxHashMap<String, Subscription>,
    /// The lengths of the family names, so that a type is looked up by each of its prefixes.
    lengths: Vec<usize>,
}

/// The rules of one event type or family.
#[derive(Debug)]
pub struct Subscription {
    /// All of them, disabled ones included, in the order of the files.
    pub rules: Vec<u32>,
    pub index: RuleIndex,
    /// The types of the catalogue that this covers.
    types: Vec<String>,
    /// One for each format and known type, made for the first such event.
    extractions: Box<[OnceLock<Extractor>]>,
}

impl Subscriptions {
    pub fn new(rules: &[Arc<Rule>], catalogue: &Catalogue) -> Self {
        let mut listeners = Self::default();
        for (source, patterns) in gather(rules) {
            let mut of = SourceSubscriptions::default();
            for (pattern, numbers) in patterns {
                let types = known(source, pattern, catalogue);
                let subscription = Subscription::new(rules, numbers, types);
                match pattern {
                    TypePattern::Name(name) => of.by_name.insert(name.clone(), subscription),
                    TypePattern::Family(family) => {
                        of.lengths.push(family.len());
                        of.families.insert(family.clone(), subscription)
                    }
                };
            }
            of.lengths.sort_unstable();
            of.lengths.dedup();
            listeners.sources.insert(source.to_owned(), of);
        }
        listeners
    }

    /// All subscriptions to an event type. A rule may be in those of several families.
    pub fn matching<'l>(
        &'l self,
        source: &str,
        event_type: &'l str,
    ) -> impl Iterator<Item = &'l Subscription> {
        let of = self.sources.get(source);
        let named = of.and_then(|of| of.by_name.get(event_type));
        let families = of.into_iter().flat_map(move |of| {
            let beginnings = of.lengths.iter().filter_map(|len| event_type.get(..*len));
            beginnings.filter_map(|beginning| of.families.get(beginning))
        });
        named.into_iter().chain(families)
    }
}

type SubscribedPatterns<'r> = BTreeMap<&'r TypePattern, Vec<u32>>;

/// The numbers of the rules of each pattern. A type that a family of the same rule covers is left out.
fn gather(rules: &[Arc<Rule>]) -> BTreeMap<&str, SubscribedPatterns<'_>> {
    let mut sources: BTreeMap<&str, SubscribedPatterns<'_>> = BTreeMap::new();
    for (number, rule) in (0u32..).zip(rules) {
        let patterns = sources.entry(&rule.event_source).or_default();
        for pattern in rule
            .event_types
            .iter()
            .filter(|pattern| !is_covered(pattern, rule))
        {
            let numbers = patterns.entry(pattern).or_default();
            if numbers.last() != Some(&number) {
                numbers.push(number);
            }
        }
    }
    sources
}

fn is_covered(pattern: &TypePattern, rule: &Rule) -> bool {
    rule.event_types.iter().any(|other| match (pattern, other) {
        (TypePattern::Name(name), TypePattern::Family(_)) => other.covers(name),
        (TypePattern::Name(_) | TypePattern::Family(_), _) => false,
    })
}

fn known(source: &str, pattern: &TypePattern, catalogue: &Catalogue) -> Vec<String> {
    let types = catalogue.types();
    let covered = types.filter(|t| t.source == source && pattern.covers(&t.name));
    covered.map(|t| t.name.clone()).collect()
}

impl Subscription {
    fn new(rules: &[Arc<Rule>], numbers: Vec<u32>, types: Vec<String>) -> Self {
        let enabled = numbers
            .iter()
            .map(|number| (*number, &*rules[*number as usize]));
        let enabled: Vec<(u32, &Rule)> = enabled
            .filter(|(_, rule)| rule.mode != Mode::Disabled)
            .collect();
        let shapes = DECODERS.len() + 1;
        let extractions = (0..shapes * (types.len() + 1)).map(|_| OnceLock::new());
        Self {
            index: RuleIndex::new(&enabled),
            rules: numbers,
            types,
            extractions: extractions.collect(),
        }
    }

    /// How the values of the index are extracted from documents of this format and type.
    pub fn extraction(&self, head: &EventHeader<'_>) -> &Extractor {
        let (decoder, known) = (head.format.decoder(), head.named.known);
        let index = self.format_index(decoder) * (self.types.len() + 1) + self.known(known);
        self.extractions[index].get_or_init(|| {
            let known = known.filter(|known| self.types.contains(&known.name));
            Extractor::new(self.index.paths(), decoder, known)
        })
    }

    fn format_index(&self, decoder: Option<&'static Decoder>) -> usize {
        let mut shapes = DECODERS.iter();
        decoder
            .and_then(|decoder| shapes.position(|known| std::ptr::eq(*known, decoder)))
            .unwrap_or(DECODERS.len())
    }

    fn known(&self, known: Option<&EventType>) -> usize {
        known
            .and_then(|known| self.types.iter().position(|name| *name == known.name))
            .unwrap_or(self.types.len())
    }
}
