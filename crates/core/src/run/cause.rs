//! Replaces what differs from run to run in an error: numbers of tickets, times, ids. Statuses and addresses stay.
//! Errors that are equal then have one cause.

/// What stands for a replaced part.
const REPLACED: &str = "…";
/// A number with fewer digits may be a status or a count.
const MIN_DIGITS: usize = 4;
/// A text of letters and digits of this length is an id.
const MIN_ID: usize = 12;

/// The error with `…` for numbers of four digits and more, for times, for ids, and for how often was attempted.
pub fn normalised(error: &str) -> String {
    let error = without_attempts(error);
    let mut text = String::with_capacity(error.len());
    let mut rest = error.as_str();
    while let Some(first) = rest.chars().next() {
        let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        if length == 0 {
            text.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (word, after) = rest.split_at(length);
        // The end of a sentence or of a clause is not a part of the word.
        let bare = word.trim_end_matches(['.', ':', '-', '+', '_']);
        let is_named = text.ends_with('#');
        text.push_str(&replaced(bare, is_named));
        text.push_str(&word[bare.len()..]);
        rest = after;
    }
    text
}

/// The error without the number of attempts that a step had before it failed: it depends on the time, not on the cause.
fn without_attempts(error: &str) -> String {
    const BEFORE: &str = " failed after ";
    let Some((before, rest)) = error.split_once(BEFORE) else {
        return error.to_owned();
    };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    match rest[digits..].strip_prefix(" attempts") {
        Some(after) if digits > 0 => format!("{before}{BEFORE}{REPLACED} attempts{after}"),
        Some(_) | None => error.to_owned(),
    }
}

/// Whether a character can be in the middle of a time, an id or a number.
fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-' | '+' | '_')
}

fn replaced(word: &str, is_named: bool) -> String {
    let is_number = !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    if (is_number && is_named) || is_time(word) || is_id(word) {
        return REPLACED.to_owned();
    }
    if is_address(word) {
        return word.to_owned();
    }
    without_long_numbers(word)
}

/// `11:02:30`, `2026-11-27`, `2026-11-27T11:02:30.25Z`.
fn is_time(word: &str) -> bool {
    let fits = |c: char| c.is_ascii_digit() || matches!(c, ':' | '-' | '.' | '+' | 'T' | 'Z');
    let joins = word.chars().filter(|c| matches!(c, ':' | '-')).count();
    joins >= 2 && word.starts_with(|c: char| c.is_ascii_digit()) && word.chars().all(fits)
}

/// Hexadecimal digits with hyphens, as in a UUID or a digest; or a long mixture of letters and digits.
fn is_id(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let letters = word.bytes().filter(u8::is_ascii_alphabetic).count();
    let is_hexadecimal = word.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let is_mixture = letters >= 3 && digits >= 4 && letters + digits == word.len();
    word.len() >= MIN_ID && digits > 0 && (is_hexadecimal || is_mixture)
}

/// `192.0.2.1` or `192.0.2.1:8080`.
fn is_address(word: &str) -> bool {
    let (host, port) = word.split_once(':').unwrap_or((word, "0"));
    let is_number = |part: &str| part.len() <= 3 && part.parse::<u8>().is_ok();
    let numbers = host.split('.').filter(|part| is_number(part)).count();
    numbers == 4 && host.split('.').count() == 4 && port.parse::<u16>().is_ok()
}

fn without_long_numbers(word: &str) -> String {
    let mut text = String::with_capacity(word.len());
    let mut rest = word;
    while !rest.is_empty() {
        let start = rest.find(|c: char| c.is_ascii_digit());
        let (before, digits) = rest.split_at(start.unwrap_or(rest.len()));
        let end = digits.find(|c: char| !c.is_ascii_digit());
        let (digits, after) = digits.split_at(end.unwrap_or(digits.len()));
        text.push_str(before);
        text.push_str(match digits.len() >= MIN_DIGITS {
            true => REPLACED,
            false => digits,
        });
        rest = after;
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_differs_from_run_to_run_is_replaced() {
        for (error, expected) in [
            (
                "answered 503 Service Unavailable",
                "answered 503 Service Unavailable",
            ),
            ("ticket 90417 is closed", "ticket … is closed"),
            (
                "step `page` failed after 17 attempts: answered 503",
                "step `page` failed after … attempts: answered 503",
            ),
            ("ticket #7 is closed.", "ticket #… is closed."),
            ("T-2259: no such order", "T-…: no such order"),
            ("not before 2026-11-27T11:02:30.25Z", "not before …"),
            ("closed at 11:02:30.", "closed at …."),
            ("on 2026-11-27, at 9", "on …, at 9"),
            (
                "request 0f8fad5b-d9cb-469f-a165-70867728950e failed",
                "request … failed",
            ),
            ("key 01J9Z6V8Q0ABCDEF12", "key …"),
            (
                "connect to 192.0.2.1:8080: connection refused",
                "connect to 192.0.2.1:8080: connection refused",
            ),
            (
                "`https://a.example/tickets/90417.json`",
                "`https://a.example/tickets/….json`",
            ),
            ("exit status 127 after 30s", "exit status 127 after 30s"),
            ("status 200: \"é 12345\"", "status 200: \"é …\""),
            ("", ""),
        ] {
            assert_eq!(normalised(error), expected);
        }
    }

    proptest! {
        #[test]
        fn an_error_without_digits_stays_as_it_is(error in "[^0-9]{0,60}") {
            prop_assert_eq!(normalised(&error), error);
        }

        #[test]
        fn the_ticket_makes_no_difference(a in 1_000u64.., b in 1_000u64.., text in "[a-z ]{0,9}") {
            let error = |ticket: u64| format!("{text} ticket {ticket}: answered 422");
            prop_assert_eq!(normalised(&error(a)), normalised(&error(b)));
        }

        #[test]
        fn statuses_differ(a in 100u16..600, b in 100u16..600) {
            let error = |status: u16| format!("answered {status} for ticket 90417");
            prop_assert_eq!(normalised(&error(a)) == normalised(&error(b)), a == b);
        }
    }
}
