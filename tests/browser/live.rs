//! Live lists announce what is new and never move what a person reads.

use flowtrigger_testing::wait::wait_until;
use serde_json::json;

use crate::visit::Visit;

/// Somebody who may only read has no boxes to select runs with.
#[test]
fn runs_are_live_for_readers_too() {
    let Some(visit) = Visit::start() else { return };
    visit.sign_in(&["--read"]);
    visit.open("/runs");
    let pressed = || {
        visit
            .browser
            .run("return document.querySelector('[data-live]').getAttribute('aria-pressed')")
    };
    let before = pressed();
    visit.browser.click(&visit.browser.find("[data-live]"));
    assert_ne!(pressed(), before);
    assert_eq!(visit.browser.console(), Vec::<String>::new());
}

#[test]
fn a_new_event_is_announced_and_the_list_stays() {
    let Some(visit) = Visit::start() else { return };
    visit.open("/events");
    let rows = || {
        visit
            .browser
            .run("return document.querySelectorAll('main tbody tr').length")
    };
    let before = rows();
    let live = visit.browser.find("[data-live]");
    if visit
        .browser
        .run("return document.querySelector('[data-live]').getAttribute('aria-pressed')")
        != "true"
    {
        visit.browser.click(&live);
    }
    let event = json!({ "kind": "order.paid", "number": "L-1", "total": 500, "customer": "live" });
    wait_until("the new event is announced", || {
        visit.desk.daemon.accept("shop", &event);
        std::thread::sleep(std::time::Duration::from_millis(300));
        visit.browser.source().contains("new event")
    });
    assert_eq!(rows(), before, "the list moved");
    assert_eq!(visit.browser.console(), Vec::<String>::new());
}

#[test]
fn the_overview_says_since_when_it_is_not_connected() {
    let Some(visit) = Visit::start() else { return };
    visit.open("/");
    let gone = "window.fetch = () => Promise.reject(new Error('gone')); return 'gone'";
    assert_eq!(visit.browser.run(gone), "gone");
    wait_until("the failed refresh is shown", || {
        std::thread::sleep(std::time::Duration::from_millis(300));
        visit.browser.source().contains("No connection since")
    });
}
