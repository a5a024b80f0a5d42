//! Try on a narrow screen and with its script: nothing is cut, and Back returns to the texts as they were edited.

use flowtrigger_testing::wait::wait_until;

use crate::visit::Visit;

#[test]
fn the_narrowest_screens_do_not_scroll_sideways() {
    let Some(visit) = Visit::start() else { return };
    visit.browser.resize(320, 900);
    for path in ["/try?rule=page-urgent", "/rules", "/rules/page-urgent"] {
        visit.open(path);
        let width = "const e = document.documentElement; return e.scrollWidth - e.clientWidth";
        assert_eq!(visit.browser.run(width), 0, "{path}");
    }
    visit.browser.resize(390, 900);
    visit.open("/deliveries");
    let is_in_sight =
        "const box = document.querySelector('.nav [aria-current]').getBoundingClientRect();
        return box.left >= 0 && box.right <= innerWidth";
    assert_eq!(visit.browser.run(is_in_sight), true);
}

#[test]
fn back_returns_to_the_edited_texts() {
    let Some(visit) = Visit::start() else { return };
    visit.open("/try?rule=page-urgent");
    let explain = "document.querySelector('#t2').value += '\\n# edited';
        document.querySelector('#t2').dispatchEvent(new Event('input', { bubbles: true }));
        document.querySelector('#try').requestSubmit();";
    let is_explained =
        "return document.querySelector('#result').innerText.includes('1 line differs')";
    let pages = visit.browser.run("return history.length");
    visit.browser.run(explain);
    wait_until("the edited rule is explained", || {
        visit.browser.run(is_explained) == true
    });
    assert_eq!(visit.browser.run("return history.length"), pages);
    let numbers = "return document.querySelectorAll('.lines')[1].textContent.split('\\n').length
        - document.querySelector('#t2').value.split('\\n').length";
    assert_eq!(visit.browser.run(numbers), 0);
    visit.browser.run("location.href = '/rules'");
    wait_until("the page is left", || {
        visit.browser.source().contains("<h1>Rules</h1>")
    });
    visit.browser.run("history.back()");
    wait_until("the texts are back", || {
        visit.browser.source().contains("id=\"try\"") && visit.browser.run(is_explained) == true
    });
    let text = visit
        .browser
        .run("return document.querySelector('#t2').value");
    assert!(text.to_string().contains("# edited"), "{text}");
    assert_eq!(visit.browser.console(), Vec::<String>::new());
}
