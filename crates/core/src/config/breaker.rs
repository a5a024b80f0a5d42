//! Reads `breaker` of a connection and of `outgoing`: when a receiver counts as down, and how its runs continue.
//! `off` disables the breaker; limits that could never apply are errors.

use std::time::Duration;

use serde_json::{Value, json};

use crate::config::Config;
use crate::config::rate_limit::RateLimit;
use crate::diagnostic::{Diagnostics, Report};
use crate::document::decode::Decode;
use crate::document::vocabulary::{Vocabulary, duration, words};
use crate::document::{Node, Yaml};

/// When a receiver counts as down, and how its runs continue afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    /// So many outage-like failures in a row mean that the receiver is down.
    pub failures: u32,
    /// The time between two probes of a receiver that is down.
    pub probe: Duration,
    /// The rate at which its waiting runs continue when it works again.
    pub resume: RateLimit,
}

/// The value of `breaker`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerSetting {
    On(Breaker),
    Off,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            failures: 5,
            probe: Duration::from_secs(30),
            resume: RateLimit {
                limit: 10,
                within: Duration::from_secs(1),
            },
        }
    }
}

impl BreakerSetting {
    /// `None` is `off`.
    pub fn breaker(self) -> Option<Breaker> {
        match self {
            BreakerSetting::On(breaker) => Some(breaker),
            BreakerSetting::Off => None,
        }
    }
}

impl Config {
    /// The breaker of a connection, or of the hosts without one; `None` is `off`.
    pub fn breaker(&self, connection: Option<&str>) -> Option<Breaker> {
        let connection = connection.and_then(|name| self.connections.get(name));
        let own = connection.and_then(|connection| connection.breaker);
        match own.or(self.outages.breaker) {
            Some(setting) => setting.breaker(),
            None => Some(Breaker::default()),
        }
    }
}

pub const BREAKER: Vocabulary = Vocabulary {
    name: "`breaker`",
    words: words! {
        "failures" failures =>
            "The number of failures in a row after which the receiver counts as down: connection errors, time-outs, 408, 429 and 5xx. Default: 5.";
        "probe" duration =>
            "The time between two attempts while the receiver is down; one run at a time makes them. Default: 30s.";
        "resume" rate =>
            "The rate at which the waiting runs continue when the receiver works again, as `10/s`, `600/m` or `3600/h`. Default: 10/s.";
    },
};

const MAX_FAILURES: u64 = 1_000;
const PROBE_MIN: Duration = Duration::from_secs(1);
const PROBE_MAX: Duration = Duration::from_secs(3_600);

fn failures() -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": MAX_FAILURES, "default": 5})
}

fn rate() -> Value {
    json!({"type": "string", "pattern": "^[1-9][0-9]*/[smh]$", "examples": ["10/s", "600/m"]})
}

pub fn schema() -> Value {
    json!({"oneOf": [{"const": "off"}, BREAKER.schema(&[])]})
}

/// Reads a mapping, or `off`. An invalid value is reported and replaced by its default.
pub fn lower(node: &Node, diagnostics: &mut Diagnostics) -> BreakerSetting {
    if node.as_text() == Some("off") || matches!(node.value, Yaml::Bool(false)) {
        return BreakerSetting::Off;
    }
    let mut breaker = Breaker::default();
    if diagnostics.entries(node, &BREAKER).is_none() {
        return BreakerSetting::On(breaker);
    }
    if let Some(node) = node.get("failures") {
        let failures = diagnostics.whole_number(node, "failures", 1..=MAX_FAILURES);
        let failures = failures.map(|number| u32::try_from(number).expect("the range fits"));
        breaker.failures = failures.unwrap_or(breaker.failures);
    }
    if let Some(node) = node.get("probe") {
        breaker.probe = lower_probe(node, diagnostics).unwrap_or(breaker.probe);
    }
    if let Some(node) = node.get("resume") {
        breaker.resume = lower_rate(node, diagnostics).unwrap_or(breaker.resume);
    }
    BreakerSetting::On(breaker)
}

fn lower_probe(node: &Node, diagnostics: &mut Diagnostics) -> Option<Duration> {
    let probe = diagnostics.duration(node, "probe")?;
    if (PROBE_MIN..=PROBE_MAX).contains(&probe) {
        return Some(probe);
    }
    let help = "write `probe: 30s`; each probe is one attempt of a waiting run";
    diagnostics.reject_value(node.at, "`probe` is at least 1s and at most 1h", help)
}

fn lower_rate(node: &Node, diagnostics: &mut Diagnostics) -> Option<RateLimit> {
    let rate = node.as_text().and_then(RateLimit::parse);
    if rate.is_none() {
        let message = "`resume` takes a number of runs and a unit, up to 1000/s";
        let help = "write `resume: 10/s`, `600/m` or `3600/h`";
        diagnostics.invalid(node.at, message, help);
    }
    rate
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

    fn valid(text: &str) -> Config {
        let (config, errors) = read(text);
        assert_eq!(errors, Vec::<String>::new(), "{text}");
        config
    }

    #[test]
    fn a_connection_overrides_outgoing_which_overrides_the_default() {
        assert_eq!(valid("{}").breaker(None), Some(Breaker::default()));
        let config = valid(
            "outgoing: { breaker: { failures: 3 } }\nconnections:\n  chat: { base_url: 'https://chat.example', breaker: { probe: 1m, resume: 600/m } }\n  crm: { base_url: 'https://crm.example' }\n  pager: { base_url: 'https://pager.example', breaker: off }",
        );
        let three = Breaker {
            failures: 3,
            ..Breaker::default()
        };
        let chat = Breaker {
            probe: Duration::from_secs(60),
            resume: RateLimit {
                limit: 600,
                within: Duration::from_secs(60),
            },
            ..Breaker::default()
        };
        assert_eq!(config.breaker(None), Some(three));
        assert_eq!(config.breaker(Some("crm")), Some(three));
        assert_eq!(config.breaker(Some("not there")), Some(three));
        assert_eq!(config.breaker(Some("chat")), Some(chat));
        assert_eq!(config.breaker(Some("pager")), None);
        let off = valid("outgoing: { breaker: off }");
        assert_eq!(off.breaker(None), None);
    }

    #[test]
    fn mistakes_say_what_to_write() {
        for (text, part) in [
            ("{ failures: 0 }", "a whole number from 1 to 1000"),
            ("{ failures: 5.5 }", "a whole number from 1 to 1000"),
            ("{ probe: 500ms }", "at least 1s and at most 1h"),
            ("{ probe: 2h }", "at least 1s and at most 1h"),
            ("{ resume: 10 }", "write `resume: 10/s`"),
            ("{ resume: 0/s }", "write `resume: 10/s`"),
            ("{ resume: 1001/s }", "up to 1000/s"),
            ("{ resume: 10/d }", "write `resume: 10/s`"),
            ("{ failure: 5 }", "`failures`"),
            ("5", "`breaker` takes a mapping"),
        ] {
            let (config, errors) = read(&format!("outgoing: {{ breaker: {text} }}"));
            let [error] = errors.as_slice() else {
                panic!("{text}: {errors:?}");
            };
            assert!(error.contains(part), "{text}: {error}");
            assert_eq!(config.breaker(None), Some(Breaker::default()), "{text}");
        }
    }
}
