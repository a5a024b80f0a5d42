//! Commands by keyboard alone, with the script and without it.

use flowtrigger_testing::browser::{Scripts, keys};
use flowtrigger_testing::wait::wait_until;

use crate::visit::Visit;

/// Presses Tab until the focus is on an element that a selector selects.
#[track_caller]
fn tab_to(visit: &Visit, selector: &str) {
    for _ in 0..400 {
        visit.browser.press(keys::TAB);
        let script = format!("return document.activeElement.matches({selector:?})");
        if visit.browser.run(&script) == true {
            return;
        }
    }
    panic!(
        "the keyboard does not reach `{selector}` on {}",
        visit.browser.url()
    );
}

/// From a dead run to its retry, with the keys Tab and Enter.
#[track_caller]
fn retry_by_keyboard(visit: &Visit) {
    let run = visit.dead_run();
    let attempts = |path: &str| visit.json(&format!("{path}.json"))["attempts"].as_u64();
    let before = attempts(&run);
    visit.open(&run);
    tab_to(
        visit,
        "main a[href*='command=retry'], main form[action^='/confirm'] button",
    );
    visit.browser.press(keys::ENTER);
    wait_until("the consequences are shown", || {
        let script =
            "return !!document.querySelector('dialog[open]') || location.pathname === '/confirm'";
        visit.browser.run(script) == true
    });
    tab_to(visit, "form[method=post] button.go");
    visit.browser.press(keys::ENTER);
    wait_until("the run was retried", || attempts(&run) > before);
    wait_until("the answer names the run", || {
        visit.browser.source().contains(&run)
    });
}

#[test]
fn a_dead_run_is_retried_by_keyboard() {
    let Some(visit) = Visit::start() else { return };
    retry_by_keyboard(&visit);
    visit.desk.daemon.wait_until_idle();
    visit.browser.set_scripts(Scripts::Off);
    retry_by_keyboard(&visit);
    assert_eq!(visit.browser.console(), Vec::<String>::new());
}

#[test]
fn the_search_has_a_shortcut_and_finds_a_ticket() {
    let Some(visit) = Visit::start() else { return };
    visit.open("/runs");
    tab_to(&visit, "#find");
    visit.browser.press("90417");
    visit.browser.press(keys::ENTER);
    wait_until("the ticket is found", || {
        visit.browser.url().contains("/events")
    });
    assert!(visit.browser.source().contains("90417"));
}
