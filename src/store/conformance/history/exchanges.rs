//! Exchanges are read with their run, and find it by a part of an address.

use std::time::Duration;

use super::{ids, later, live_rule, now, of_ticket};
use crate::store::conformance::submit;
use crate::store::history::{Page, RunFilter};
use crate::store::{History, Store};
use flowtrigger_core::run::RunId;
use flowtrigger_core::run::exchange::{
    AttemptEnd, BodyContent, CapturedBody, Exchange, ExchangeText, ExchangeTiming, HttpAnswer,
    HttpExchange, RecordedExchange, RequestChanges, SentTo,
};

fn body(text: &str) -> Option<CapturedBody> {
    Some(CapturedBody {
        content: BodyContent::Text(ExchangeText::plain(text)),
        size: text.len() as u64,
        cut: false,
    })
}

/// The exchange of a request that was answered.
pub fn exchange(run: RunId, seconds: i64, url: &str) -> RecordedExchange {
    RecordedExchange {
        run,
        step: "page".into(),
        attempt: 1,
        started: later(seconds),
        target: Some(SentTo {
            method: "POST".into(),
            url: url.into(),
        }),
        end: Some(AttemptEnd {
            took: Duration::from_millis(7),
            succeeded: false,
            status: Some(503),
        }),
        exchange: Some(Exchange::Http(Box::new(HttpExchange {
            method: "POST".into(),
            url: ExchangeText::plain(url),
            headers: Vec::new(),
            body: body("{\"a\":1}"),
            response: Some(HttpAnswer {
                status: 503,
                headers: Vec::new(),
                headers_cut: false,
                body: body("busy"),
            }),
            redirects: Vec::new(),
            address: Some("127.0.0.1:80".into()),
            connection: Default::default(),
            timing: ExchangeTiming {
                queued: Duration::ZERO,
                connect: Some(Duration::from_micros(5)),
                first_byte: None,
                total: Duration::from_millis(7),
            },
            changes: RequestChanges::default(),
        }))),
    }
}

pub(super) async fn exchanges_are_read_with_their_run<S: Store, H: History>(
    (store, history): (S, H),
) {
    let rule = live_rule("a");
    let run = submit(&store, of_ticket("first", "7", &rule, 0)).await;
    let other = submit(&store, of_ticket("second", "8", &rule, 0)).await;
    let second = exchange(run, 9, "https://a.example/x");
    // After `runs retry` the attempt has the number of an earlier one.
    let first = RecordedExchange {
        started: now(),
        exchange: None,
        ..second.clone()
    };
    let command = RecordedExchange {
        target: None,
        end: None,
        exchange: None,
        ..exchange(other, 1, "")
    };
    for recorded in [&second, &first, &command] {
        store.record_exchange(recorded.clone());
    }
    store.flush().await.unwrap();
    assert_eq!(history.exchanges(run).unwrap(), [first, second]);
    assert_eq!(history.exchanges(other).unwrap(), [command]);
    assert_eq!(history.exchanges(RunId(99)).unwrap(), []);
}

pub(super) async fn a_run_is_found_by_a_part_of_an_address<S: Store, H: History>(
    (store, history): (S, H),
) {
    let rule = live_rule("a");
    let urls = [
        "https://acme.example/api/v2/tickets/90388.json?\"q\"=50%25",
        "https://acme.example/api/v2/tickets/90389.json",
        "outbox:paper/é",
    ];
    let mut runs = Vec::new();
    for (number, url) in urls.into_iter().enumerate() {
        let id = number.to_string();
        let run = submit(&store, of_ticket(&id, &id, &rule, 0)).await;
        // Several attempts have one address.
        store.record_exchange(exchange(run, 0, url));
        store.record_exchange(exchange(run, 1, url));
        runs.push(run.0);
    }
    store.flush().await.unwrap();
    let [first, second, third] = runs[..] else {
        panic!("three runs");
    };
    for (text, expected) in [
        ("tickets/90388", vec![first]),
        ("TICKETS/9038", vec![second, first]),
        ("acme.example/api/v2/tickets/90389.json", vec![second]),
        ("tickets/9038.json", vec![]),
        ("88", vec![first]),
        ("r/é", vec![third]),
        ("\"q\"=50%", vec![first]),
        ("' OR 1", vec![]),
        ("%", vec![first]),
        ("tickets AND", vec![]),
        ("", vec![third, second, first]),
        (&"x".repeat(5_000), vec![]),
    ] {
        let filter = RunFilter {
            sent_to: Some(text.to_owned()),
            ..RunFilter::default()
        };
        let found = history.runs(&filter, Page::first(9)).unwrap();
        assert_eq!(ids(&found), expected, "{text}");
    }
    let both = RunFilter {
        sent_to: Some("acme".into()),
        key: Some("1".into()),
        ..RunFilter::default()
    };
    assert_eq!(ids(&history.runs(&both, Page::first(9)).unwrap()), [second]);
}
