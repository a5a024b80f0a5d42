//! Property test: gates whose windows count open hours only, against a model that counts open seconds one by one.

use std::time::Duration;

use flowtrigger_core::gate::reading::ClosedGate;
use flowtrigger_core::gate::{GateCheck, GateDecision, GateHistory, GateKind};
use flowtrigger_core::run::RunId;
use flowtrigger_core::schedule::{During, ScheduledDuration};
use flowtrigger_testing::debounce_model::open_seconds;
use flowtrigger_testing::rules;
use flowtrigger_testing::schedules::minutes;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
}

fn check(limit: u32, window: i64, during: &During) -> GateCheck {
    GateCheck {
        kind: match limit {
            1 => GateKind::Dedupe,
            limit => GateKind::Throttle { limit },
        },
        window: ScheduledDuration {
            time: Duration::from_secs(window.unsigned_abs()),
            during: Some(during.clone()),
        },
        value: String::new(),
        time: None,
    }
}

/// What a store finds of the runs that were admitted in these seconds.
fn history(check: &GateCheck, limit: u32, admitted: &[i64], now: i64) -> GateHistory {
    let since = check.since(at(now));
    let within: Vec<i64> = admitted
        .iter()
        .copied()
        .filter(|second| at(*second) > since)
        .collect();
    let surplus = within.len().checked_sub(limit as usize);
    GateHistory {
        runs: u32::try_from(within.len()).unwrap(),
        oldest: surplus.map(|index| (RunId(1), at(within[index]))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn only_open_seconds_count(
        pattern in proptest::collection::vec(any::<bool>(), 8),
        negated in any::<bool>(),
        gaps in proptest::collection::vec(0..150_i64, 1..40),
        limit in 1..4_u32,
        window in 1..400_i64,
    ) {
        prop_assume!(pattern.contains(&true) && pattern.contains(&false));
        let during = During { negated, ..minutes(&pattern) };
        let is_open = |second: i64| {
            let minute = usize::try_from(second / 60).unwrap();
            pattern[minute % pattern.len()] != negated
        };
        let check = check(limit, window, &during);
        // Long enough for the longest window after the last event.
        let open = open_seconds(20_000, is_open);
        // The seconds in which runs were admitted, by the model.
        let mut admitted: Vec<i64> = Vec::new();
        let admits = |admitted: &[i64], now: i64| {
            let counts = |from: &&i64| open(now) - open(**from) < window;
            admitted.iter().rev().take_while(counts).count() < limit as usize
        };
        let mut now = 1_000;
        for gap in gaps {
            now += gap;
            let expected = admits(&admitted, now);
            match check.decide(&history(&check, limit, &admitted, now)) {
                GateDecision::Admit => prop_assert!(expected, "admitted at {}", now),
                GateDecision::Suppress { why } => {
                    prop_assert!(!expected, "suppressed at {}: {}", now, why);
                    let opens = ClosedGate::read(&why).opens.expect("a time").as_second();
                    prop_assert!(!admits(&admitted, opens - 1), "{} at {}", why, now);
                    prop_assert!(admits(&admitted, opens), "{} at {}", why, now);
                }
            }
            if expected {
                admitted.push(now);
            }
        }
    }
}

#[test]
fn every_use_of_a_schedule_by_a_rule_is_found() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "unused"];
    let schedules: String = names
        .iter()
        .map(|name| format!("  {name}: {{ zone: UTC, hours: {{ daily: \"09:00-17:00\" }} }}\n"))
        .collect();
    let config = rules::config(&format!("schedules:\n{schedules}"));
    let text = "name: r
event_source: support
event_type: ticket.CommentAdded
during: a
when: { any: [{ event.time: { during: { not: b } } }, { event.time: { during: a } }] }
throttle: { per: ticket.id, limit: 1, in: { for: 1h, during: c } }
flow:
- wait: { for: 1h, during: d }
- wait_for:
    any: [{ event_type: ticket.CommentAdded, same: ticket.id, when: { event.time: { during: e } } }]
    within: { for: 1h, during: f }
    otherwise: [{ wait: { for: 1h, during: g } }]
";
    let set = rules::load(&[("rules/r.yaml", text)], &config);
    let used = set.rules[0].schedules();
    let used: Vec<&str> = used.iter().map(|schedule| schedule.name.as_str()).collect();
    assert_eq!(used, names[..7]);
}
