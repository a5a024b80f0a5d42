//! Reads `retry` of a step, of a connection and of `outgoing`, and finds the retry policy of a connection.
//! A policy whose first delay exceeds its limits is an error.

use std::time::Duration;

use serde_json::Value;

use crate::config::Config;
use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::decode::Decode;
use crate::document::vocabulary::{Vocabulary, duration, number, words};
use crate::document::{Node, Yaml};
use crate::language::during::{REGULAR_HOURS, during, lower_during};
use crate::language::resolver::NameResolver;
use crate::run::retry::RetryPolicy;
use crate::schedule::During;

/// The keys of `retry` of a connection and of `outgoing`.
pub const OUTAGE_RETRY: Vocabulary = Vocabulary {
    name: "`retry`",
    words: words! {
        "for" duration =>
            "How long requests are attempted again, from the first attempt on. Time in which the run waits for something else, such as a receiver that is down, does not count. At most 30d. Default: 8h.";
        "attempts" number => "The maximum number of attempts, the first included. Default: no maximum.";
        "backoff" duration =>
            "The delay before the second attempt; it doubles with each further attempt. Default: 1s.";
        "max_delay" duration => "The maximum delay between two attempts. Default: 5m.";
        "during" during =>
            "The schedule in whose open hours further attempts are made, or `{ not: SCHEDULE }`. Only these hours count for `for`. The first attempt is not delayed.";
    },
};

const MAX_ATTEMPTS: u64 = 100;
const MAX_TIME: Duration = Duration::from_secs(30 * 86_400);
/// The attempts that a policy without `attempts` may make.
const MAX_UNCOUNTED: u32 = 10_000;

impl Config {
    /// The retry policy for outages of a connection, or of the hosts without one.
    pub fn outage_retry(&self, connection: Option<&str>) -> RetryPolicy {
        let connection = connection.and_then(|name| self.connections.get(name));
        let own = connection.and_then(|connection| connection.retry.as_ref());
        let found = own.or(self.outages.retry.as_ref());
        found.cloned().unwrap_or_else(RetryPolicy::of_outages)
    }
}

pub fn schema() -> Value {
    OUTAGE_RETRY.schema(&[])
}

/// Reads `retry` of a connection or of `outgoing`; `None` after an error was reported.
pub fn lower(node: &Node, names: &mut NameResolver<'_>) -> Option<RetryPolicy> {
    const EXAMPLE: &str = "write `retry: { for: 8h, max_delay: 5m }`";
    let default = RetryPolicy::of_outages();
    lower_policy(node, (&OUTAGE_RETRY, EXAMPLE), &default, names)
}

/// Reads a mapping with the keys of a vocabulary. Keys that are missing have the values of `default`.
pub fn lower_policy(
    node: &Node,
    (vocabulary, example): (&Vocabulary, &str),
    default: &RetryPolicy,
    names: &mut NameResolver<'_>,
) -> Option<RetryPolicy> {
    let during = match node.get("during") {
        Some(during) => Some(lower_attempt_hours(during, names)?),
        None => default.during.clone(),
    };
    let diagnostics = &mut *names.diagnostics;
    if node.as_map().is_none() {
        let message = format!("`retry` takes a mapping, found {}", node.kind());
        return diagnostics.reject(Code::WrongType, node.at, message, example);
    }
    diagnostics.entries(node, vocabulary)?;
    let max_time = match node.get("for") {
        Some(node) => lower_time(node, diagnostics).map(Some),
        None => Some(default.max_time),
    };
    let attempts = match node.get("attempts") {
        Some(node) => lower_attempts(node, diagnostics).map(Some),
        None => Some(default.attempts),
    };
    let backoff = match node.get("backoff") {
        Some(node) => diagnostics.duration(node, "backoff"),
        None => Some(default.backoff),
    };
    let max_delay = match node.get("max_delay") {
        Some(node) => diagnostics.duration(node, "max_delay"),
        None => Some(default.max_delay.max(backoff?)),
    };
    let retry = RetryPolicy {
        attempts: attempts?,
        max_time: max_time?,
        backoff: backoff?,
        max_delay: max_delay?,
        during,
    };
    if retry.backoff > retry.max_delay {
        let message = "`backoff` is longer than `max_delay`";
        let help = "the first delay is `backoff`; make `max_delay` at least as long";
        return diagnostics.reject_value(node.at, message, help);
    }
    if retry.max_time.is_some_and(|time| retry.backoff > time) {
        let message = "`backoff` is longer than `for`";
        let help = "the first delay is `backoff`; make `for` at least as long, or write `attempts: 1` for no retry";
        return diagnostics.reject_value(node.at, message, help);
    }
    if is_unlimited(&retry) {
        let message = format!("`retry` allows more than {MAX_UNCOUNTED} attempts");
        let help = "raise `backoff` and `max_delay`, shorten `for`, or add `attempts`";
        return diagnostics.reject_value(node.at, message, help);
    }
    Some(retry)
}

