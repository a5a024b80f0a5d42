//! Fuzzes decoders with any bytes.
//! The tape and the parser give the same event, and the same rules match it.

use std::cell::RefCell;
use std::sync::LazyLock;

use flowtrigger_core::event::Event;
use flowtrigger_core::event::format::{FormatHint, head, read};
use flowtrigger_core::event::json::parse::parse;
use flowtrigger_core::event::json::tape::Tape;
use flowtrigger_core::event::json::value_ref::ValueRef;
use flowtrigger_core::matching::find::MatchScratch;
use flowtrigger_core::matching::rule_set::RuleSet;

use super::rulebook::{CONFIG, agree, described as hint, load};

/// Rules that read common fields, so that events are matched from their bytes.
static READERS: LazyLock<RuleSet> = LazyLock::new(|| {
    let (set, diagnostics) = load(include_str!("readers.yaml"));
    assert!(!diagnostics.has_errors(), "{diagnostics:?}");
    set
});

thread_local! {
    static SCRATCH: RefCell<MatchScratch> = RefCell::default();
}

/// Bytes whose format is detected from the content.
pub fn decoders(bytes: &[u8]) {
    both_agree(bytes, FormatHint::Detect);
}

/// Bytes in the format of each custom source.
pub fn described(bytes: &[u8]) {
    for source in ["shop", "monitoring", "trigger", "second"] {
        both_agree(bytes, hint(source));
    }
}

fn both_agree(bytes: &[u8], hint: FormatHint<'_>) {
    let Ok(accepted) = parse(bytes) else {
        return;
    };
    let built = read(accepted.value, hint, &CONFIG.catalogue);
    if let Ok(event) = &built {
        sound(event);
        // After a repair, the value differs from the bytes.
        if accepted.repairs.is_empty() {
            SCRATCH.with_borrow_mut(|scratch| agree(&READERS, bytes, hint, event, scratch));
        }
    }
    let mut tape = Tape::default();
    let Some(scanned) = tape.scan(bytes) else {
        return;
    };
    match (
        head(ValueRef::Taped(scanned.root()), hint, &CONFIG.catalogue),
        built,
    ) {
        (Ok(head), Ok(event)) => {
            let read = head.event(&CONFIG.catalogue);
            assert_eq!(written(&read), written(&event));
            assert_eq!(read, event);
        }
        (Err(taped), Err(built)) => assert_eq!(taped, built),
        (Ok(_), Err(why)) => panic!("only the tape accepts it: {why}"),
        (Err(why), Ok(_)) => panic!("only the parser accepts it: {why}"),
    }
}

/// Checks the parts that every event has.
fn sound(event: &Event) {
    assert!(event.body.is_object() && event.envelope.is_object() && event.about.is_object());
    assert!(!event.id.is_empty() && !event.event_type.is_empty() && !event.source.is_empty());
}

/// The event as text, because equality ignores the sign of zero and the order of keys.
fn written(event: &Event) -> String {
    [&event.envelope, &event.body, &event.raw, &event.about]
        .map(ToString::to_string)
        .concat()
}
