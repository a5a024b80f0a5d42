//! Property test of gates over time against a model.
//! The model marks, for each second, the runs that still count.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::gate::{GateCheck, GateDecision, GateHistory, GateKind};
use crate::run::RunId;
use crate::schedule::ScheduledDuration;

/// A matched event: seconds after the previous one, its value, and whether its run's admission is
/// released later.
type ModelEvent = (i64, u8, bool);

fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
}

/// A run that the gates admitted.
#[derive(Debug, Clone, Copy)]
struct Passed {
    second: i64,
    about: u8,
    released: bool,
}

/// The history that a store would supply: the runs within the window, and the one that must leave it.
fn facts(ask: &GateCheck, passed: &[(RunId, Passed)], now: i64) -> GateHistory {
    let since = ask.since(at(now));
    let counts = |run: &&(RunId, Passed)| {
        let (_, run) = run;
        let same = ask.value.is_empty() || ask.value == value(run.about);
        let counted = ask.kind != GateKind::Dedupe || !run.released;
        same && counted && at(run.second) > since
    };
    let within: Vec<_> = passed.iter().filter(counts).collect();
    let surplus = within.len().checked_sub(ask.kind.limit() as usize);
    GateHistory {
        runs: u32::try_from(within.len()).unwrap(),
        oldest: surplus.map(|index| (within[index].0, at(within[index].1.second))),
    }
}

fn value(about: u8) -> String {
    format!("ticket.id {about}")
}

/// The number of runs that count in each second.
#[derive(Default)]
struct Timeline(std::collections::HashMap<(i64, Option<u8>), u32>);

impl Timeline {
    fn mark(&mut self, from: i64, window: i64, about: Option<u8>) {
        for second in from..from + window {
            *self.0.entry((second, about)).or_default() += 1;
        }
    }

    fn at(&self, second: i64, about: Option<u8>) -> u32 {
        self.0.get(&(second, about)).copied().unwrap_or(0)
    }
}

fn ask(kind: GateKind, window: i64, value: String) -> GateCheck {
    GateCheck {
        kind,
        window: ScheduledDuration::always(Duration::from_secs(window.unsigned_abs())),
        value,
        time: None,
    }
}

/// Checks that the reported opening time of a closed gate is right.
fn check_opening_time(
    ask: &GateCheck,
    passed: &[(RunId, Passed)],
    now: i64,
    why: &str,
) -> Result<(), TestCaseError> {
    let decide = |second| ask.decide(&facts(ask, passed, second));
    let window = i64::try_from(ask.window.time.as_secs()).unwrap();
    let opens = (now..=now + window).find(|second| decide(*second) == GateDecision::Admit);
    prop_assert!(opens.is_some(), "it never opens: {}", why);
    let opens = at(opens.unwrap_or(now));
    prop_assert!(
        why.ends_with(&format!("opens again at {opens}")),
        "{} is {}",
        why,
        opens
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn gates_agree_with_the_model(
        arrivals in proptest::collection::vec((0..40_i64, 0..3_u8, any::<bool>()), 1..60),
        dedupe in 1..90_i64,
        limit in 1..5_u32,
        throttle in 1..120_i64,
        apart in any::<bool>(),
    ) {
        let (mut passed, mut now): (Vec<(RunId, Passed)>, i64) = (Vec::new(), 1_000);
        let (mut seen, mut rate) = (Timeline::default(), Timeline::default());
        for (gap, about, released) in arrivals as Vec<ModelEvent> {
            now += gap;
            let per = apart.then_some(about);
            let first = ask(GateKind::Dedupe, dedupe, value(about));
            let second = ask(GateKind::Throttle { limit }, throttle, per.map(value).unwrap_or_default());
            let model = [seen.at(now, Some(about)) == 0, rate.at(now, per) < limit];
            for (gate, open) in [&first, &second].into_iter().zip(model) {
                match gate.decide(&facts(gate, &passed, now)) {
                    GateDecision::Admit => prop_assert!(open, "{:?} at {}", gate, now),
                    GateDecision::Suppress { why } => {
                        prop_assert!(!open, "{:?} at {}: {}", gate, now, why);
                        check_opening_time(gate, &passed, now, &why)?;
                    }
                }
            }
            // A run counts for a gate only if all gates admit it.
            if model == [true, true] {
                let id = RunId(passed.len() as u64 + 1);
                passed.push((id, Passed { second: now, about, released }));
                rate.mark(now, throttle, per);
                if !released {
                    seen.mark(now, dedupe, Some(about));
                }
            }
        }
    }
}
