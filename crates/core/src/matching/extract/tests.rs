//! Tests that values extracted from the tape equal those of the decoded event.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::event::catalogue::Catalogue;
use crate::event::format::custom::{CustomFormat, ValueLocations};
use crate::event::format::{FormatHint, head};
use crate::event::json::mutate;
use crate::event::json::mutate::SAMPLES;
use crate::event::json::tape::Tape;

/// Every field of the catalogue, and paths outside of it.
fn paths() -> Vec<Path> {
    let mut texts: BTreeSet<String> = BTreeSet::new();
    for known in Catalogue::built_in().types() {
        texts.extend(known.fields().into_iter().map(|field| field.path));
    }
    let odd = "0 type.x meta meta.0 meta.sequence meta.nothing ticket ticket.tags.0 ticket.tags.x \
        ticket.0 ticket.via.channel previous.0 previous.value current.id current.value.0 \
        custom_field.title custom_field.0 custom_field.type comment comment.0 comment.author \
        attachment.id attachment.comment_id users_added.0 users_removed tags_added.1 detail \
        detail.id object object.ticket.id object.0 user.id user.role organization.id \
        custom_object_record.id event.nothing event.id.x event.key event.type event.source event.endpoint \
        event.time event.id account_id account_id.0 subdomain integration_key actor_id $.raw $.raw.type \
        $.raw.detail $.raw.detail.tags[0] $.raw.input.ticket_event.ticket.id $.input.ticket_event \
        $.input.ticket_event.type $.account_id";
    texts.extend(odd.split_whitespace().map(str::to_owned));
    texts
        .iter()
        .map(|text| Path::parse(text).unwrap())
        .collect()
}

fn description() -> CustomFormat {
    CustomFormat {
        name: "crm".into(),
        source: "crm".into(),
        event_type: ValueLocations::constant("deal.won"),
        id: ValueLocations::default(),
        key: ValueLocations::default(),
        time: ValueLocations::default(),
        time_zone: None,
    }
}

/// Compares extracted values with those of the decoded event. Returns how many were present.
fn both_agree(text: &str, hint: FormatHint<'_>, paths: &[Path]) -> usize {
    let (mut tape, mut room) = (Tape::default(), ExtractBuffers::default());
    let mut extraction = None;
    let walked = compare(text, hint, paths, &mut extraction, &mut tape, &mut room);
    // The second time, values are found by the numbers of their paths.
    let numbered = compare(text, hint, paths, &mut extraction, &mut tape, &mut room);
    assert_eq!(walked, numbered);
    walked
}

/// The same with what was scanned and extracted before.
fn compare(
    text: &str,
    hint: FormatHint<'_>,
    paths: &[Path],
    extraction: &mut Option<Extractor>,
    tape: &mut Tape,
    room: &mut ExtractBuffers,
) -> usize {
    let catalogue = Catalogue::built_in();
    room.prepare(tape);
    let Some(scanned) = tape.scan(text.as_bytes()) else {
        return 0;
    };
    let Ok(head) = head(ValueRef::Taped(scanned.root()), hint, catalogue) else {
        return 0;
    };
    let event = head.event(catalogue);
    let new = || Extractor::new(paths, head.format.decoder(), head.named.known);
    let extraction = extraction.get_or_insert_with(new);
    let taken = extraction.take(&scanned, &head, &mut || &event, room);
    let scope = Scope::new(&event, &Value::Null);
    let mut there = 0;
    for (number, path) in paths.iter().enumerate() {
        let taken = taken.get(number).map(|datum| datum.value().into_owned());
        let built = path
            .resolve(&scope)
            .to_json()
            .map(|value| value.into_owned());
        assert_eq!(
            taken,
            built,
            "{} of {} {text}",
            path.text,
            head.format_name()
        );
        there += usize::from(taken.is_some());
    }
    there
}

#[test]
fn what_is_taken_from_samples_is_what_stands_in_the_event() {
    let paths = paths();
    let there = SAMPLES.iter().map(|text| {
        both_agree(text, FormatHint::Custom(&description()), &paths);
        both_agree(text, FormatHint::Detect, &paths)
    });
    let there: usize = there.sum();
    assert!(there > 20 * SAMPLES.len(), "{there}");
}

/// The paths without elements of lists, which are found by their numbers.
fn paths_of_objects() -> Vec<Path> {
    let is_number = |step: &str| step.bytes().all(|byte| byte.is_ascii_digit());
    let mut paths = paths();
    paths.retain(|path| !path.text.split('.').any(is_number));
    paths
}

#[test]
fn earlier_samples_change_nothing_in_later_ones() {
    let paths = paths_of_objects();
    let (mut tape, mut room) = (Tape::default(), ExtractBuffers::default());
    let mut extractions: Vec<Option<Extractor>> = SAMPLES.iter().map(|_| None).collect();
    for _ in 0..3 {
        let mut there = 0;
        for (text, extraction) in SAMPLES.iter().zip(&mut extractions) {
            let hint = FormatHint::Detect;
            there += compare(text, hint, &paths, extraction, &mut tape, &mut room);
        }
        assert!(there > 15 * SAMPLES.len(), "{there}");
    }
}

#[test]
fn few_paths_need_the_built_event() {
    let paths = paths();
    for decoder in crate::event::format::DECODERS {
        let extraction = Extractor::new(&paths, Some(decoder), None);
        let built = extraction.computed.iter();
        let built = built.filter(|(_, value)| matches!(value, ComputedValue::Event(_)));
        let built: Vec<&str> = built.map(|(slot, _)| paths[*slot].text.as_str()).collect();
        assert!(built.len() < 20, "{}: {built:?}", decoder.format);
        assert!(!built.contains(&"ticket.priority"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn so_it_is_in_samples_that_were_changed(text in mutate::changed()) {
        let paths = paths();
        both_agree(&text, FormatHint::Detect, &paths);
        both_agree(&text, FormatHint::Custom(&description()), &paths);
        both_agree(&text, FormatHint::Detect, &paths_of_objects());
    }
}