/// Lowers the schedule of further attempts, which must have open hours in future.
fn lower_attempt_hours(node: &Node, names: &mut NameResolver<'_>) -> Option<During> {
    let during = lower_during(node, names)?;
    if during.ends_for_ever() {
        let message = format!("no further attempt is ever due: {}", during.never_again());
        return names.reject_value(node.at, message, REGULAR_HOURS);
    }
    Some(during)
}

/// Whether only the time limits the attempts, and so many fit into it that a run would keep the daemon busy.
fn is_unlimited(retry: &RetryPolicy) -> bool {
    let time = retry.max_time.unwrap_or(Duration::MAX);
    let fits = time > retry.max_delay.saturating_mul(MAX_UNCOUNTED);
    retry.attempts.is_none() && (fits || retry.backoff.is_zero())
}

fn lower_time(node: &Node, diagnostics: &mut Diagnostics) -> Option<Duration> {
    let time = diagnostics.duration(node, "for")?;
    if (Duration::from_secs(1)..=MAX_TIME).contains(&time) {
        return Some(time);
    }
    let help = "write `for: 8h`; for no retry write `attempts: 1`";
    diagnostics.reject_value(node.at, "`for` is at least 1s and at most 30d", help)
}

fn lower_attempts(node: &Node, diagnostics: &mut Diagnostics) -> Option<u32> {
    let number = match &node.value {
        Yaml::Number(number) => number.as_u64().filter(|n| (1..=MAX_ATTEMPTS).contains(n)),
        _ => None,
    };
    if number.is_none() {
        let message = format!("`attempts` takes a number from 1 to {MAX_ATTEMPTS}");
        let help = "the first attempt counts; 1 means no retry";
        diagnostics.invalid(node.at, message, help);
    }
    number.map(|n| u32::try_from(n).expect("the range fits"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::parse;
    use crate::diagnostic::FileId;

    fn read(text: &str) -> (Config, Vec<String>) {
        let mut diagnostics = Diagnostics::default();
        let config = parse(FileId::default(), text, &BTreeMap::new(), &mut diagnostics);
        let found = diagnostics.sorted().into_iter();
        let found = found.map(|found| {
            let help = found.help.clone().unwrap_or_default();
            format!("{} | {help}", found.message)
        });
        (config, found.collect())
    }

    #[test]
    fn a_connection_overrides_outgoing_which_overrides_the_default() {
        let (config, _) = read("{}");
        assert_eq!(config.outage_retry(None), RetryPolicy::of_outages());
        let (config, errors) = read(
            "outgoing: { retry: { attempts: 9 } }\nconnections: { chat: { base_url: 'https://chat.example', retry: { for: 2h } }, crm: { base_url: 'https://crm.example' } }",
        );
        assert_eq!(errors, Vec::<String>::new());
        let nine = RetryPolicy {
            attempts: Some(9),
            ..RetryPolicy::of_outages()
        };
        let two_hours = RetryPolicy {
            max_time: Some(Duration::from_secs(7_200)),
            ..RetryPolicy::of_outages()
        };
        assert_eq!(config.outage_retry(None), nine);
        assert_eq!(config.outage_retry(Some("crm")), nine);
        assert_eq!(config.outage_retry(Some("chat")), two_hours);
    }

    #[test]
    fn mistakes_say_what_to_write() {
        for (text, part) in [
            ("{ for: 0s }", "at least 1s and at most 30d"),
            ("{ for: 31d }", "at least 1s and at most 30d"),
            ("{ for: 8 }", "`for` takes a duration"),
            ("{ attempts: 0 }", "a number from 1 to 100"),
            ("{ backoff: 10m, max_delay: 1m }", "longer than `max_delay`"),
            ("{ for: 1m, backoff: 2m }", "`backoff` is longer than `for`"),
            ("{ backoff: 0s }", "more than 10000 attempts"),
            ("{ for: 30d, max_delay: 1m }", "more than 10000 attempts"),
            ("{ time: 8h }", "unknown key `time`"),
            ("8h", "write `retry: { for: 8h, max_delay: 5m }`"),
        ] {
            let (config, errors) = read(&format!("outgoing: {{ retry: {text} }}"));
            let [error] = errors.as_slice() else {
                panic!("{text}: {errors:?}");
            };
            assert!(error.contains(part), "{text}: {error}");
            assert_eq!(config.outage_retry(None), RetryPolicy::of_outages());
        }
        let (_, errors) = read("outgoing: { retry: { backoff: 0s, attempts: 3 } }");
        assert_eq!(errors, Vec::<String>::new());
    }
}
