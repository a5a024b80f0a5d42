//! Finds the candidate rules for the value at one path by all keys but equality, which `value_table` looks up. A
//! candidate is still to be tested; a rule that neither finds cannot match.

use jiff::tz::TimeZone;
use rustc_hash::FxHashMap;

use crate::event::json::tape::JsonKind;
use crate::event::json::value_ref::ValueRef;
use crate::event::time::{read_time, time_of};
use crate::language::operator::equality::fold_into;
use crate::language::operator::time::milliseconds;
use crate::matching::index::fast_check::ValueDigest;
use crate::matching::index::interval_tree::IntervalTree;
use crate::matching::index::posting::PostingRange;
use crate::matching::index::prefix_table::PrefixTable;
use crate::matching::index::scratch::{Buffers, VisitedSet};
use crate::matching::index::substring_table::Substrings;
use crate::matching::index::value_table::{ValueNumber, ValueTable, push};

/// The rules that the value at a path can match other than by being equal to one that they compare with.
#[derive(Debug, Default)]
pub struct PathTable {
    /// Whether there are such rules.
    pub has_other_keys: bool,
    pub(super) absent: PostingRange,
    pub(super) existing: PostingRange,
    pub(super) present: PostingRange,
    pub(super) numbers: IntervalTree,
    pub(super) instants: Option<Box<IntervalTree>>,
    pub(super) texts: Option<Box<TextTables>>,
    /// Of case-folded texts.
    pub(super) folded: Option<Box<TextTables>>,
    pub(super) alike: AlikeValues,
    /// Of elements, if a rule compares with the elements of a list.
    pub(super) alike_elements: Option<Box<AlikeValues>>,
}

/// The keys that several values share.
#[derive(Debug, Default)]
pub struct AlikeValues {
    pub(super) list: PostingRange,
    pub(super) object: PostingRange,
    /// By text in lower case.
    pub(super) folded: Option<Box<FxHashMap<Box<str>, PostingRange>>>,
}

/// By parts of a text.
#[derive(Debug, Default)]
pub struct TextTables {
    pub(super) starts: PrefixTable,
    /// Reversed, for suffixes.
    pub(super) ends: PrefixTable,
    pub(super) anywhere: Substrings,
}

impl AlikeValues {
    fn of_kind(&self, kind: JsonKind) -> PostingRange {
        match kind {
            JsonKind::List => self.list,
            JsonKind::Object => self.object,
            JsonKind::Null | JsonKind::Bool | JsonKind::Number | JsonKind::Text => {
                PostingRange::default()
            }
        }
    }

    fn has_containers(&self) -> bool {
        !self.list.is_empty() || !self.object.is_empty()
    }

    fn find_folded(&self, text: &str) -> PostingRange {
        let span = self.folded.as_ref().and_then(|folded| folded.get(text));
        span.copied().unwrap_or_default()
    }
}

impl PathTable {
    /// Adds the rules that the value leads to. `values` is where its digest comes from, and `elements` are those
    /// of all digests.
    pub fn find(
        &self,
        values: &ValueTable,
        datum: Option<ValueRef<'_>>,
        digest: &ValueDigest,
        elements: &[ValueNumber],
        buffers: &mut Buffers,
        found: &mut Vec<PostingRange>,
    ) {
        let Some(datum) = datum else {
            return push(self.absent, found);
        };
        push(self.existing, found);
        if !digest.empty {
            push(self.present, found);
        }
        if !digest.number.is_nan() && !self.numbers.is_empty() {
            self.numbers.find(digest.number, found);
        }
        match datum.kind() {
            JsonKind::Null | JsonKind::Bool => {}
            JsonKind::Number => {
                if let Some(instants) = &self.instants
                    && let Some(at) = time_of(datum, &TimeZone::UTC)
                {
                    instants.find(milliseconds(at), found);
                }
            }
            JsonKind::Text if self.reads_texts() => {
                let text = datum.text().expect("a text has its text");
                self.find_text(&text, buffers, found);
            }
            JsonKind::Text => {}
            JsonKind::Object => push(self.alike.object, found),
            JsonKind::List => {
                push(self.alike.list, found);
                let numbers = digest.elements(elements);
                self.find_elements(values, datum, numbers, buffers, found);
            }
        }
    }

