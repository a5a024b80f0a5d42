//! Finds the rules that are subscribed to an event type: one index for each type name that rules use, and one
//! for each family. Rules of other types are never looked at.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use rustc_hash::FxHashMap;

use crate::config::mode::Mode;
use crate::event::catalogue::Catalogue;
use crate::event::format::DECODERS;
use crate::event::format::decoder::Decoder;
use crate::event::header::EventHeader;
use crate::event::type_pattern::TypePattern;
use crate::matching::extract::Extractor;
use crate::matching::index::RuleIndex;
use crate::rule::Rule;

#[derive(Debug, Default)]
pub struct Subscriptions {
    all: Vec<Subscription>,
    /// By the number of a type of the catalogue.
    of_types: Vec<Vec<TypeSubscription>>,
    sources: FxHashMap<String, SourceSubscriptions>,
}

/// A subscription that covers a type of the catalogue.
#[derive(Debug, Clone, Copy)]
struct TypeSubscription {
    /// The index of the subscription.
    subscription: usize,
    /// The place of the type among those that it covers.
    place: usize,
}

/// By name and family, the indexes of subscriptions.
#[derive(Debug, Default)]
struct SourceSubscriptions {
    by_name: FxHashMap<String, usize>,
    families: FxHashMap<String, usize>,
    /// The lengths of the family names, so that a type is looked up by each of its prefixes.
    lengths: Vec<usize>,
}

/// The rules of one event type or family.
#[derive(Debug)]
pub struct Subscription {
    /// All of them, disabled ones included, in the order of the files.
    pub rules: Vec<u32>,
    pub index: RuleIndex,
    /// The numbers of the types of the catalogue that this covers.
    types: Vec<usize>,
    /// One for each format and known type, made for the first such event.
    extractions: Box<[OnceLock<Extractor>]>,
}

impl Subscriptions {
    pub fn new(rules: &[Arc<Rule>], catalogue: &Catalogue) -> Self {
        let mut listeners = Self {
            of_types: catalogue.types().map(|_| Vec::new()).collect(),
            ..Self::default()
        };
        for (source, patterns) in gather(rules) {
            let mut of = SourceSubscriptions::default();
            for (pattern, numbers) in patterns {
                let types = known(source, pattern, catalogue);
                let subscription = listeners.all.len();
                for (place, number) in types.iter().enumerate() {
                    listeners.of_types[*number].push(TypeSubscription {
                        subscription,
                        place,
                    });
                }
                listeners.all.push(Subscription::new(rules, numbers, types));
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
        let indexes = named.into_iter().chain(families);
        indexes.map(|index| &self.all[*index])
    }

    /// Calls `read` with each subscription to the type of an event, and how its values are extracted.
    #[inline]
    pub fn for_each_of(
        &self,
        head: &EventHeader<'_>,
        mut read: impl FnMut(&Subscription, &Extractor),
    ) {
        let known = head.named.known.filter(|known| known.source == head.source);
        if let Some(known) = known {
            for of in self.of_types.get(known.number).into_iter().flatten() {
                let subscription = &self.all[of.subscription];
                read(subscription, subscription.extraction(head, Some(of.place)));
            }
            return;
        }
        for subscription in self.matching(head.source, &head.named.name) {
            let place = head.named.known.and_then(|known| {
                let mut types = subscription.types.iter();
                types.position(|number| *number == known.number)
            });
            read(subscription, subscription.extraction(head, place));
        }
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

fn known(source: &str, pattern: &TypePattern, catalogue: &Catalogue) -> Vec<usize> {
    let types = catalogue.types();
    let covered = types.filter(|t| t.source == source && pattern.covers(&t.name));
    covered.map(|t| t.number).collect()
}

impl Subscription {
    fn new(rules: &[Arc<Rule>], numbers: Vec<u32>, types: Vec<usize>) -> Self {
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

    /// How the values of the index are extracted from documents of this format and type. `place` is the place of
    /// the type among those that this covers.
    #[inline]
    fn extraction(&self, head: &EventHeader<'_>, place: Option<usize>) -> &Extractor {
        let decoder = head.format.decoder();
        let of_type = place.unwrap_or(self.types.len());
        let index = self.format_index(decoder) * (self.types.len() + 1) + of_type;
        self.extractions[index].get_or_init(|| {
            let known = head.named.known.filter(|_| place.is_some());
            Extractor::new(self.index.paths(), decoder, known)
        })
    }

    fn format_index(&self, decoder: Option<&'static Decoder>) -> usize {
        let mut shapes = DECODERS.iter();
        decoder
            .and_then(|decoder| shapes.position(|known| std::ptr::eq(*known, decoder)))
            .unwrap_or(DECODERS.len())
    }
}
