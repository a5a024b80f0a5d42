//! Tests of lowering: which tests are accepted, and what is reported about the others.

use super::*;
use crate::config::Config;
use crate::diagnostic::FileId;
use crate::document;
use crate::language::event_fields::EventFields;

fn lowered(text: &str) -> (Option<RuleTest>, Vec<String>) {
    let mut diagnostics = Diagnostics::default();
    let nodes = document::read(FileId::default(), text, &mut diagnostics);
    let config = Config::default();
    let mut names = config.name_resolver(EventFields::Open, &mut diagnostics);
    let test = lower(&nodes[0], &mut names);
    let messages = diagnostics.sorted().into_iter();
    let messages = messages.map(|found| format!("{}: {}", found.at.line, found.message));
    (test, messages.collect())
}

#[test]
fn several_events_share_the_values_of_their_test() {
    let (test, messages) = lowered(
        "event: a.json\nset: { current: low, previous: high }\nmock: { page: { status: 503 } }\nruns: 1\norder: [1, 2]\nevents:\n  - { at: 0s, expect: match, starts: 1m, attempts: { page: 5 }, steps: { note: not sent } }\n  - { at: 90s, event: b.json, set: { current: urgent }, mock: { page: {} }, expect: match }\n",
    );
    assert_eq!(messages, Vec::<String>::new());
    let test = test.expect("a test");
    let [first, second] = test.entries.as_slice() else {
        panic!("{:?}", test.entries);
    };
    assert_eq!(second.offset, Duration::from_secs(90));
    let set: Vec<String> = second
        .set
        .iter()
        .map(|(_, value)| value.to_string())
        .collect();
    assert_eq!(set, [r#""low""#, r#""high""#, r#""urgent""#]);
    assert_eq!(first.mocks()["page"].len(), 1);
    assert_ne!(first.mocks()["page"], second.mocks()["page"]);
    assert!(matches!(&second.event, entry::TestEvent::File(file, _) if file == "b.json"));
}

#[test]
fn tests_that_could_never_fail_or_pass_are_reported() {
    for (text, message) in [
        (
            "{ event: a, expect: held }",
            "`expect: held` needs an earlier event",
        ),
        (
            "{ event: a, expect: match, runs: 1 }",
            "`runs` needs several events",
        ),
        (
            "{ event: a, expect: no match, guard: g }",
            "`guard` beside `expect: no match` tests nothing",
        ),
        (
            "{ event: a, expect: match, guard: g, ends: done }",
            "`guard` beside `ends: done`",
        ),
        (
            "{ event: a, expect: match, steps: { page: sent } }",
            "`page` takes what the step sends, such as { json: { … } }, or `not sent`, found text",
        ),
        (
            "{ event: a, expect: match, events: [{ at: 0s, expect: match }] }",
            "`expect` beside `events` belongs to one of them",
        ),
        (
            "{ events: [{ at: 0s, expect: match }] }",
            "this test has no `event`",
        ),
        (
            "{ event: a, events: [{ expect: match }] }",
            "this event has no `at`",
        ),
        (
            "{ event: a, events: [{ at: 1m, expect: match }, { at: 1s, expect: match }] }",
            "`at` is earlier than that of the event before",
        ),
        (
            "{ event: a, events: [{ at: 0s, expect: match, gate: dedupe }] }",
            "`gate` beside `expect: match`",
        ),
        (
            "{ event: a, events: [{ at: 0s, expect: suppressed, gate: lane }] }",
            "`gate` takes one of during, dedupe, debounce, throttle, count, sequence, loop_guard",
        ),
        (
            "{ event: a, events: [{ at: 0s, expect: held, ends: dead }] }",
            "`ends` beside `expect: held` tests nothing",
        ),
        (
            "{ event: a, events: [{ at: 0s, expect: off }] }",
            "`expect` takes one of match, no match, suppressed, held",
        ),
        (
            "{ event: a, events: [] }",
            "`events` takes a list of events, found a list",
        ),
        (
            "{ event: a, events: [{ at: 0s, expect: match }], order: [1] }",
            "`order` takes the numbers of at least two events",
        ),
        (
            "{ event: a, events: [{ at: 0s, expect: match }], order: [1, 1] }",
            "`order` names the event 1 twice, and an event has one run",
        ),
        (
            "{ event: a, events: [{ at: 0s, expect: match }], order: 1 }",
            "`order` takes a list of numbers of events such as [2, 1], found a number",
        ),
        (
            "{ event: a, expect: match, mock: { page: [{ status: '503' }, {}] } }",
            "`status` takes a whole number from 0 to 999",
        ),
        (
            "{ event: a, expect: match, mock: { page: { headers: [retry-after] } } }",
            "`headers` takes a mapping, found a list",
        ),
        (
            "{ event: a, expect: match, mock: { page: { stdout: { a: 1 } } } }",
            "`stdout` takes text, found a mapping",
        ),
        (
            "{ event: a, events: [{ at: 0s, expect: match, wait: 1m }] }",
            "unknown key `wait` in an event of a test",
        ),
    ] {
        let (_, messages) = lowered(text);
        assert_eq!(messages, [format!("1: {message}")], "{text}");
    }
}