    /// Whether a key looks into texts, or reads them as times.
    fn reads_texts(&self) -> bool {
        let has_parts = self.texts.is_some() || self.folded.is_some();
        has_parts || self.instants.is_some() || self.alike.folded.is_some()
    }

    /// The value of `has_other_keys`.
    pub(super) fn finds_by_other_keys(&self) -> bool {
        let ranges = [self.absent, self.existing, self.present];
        ranges.iter().any(|range| !range.is_empty())
            || !self.numbers.is_empty()
            || self.reads_texts()
            || self.alike.has_containers()
            || self.alike_elements.is_some()
    }

    fn find_text(&self, text: &str, buffers: &mut Buffers, found: &mut Vec<PostingRange>) {
        if let Some(instants) = &self.instants
            && let Some(at) = read_time(text, &TimeZone::UTC)
        {
            instants.find(milliseconds(at), found);
        }
        let Buffers {
            folded,
            reversed,
            seen,
        } = buffers;
        if let Some(texts) = &self.texts {
            texts.find(text.as_bytes(), reversed, seen, found);
        }
        if self.alike.folded.is_some() || self.folded.is_some() {
            fold_into(text, folded);
            push(self.alike.find_folded(folded), found);
            if let Some(texts) = &self.folded {
                texts.find(folded.as_bytes(), reversed, seen, found);
            }
        }
    }

    fn find_elements(
        &self,
        values: &ValueTable,
        datum: ValueRef<'_>,
        numbers: &[ValueNumber],
        buffers: &mut Buffers,
        found: &mut Vec<PostingRange>,
    ) {
        let Some(alike) = &self.alike_elements else {
            return;
        };
        let from = found.len();
        for value in numbers {
            push(values.span(*value), found);
        }
        if alike.has_containers() || alike.folded.is_some() {
            for element in datum.elements() {
                push(alike.of_kind(element.kind()), found);
                if let Some(text) = element.text().filter(|_| alike.folded.is_some()) {
                    fold_into(&text, &mut buffers.folded);
                    push(alike.find_folded(&buffers.folded), found);
                }
            }
        }
        drop_repeats(from, found);
    }
}

/// Equal elements of a list lead to the same rules, so each is looked up once.
fn drop_repeats(from: usize, found: &mut Vec<PostingRange>) {
    if found.len() < from + 2 {
        return;
    }
    found[from..].sort_unstable_by_key(|span| span.start);
    let (mut kept, mut at) = (from + 1, from + 1);
    while at < found.len() {
        if found[at] != found[kept - 1] {
            found[kept] = found[at];
            kept += 1;
        }
        at += 1;
    }
    found.truncate(kept);
}

impl TextTables {
    pub(super) fn is_empty(&self) -> bool {
        self.starts.is_empty() && self.ends.is_empty() && self.anywhere.is_empty()
    }

