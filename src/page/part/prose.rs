//! Shows sentences of reports: what they have in backquotes is code, and their times are in the zone of the reader.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::page::answer::day_and_time;
use crate::page::text::{short, text};

/// Characters of a sentence, which can repeat a text from outside.
const MAX_CHARS: usize = 2_000;

/// A sentence. One with an unpaired backquote is shown as it is.
pub fn prose(sentence: &str) -> Markup {
    let parts: Vec<&str> = sentence.split('`').collect();
    let is_paired = parts.len() % 2 == 1;
    if !is_paired || sentence.chars().count() > MAX_CHARS {
        return short(sentence, MAX_CHARS);
    }
    html! {
        @for (number, part) in parts.iter().enumerate() {
            @if number % 2 == 1 {
                code { (text(part)) }
            } @else {
                (with_times(part))
            }
        }
    }
}

/// A part of a sentence whose times, as `2026-01-07T09:02:00Z`, are shown as such.
fn with_times(part: &str) -> Markup {
    match FoundTime::first(part) {
        Some(found) => html! {
            (plain_part(found.before)) (day_and_time(found.at)) (with_times(found.after))
        },
        None => plain_part(part),
    }
}

/// What has no time.
fn plain_part(part: &str) -> Markup {
    html! { @if !part.is_empty() { (text(part)) } }
}

/// A time in a text, with what is around it.
struct FoundTime<'t> {
    before: &'t str,
    at: Timestamp,
    after: &'t str,
}

impl<'t> FoundTime<'t> {
    fn first(text: &'t str) -> Option<Self> {
        // `T` between the digits of a day and of an hour.
        let mut places = text.match_indices('T').map(|(place, _)| place);
        places.find_map(|place| {
            let start = place.checked_sub(DAY)?;
            let end = place
                + text
                    .get(place..place + MAX_CLOCK)
                    .unwrap_or(&text[place..])
                    .find('Z')?
                + 1;
            let at = text.get(start..end)?.parse().ok()?;
            Some(Self {
                before: &text[..start],
                at,
                after: &text[end..],
            })
        })
    }
}

/// The length of `2026-01-07`.
const DAY: usize = 10;
/// The length of `T09:02:00.123456789Z`.
const MAX_CLOCK: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_of_backquotes_are_code() {
        for (sentence, expected) in [
            (
                "use `exists: <b>` here",
                "<bdi>use </bdi><code><bdi>exists: &lt;b&gt;</bdi></code><bdi> here</bdi>",
            ),
            ("one ` alone", "<bdi>one ` alone</bdi>"),
            (
                "The last, 2027-01-15T08:00:00Z, was",
                "<bdi>The last, </bdi><time datetime=\"2027-01-15T08:00:00Z\" title=\"2027-01-15 08:00:00 UTC\">2027-01-15 08:00:00</time><bdi>, was</bdi>",
            ),
            ("äöüT1Z", "<bdi>äöüT1Z</bdi>"),
            ("", ""),
        ] {
            assert_eq!(prose(sentence).into_string(), expected);
        }
        let long = prose(&"`x` ".repeat(10_000)).into_string();
        assert!(long.len() < 10_000, "{}", long.len());
    }
}
