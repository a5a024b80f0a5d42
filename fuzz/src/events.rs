//! Decoders, for any bytes: read from the tape or from what the door built, by content or as the
//! configuration describes them, an event is the same, and the same rules match it.

use std::cell::RefCell;
use std::sync::LazyLock;

use flowtrigger_core::event::Event;
use flowtrigger_core::event::format::{FormatHint, head, read};
use flowtrigger_core::event::json::parse::accept;
use flowtrigger_core::event::json::tape::Tape;
use flowtrigger_core::event::json::value_ref::ValueRef;
use flowtrigger_core::matching::find::MatchScratch;
use flowtrigger_core::matching::rule_set::RuleSet;

use super::house::{CONFIG, agree, described as told, load};

/// Rules that read what there is in events, so that the short way from bytes to a rule is taken.
static READERS: LazyLock<RuleSet> = LazyLock::new(|| {
    let (set, diagnostics) = load(include_str!("readers.yaml"));
    assert!(!diagnostics.has_errors(), "{diagnostics:?}");
    set
});

thread_local! {
    static SCRATCH: RefCell<MatchScratch> = RefCell::default();
}

/// By content.
pub fn decoders(bytes: &[u8]) {
    both_agree(bytes, FormatHint::Detect);
}

/// As each source of one's own describes them.
pub fn described(bytes: &[u8]) {
    for source in ["shop", "monitoring", "trigger", "second"] {
        both_agree(bytes, told(source));
    }
}

fn both_agree(bytes: &[u8], told: FormatHint<'_>) {
    let Ok(accepted) = accept(bytes) else {
        return;
    };
    let built = read(accepted.value, told, &CONFIG.catalogue);
    if let Ok(event) = &built {
        sound(event);
        // What was repaired is no longer what the bytes say.
        if accepted.repairs.is_empty() {
            SCRATCH.with_borrow_mut(|scratch| agree(&READERS, bytes, told, event, scratch));
        }
    }
    let mut tape = Tape::default();
    let Some(scanned) = tape.scan(bytes) else {
        return;
    };
    match (
        head(ValueRef::Taped(scanned.root()), told, &CONFIG.catalogue),
        built,
    ) {
        (Ok(head), Ok(event)) => {
            let read = head.event(&CONFIG.catalogue);
            assert_eq!(written(&read), written(&event));
            assert_eq!(read, event);
        }
        (Err(taped), Err(built)) => assert_eq!(taped, built),
        (Ok(_), Err(why)) => panic!("only the tape takes it: {why}"),
        (Err(why), Ok(_)) => panic!("only the door takes it: {why}"),
    }
}

/// What every event has.
fn sound(event: &Event) {
    assert!(event.body.is_object() && event.envelope.is_object() && event.about.is_object());
    assert!(!event.id.is_empty() && !event.event_type.is_empty() && !event.source.is_empty());
}

/// As text, since `-0.0 == 0.0` and the order of keys counts for nothing.
fn written(event: &Event) -> String {
    [&event.envelope, &event.body, &event.raw, &event.about]
        .map(ToString::to_string)
        .concat()
}