    fn find(
        &self,
        text: &[u8],
        reversed: &mut Vec<u8>,
        seen: &mut VisitedSet,
        found: &mut Vec<PostingRange>,
    ) {
        if !self.starts.is_empty() {
            self.starts.find(text, found);
        }
        if !self.ends.is_empty() {
            reversed.clear();
            reversed.extend(text.iter().rev().take(self.ends.longest() + 1));
            self.ends.find(reversed, found);
        }
        self.anywhere.find(text, seen, found);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::language::operator::CaseSensitivity;
    use crate::language::operator::index_condition::{
        EqualityKey, IndexCondition, IndexKey, Interval, TextFragment, TextPosition,
    };
    use crate::matching::index::check_program::CheckStart;
    use crate::matching::index::path_table_builder::PathTableBuilder;
    use crate::matching::index::posting::{Posting, Postings};
    use crate::matching::index::predicates::PredicateInfo;

    fn clues() -> Vec<IndexKey> {
        let is = |value: Value, case| IndexKey::Equal(EqualityKey::new(&value, case).0);
        let has = |value: Value, case| IndexKey::Element(EqualityKey::new(&value, case).0);
        let piece = |position, text: &str, case| {
            let bytes = text.as_bytes().into();
            IndexKey::Text(position, TextFragment { bytes, case })
        };
        let interval = |low, high| Interval { low, high };
        vec![
            IndexKey::Absent,
            IndexKey::Exists,
            IndexKey::Present,
            is(json!("vip"), CaseSensitivity::Exact),
            is(json!("VIP"), CaseSensitivity::Ignored),
            is(json!(1), CaseSensitivity::Exact),
            is(json!(null), CaseSensitivity::Exact),
            has(json!("vip"), CaseSensitivity::Exact),
            has(json!(1.0), CaseSensitivity::Exact),
            has(json!("Vip"), CaseSensitivity::Ignored),
            IndexKey::Number(interval(0.0, 5.0)),
            IndexKey::Instant(interval(0.0, f64::INFINITY)),
            piece(TextPosition::Start, "vi", CaseSensitivity::Exact),
            piece(TextPosition::End, "ip", CaseSensitivity::Exact),
            piece(TextPosition::Anywhere, "p e", CaseSensitivity::Exact),
            piece(TextPosition::Start, "vip", CaseSensitivity::Ignored),
        ]
    }

    fn found(value: Option<Value>) -> Vec<u32> {
        let (mut filling, mut postings) = (PathTableBuilder::default(), Postings::default());
        for (rule, clue) in (0..).zip(&clues()) {
            let check = CheckStart::NOTHING;
            filling.add(clue, Posting { rule, check });
            filling.compare(&PredicateInfo {
                slot: Some(0),
                narrowings: vec![IndexCondition::exactly(clue.clone())],
            });
        }
        assert!(filling.has_rules());
        let mut values = ValueTable::new(std::slice::from_ref(&filling));
        let table = filling.finish(0, &mut values, &mut postings);
        assert!(table.has_other_keys);
        let (postings, mut spans) = (postings.finish().0, Vec::new());
        let datum = value.as_ref().map(ValueRef::Built);
        let mut elements = Vec::new();
        let mut digest = ValueDigest::ABSENT;
        push(
            values.read(0, datum, &mut digest, &mut elements),
            &mut spans,
        );
        let mut buffers = Buffers::default();
        table.find(&values, datum, &digest, &elements, &mut buffers, &mut spans);
        let found = spans.iter().flat_map(|span| span.slice(&postings));
        let mut found: Vec<u32> = found.map(|posting| posting.rule).collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn a_value_leads_to_the_clues_that_are_true_of_it() {
        for (value, expected) in [
            (json!("vip"), &[1, 2, 3, 4, 12, 13, 15][..]),
            (json!("VIP emea"), &[1, 2, 15]),
            (json!("vip emea"), &[1, 2, 12, 14, 15]),
            (json!(1.0), &[1, 2, 5, 10]),
            (json!(5.5), &[1, 2]),
            (json!("4.5"), &[1, 2, 10]),
            (json!("1999-01-01"), &[1, 2, 11]),
            (json!(null), &[1, 6]),
            (json!(""), &[1]),
            (json!([]), &[1]),
            (json!(false), &[1, 2]),
            (json!(["VIP", "vip", "vip", 1, "x", 1]), &[1, 2, 7, 8, 9]),
        ] {
            assert_eq!(found(Some(value.clone())), expected, "{value}");
        }
        assert_eq!(found(None), [0]);
    }

    #[test]
    fn a_table_without_rules_says_so() {
        let mut filling = PathTableBuilder::default();
        filling.compare(&PredicateInfo {
            slot: Some(0),
            narrowings: vec![IndexCondition::exactly(clues()[3].clone())],
        });
        assert!(!filling.has_rules());
        let mut values = ValueTable::new(std::slice::from_ref(&filling));
        let table = filling.finish(0, &mut values, &mut Postings::default());
        assert!(!table.has_other_keys);
    }
}
