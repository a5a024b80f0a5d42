//! All times of a page are in one zone, which its foot names.

use crate::visit::Visit;

/// The clock of the first element that a selector finds, and its time in UTC.
const READ: &str = "const e = document.querySelector(arguments0);
return [e.textContent.trim(), e.dateTime || e.dataset.t]";

#[test]
fn lists_charts_and_timelines_have_the_zone_of_the_reader() {
    let Some(visit) = Visit::start() else { return };
    visit.browser.set_time_zone("Asia/Kolkata");
    for (path, selector) in [
        ("/events".to_owned(), "main tbody time"),
        ("/".to_owned(), ".plot .x span[data-t]"),
        ("/".to_owned(), ".chart tbody th[data-t]"),
        ("/".to_owned(), ".plot title[data-t]"),
        (visit.dead_run(), ".axis text[data-t]"),
    ] {
        visit.open(&path);
        let script = READ.replace("arguments0", &format!("\"{selector}\""));
        let read = visit.browser.run(&script);
        let (shown, utc) = (read[0].as_str(), read[1].as_str());
        let (shown, utc) = shown.zip(utc).unwrap_or_else(|| panic!("{path}: {read}"));
        let minutes = |clock: &str| {
            let (hour, minute) = clock.split_at(2);
            let number = |digits: &str| digits.parse::<u32>().expect("a number");
            number(hour) * 60 + number(&minute[1..3])
        };
        // A day may stand before it.
        let colon = shown.find(':').expect("a clock");
        let clock = &shown[colon - 2..colon + 3];
        let expected = (minutes(&utc[11..16]) + 330) % 1_440;
        assert_eq!(minutes(clock), expected, "{path} {selector}: {read}");
        let zone = visit
            .browser
            .run("return document.querySelector('[data-zone]').textContent");
        assert!(
            ["Asia/Kolkata", "Asia/Calcutta"]
                .map(Into::into)
                .contains(&zone),
            "{zone}"
        );
    }
    assert_eq!(visit.browser.console(), Vec::<String>::new());
}
