//! Every page in light and dark, wide and narrow, with its script and without: nothing is blocked or missing, nothing is
//! wider than the screen, and axe finds no obstacle for people who use other means than a mouse and eyes.

use std::fs;

use flowtrigger_testing::browser::{ColorScheme, Scripts};
use serde_json::Value;

use crate::visit::Visit;

/// The path of `axe.min.js`, which checks whether a page can be used by everybody.
const AXE: &str = "AXE_SCRIPT";

/// How a page is shown.
#[derive(Debug, Clone, Copy)]
struct Form {
    scripts: Scripts,
    scheme: ColorScheme,
    width: u32,
}

/// Every combination at the widths of a desk and of a phone; between them one is enough.
fn forms() -> Vec<Form> {
    let between = Form {
        scripts: Scripts::On,
        scheme: ColorScheme::Light,
        width: 1_024,
    };
    let mut forms = vec![between];
    for scripts in [Scripts::On, Scripts::Off] {
        for scheme in [ColorScheme::Light, ColorScheme::Dark] {
            forms.extend([1_440, 390].map(|width| Form {
                scripts,
                scheme,
                width,
            }));
        }
    }
    forms
}

#[test]
fn every_page_fits_and_is_accessible_in_every_form() {
    let Some(visit) = Visit::start() else { return };
    let axe = std::env::var_os(AXE).map(|path| fs::read_to_string(path).expect("axe can be read"));
    let must_run = std::env::var_os("BROWSER_TESTS_MUST_RUN").is_some();
    assert!(axe.is_some() || !must_run, "{AXE} names no file");
    let pages = visit.pages();
    let mut faults = Vec::new();
    for form in forms() {
        visit.browser.set_color_scheme(form.scheme);
        visit.browser.resize(form.width, 900);
        for (name, path) in &pages {
            visit.browser.set_scripts(form.scripts);
            visit.open(path);
            // For the checks; the script of the page does not run any more.
            visit.browser.set_scripts(Scripts::On);
            let found = look(&visit, axe.as_deref(), name).into_iter();
            faults.extend(found.map(|fault| format!("{name} {form:?}: {fault}")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What is wrong with the page that the browser shows.
fn look(visit: &Visit, axe: Option<&str>, name: &str) -> Vec<String> {
    let browser = &visit.browser;
    let mut faults: Vec<String> = browser.console();
    // The browser logs the status of a page that is not found.
    faults.retain(|line| name != "not-found" || !line.contains("404"));
    let overflow = browser.run(
        "const wide = [...document.querySelectorAll('body *')].filter(e => {
            const box = e.getBoundingClientRect();
            let clipped = false;
            for (let p = e.parentElement; p; p = p.parentElement) {
                const o = getComputedStyle(p).overflowX;
                if (o === 'auto' || o === 'scroll' || o === 'hidden' || o === 'clip') clipped = true;
            }
            return !clipped && box.width > 0 && box.right > innerWidth + 1;
        });
        return wide.slice(0, 3).map(e => e.tagName + '.' + e.className + ' to ' + Math.round(e.getBoundingClientRect().right));",
    );
    if overflow.as_array().is_some_and(|wide| !wide.is_empty()) {
        faults.push(format!("wider than the screen: {overflow}"));
    }
    let headings = browser.run("return document.querySelectorAll('h1').length");
    if headings != 1 {
        faults.push(format!("{headings} main headings"));
    }
    if let Some(axe) = axe {
        faults.extend(violations(visit, axe));
    }
    faults
}

fn violations(visit: &Visit, axe: &str) -> Vec<String> {
    let script = format!(
        "{axe}; const done = arguments[arguments.length - 1];
         axe.run(document, {{ resultTypes: ['violations'] }}).then(
            r => done(r.violations.map(v => v.id + ': ' + v.nodes.slice(0, 2).map(n => n.html.slice(0, 160) + ' ' + n.failureSummary.slice(0, 200)).join(' | '))),
            e => done(['axe failed: ' + e]));"
    );
    let found = visit.browser.run_async(&script);
    let found = found.as_array().cloned().unwrap_or_default();
    found.iter().map(Value::to_string).collect()
}
