//! Signing in and out in a browser.

use flowtrigger_testing::browser::Browser;
use flowtrigger_testing::support_desk::SupportDesk;
use flowtrigger_testing::wait::wait_until;

use crate::visit::Visit;

#[test]
fn a_link_signs_in_once_and_the_session_ends_with_signing_out() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let desk = SupportDesk::empty(env!("CARGO_BIN_EXE_flowtrigger"));
    let visit = Visit { browser, desk };
    visit.browser.resize(1_440, 900);
    visit.open("/runs");
    assert!(
        visit.browser.title().starts_with("Sign in"),
        "{}",
        visit.browser.title()
    );
    let link = visit.desk.login_link(&["--name", "ada"]);
    visit.browser.open(&link);
    visit
        .browser
        .click(&visit.browser.find("form[action='/login'] button"));
    wait_until("the first page is shown", || {
        !visit.browser.find_all("header.side").is_empty()
    });
    let side = visit.browser.find("header.side");
    assert!(
        visit.browser.text_of(&side).contains("ada"),
        "no name in the side bar"
    );
    visit.browser.open(&link);
    visit
        .browser
        .click(&visit.browser.find("form[action='/login'] button"));
    wait_until("the second use of the link is rejected", || {
        visit.browser.source().contains("used before")
    });
    visit.open("/");
    visit
        .browser
        .click(&visit.browser.find("form[action='/logout'] button"));
    wait_until("signing out leads to signing in", || {
        visit.browser.title().starts_with("Sign in")
    });
    visit.open("/events");
    assert!(
        visit.browser.title().starts_with("Sign in"),
        "{}",
        visit.browser.title()
    );
    visit.desk.daemon.stop();
}

#[test]
fn a_reader_sees_no_command() {
    let Some(visit) = Visit::start() else { return };
    visit.sign_in(&["--read"]);
    for path in ["/problems".to_owned(), visit.dead_run(), "/runs".to_owned()] {
        visit.open(&path);
        let posts = visit
            .browser
            .find_all("main form[method=post]:not([action='/try'])");
        assert!(posts.is_empty(), "{path} offers a command to a reader");
    }
}
