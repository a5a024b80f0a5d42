//! Metrics by receiver of requests: attempts by outcome, and their duration. Receivers are the configured connections and
//! the hosts that rules name literally.

use std::collections::BTreeSet;
use std::fmt::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::registry::Unit;

use super::encode::family;
use super::histogram::{BucketLimits, DurationHistogram};
use super::named::NamedCounts;
use flowtrigger_core::config::Config;
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::flow::call::HttpTemplate;
use flowtrigger_core::matching::rule_set::RuleSet;
use flowtrigger_core::run::{Attempt, CallEffect, CallFailure};

/// Receivers with counts of their own.
const MAX_RECEIVERS: usize = 1_000;

/// From 5 ms to 60 s.
const DURATIONS: BucketLimits = &[
    5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000,
];

#[derive(Debug, Clone)]
pub struct ReceiverMetrics(Arc<NamedCounts<ReceiverCounts>>);

#[derive(Debug)]
struct ReceiverCounts {
    /// By outcome, in the order of [`RequestOutcome::ALL`].
    attempts: [AtomicU64; RequestOutcome::ALL.len()],
    durations: DurationHistogram,
}

/// How an attempt of a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RequestOutcome {
    Succeeded,
    /// A status from 400 to 499, except 429.
    ClientError,
    /// Status 429.
    Throttled,
    ServerError,
    /// Any other status that the step does not accept, or a response that is too large.
    UnexpectedResponse,
    /// No connection was made.
    Unreachable,
    /// A connection was made, and no complete response arrived.
    NoResponse,
    /// It was not sent, or not where it was redirected to.
    NotSent,
}

impl RequestOutcome {
    const ALL: [Self; 8] = [
        Self::Succeeded,
        Self::ClientError,
        Self::Throttled,
        Self::ServerError,
        Self::UnexpectedResponse,
        Self::Unreachable,
        Self::NoResponse,
        Self::NotSent,
    ];

    fn of(attempt: &Attempt) -> Self {
        match &attempt.outcome {
            Ok(_) => Self::Succeeded,
            Err(failure) => Self::of_failure(failure),
        }
    }

    fn of_failure(failure: &CallFailure) -> Self {
        match (failure.status, failure.retryable, failure.effect) {
            (Some(429), _, _) => Self::Throttled,
            (Some(400..=499), _, _) => Self::ClientError,
            (Some(500..=599), _, _) => Self::ServerError,
            (Some(_), _, _) => Self::UnexpectedResponse,
            (None, true, CallEffect::None) => Self::Unreachable,
            (None, true, CallEffect::Possible) => Self::NoResponse,
            (None, false, _) => Self::NotSent,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::ClientError => "client_error",
            Self::Throttled => "throttled",
            Self::ServerError => "server_error",
            Self::UnexpectedResponse => "unexpected_response",
            Self::Unreachable => "unreachable",
            Self::NoResponse => "no_response",
            Self::NotSent => "not_sent",
        }
    }
}

impl Default for ReceiverCounts {
    fn default() -> Self {
        Self {
            attempts: Default::default(),
            durations: DurationHistogram::new(DURATIONS),
        }
    }
}

impl Default for ReceiverMetrics {
    fn default() -> Self {
        Self(Arc::new(NamedCounts::new(MAX_RECEIVERS)))
    }
}

/// The configured connections, and the hosts that live rules name literally.
fn receivers(rules: &RuleSet, config: &Config) -> BTreeSet<String> {
    let live = rules.rules.iter().filter(|rule| rule.mode == Mode::Live);
    let steps = live.flat_map(|rule| rule.steps());
    let requests = steps.filter_map(|step| step.action.request());
    let hosts = requests.filter_map(HttpTemplate::literal_host);
    config.connections.keys().cloned().chain(hosts).collect()
}

impl ReceiverMetrics {
    pub fn set_names(&self, rules: &RuleSet, config: &Config) {
        self.0.set_names(receivers(rules, config));
    }

    /// The receivers with counts of their own, and the label value of all others.
    pub fn names(&self) -> Vec<Arc<str>> {
        let counts = self.0.read().into_iter();
        counts.map(|(name, _)| name).collect()
    }

    pub fn observe(&self, receiver: &str, attempt: &Attempt) {
        let outcome = RequestOutcome::of(attempt);
        self.0.count(receiver, |counts| {
            counts.attempts[outcome as usize].fetch_add(1, Ordering::Relaxed);
            counts.durations.observe(attempt.took);
        });
    }
}

impl Collector for ReceiverMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), Error> {
        let receivers = self.0.read();
        let attempts = receivers.iter().flat_map(|(receiver, counts)| {
            let outcomes = RequestOutcome::ALL.iter().zip(&counts.attempts);
            outcomes.map(|(outcome, count)| {
                let labels = [("receiver", &**receiver), ("outcome", outcome.as_str())];
                (labels, ConstCounter::new(count.load(Ordering::Relaxed)))
            })
        });
        family(
            &mut encoder,
            "flowtrigger_receiver_attempts",
            "Attempts of requests, by receiver and outcome",
            None,
            attempts,
        )?;
        let durations = receivers
            .iter()
            .map(|(receiver, counts)| ([("receiver", &**receiver)], &counts.durations));
        family(
            &mut encoder,
            "flowtrigger_receiver_attempt_duration",
            "Duration of attempts of requests, by receiver",
            Some(&Unit::Seconds),
            durations,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_has_the_outcome_of_what_is_known_of_it() {
        let status = |status| CallFailure {
            status: Some(status),
            ..CallFailure::transient("answered")
        };
        for (failure, outcome) in [
            (status(404), "client_error"),
            (status(429), "throttled"),
            (status(503), "server_error"),
            (status(302), "unexpected_response"),
            (
                CallFailure::transient("refused").without_effect(),
                "unreachable",
            ),
            (CallFailure::transient("closed"), "no_response"),
            (CallFailure::permanent("denied"), "not_sent"),
        ] {
            let found = RequestOutcome::of_failure(&failure);
            assert_eq!(found.as_str(), outcome, "{failure:?}");
        }
        for (index, outcome) in RequestOutcome::ALL.into_iter().enumerate() {
            assert_eq!(index, outcome as usize);
        }
    }

    #[test]
    fn receivers_are_connections_and_hosts_that_live_rules_name() {
        let rules = flowtrigger_testing::rules::from_text(
            "name: r\nevent_source: support\nevent_type: ticket.TicketCreated\nflow:\n\
             - http: { url: 'https://a.example/x/{{ ticket.id }}' }\n\
             - http: { url: 'http://b.example:8080' }\n\
             on_dead:\n- http: { url: 'https://c.example/dead' }\n\
             ---\n\
             name: s\nmode: shadow\nevent_source: support\nevent_type: ticket.TicketCreated\nflow:\n\
             - http: { url: 'https://d.example/' }\n",
        );
        let found: Vec<String> = receivers(&rules, &Config::default()).into_iter().collect();
        assert_eq!(found, ["a.example:443", "b.example:8080", "c.example:443"]);
    }
}
