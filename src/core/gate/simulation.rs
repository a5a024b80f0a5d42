//! Gates over time against a naive reading of them: a line of seconds, each marked by the runs that
//! still count in it. It shares nothing with the decision but the question.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{Ask, Facts, Kind, Opening};
use crate::core::run::RunId;

/// An event that matched: seconds after the one before, what it is about, and whether its run later
/// gives its place back.
type Arrival = (i64, u8, bool);

fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
}

/// A run that passed the gates.
#[derive(Debug, Clone, Copy)]
struct Passed {
    second: i64,
    about: u8,
    given_back: bool,
}

/// What a store would know: the runs within the window, and which of them must leave it.
fn facts(ask: &Ask, passed: &[(RunId, Passed)], now: i64) -> Facts {
    let since = ask.since(at(now));
    let counts = |run: &&(RunId, Passed)| {
        let (_, run) = run;
        let same = ask.value.is_empty() || ask.value == value(run.about);
        let kept = ask.kind != Kind::Dedupe || !run.given_back;
        same && kept && at(run.second) > since
    };
    let within: Vec<_> = passed.iter().filter(counts).collect();
    let surplus = within.len().checked_sub(ask.kind.limit() as usize);
    Facts {
        runs: u32::try_from(within.len()).unwrap(),
        oldest: surplus.map(|index| (within[index].0, at(within[index].1.second))),
    }
}

fn value(about: u8) -> String {
    format!("ticket.id {about}")
}

/// The seconds in which so many runs count, marked one by one.
#[derive(Default)]
struct Line(std::collections::HashMap<(i64, Option<u8>), u32>);

impl Line {
    fn mark(&mut self, from: i64, window: i64, about: Option<u8>) {
        for second in from..from + window {
            *self.0.entry((second, about)).or_default() += 1;
        }
    }

    fn at(&self, second: i64, about: Option<u8>) -> u32 {
        self.0.get(&(second, about)).copied().unwrap_or(0)
    }
}

fn ask(kind: Kind, window: i64, value: String) -> Ask {
    Ask {
        kind,
        window: Duration::from_secs(window.unsigned_abs()),
        value,
    }
}

/// Whether the closed gate tells truly when it opens.
fn opens_as_told(
    ask: &Ask,
    passed: &[(RunId, Passed)],
    now: i64,
    why: &str,
) -> Result<(), TestCaseError> {
    let decide = |second| ask.decide(&facts(ask, passed, second));
    let window = i64::try_from(ask.window.as_secs()).unwrap();
    let opens = (now..=now + window).find(|second| decide(*second) == Opening::Open);
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
    fn gates_let_through_what_a_naive_reading_lets_through(
        arrivals in proptest::collection::vec((0..40_i64, 0..3_u8, any::<bool>()), 1..60),
        dedupe in 1..90_i64,
        limit in 1..5_u32,
        throttle in 1..120_i64,
        apart in any::<bool>(),
    ) {
        let (mut passed, mut now): (Vec<(RunId, Passed)>, i64) = (Vec::new(), 1_000);
        let (mut seen, mut rate) = (Line::default(), Line::default());
        for (gap, about, given_back) in arrivals as Vec<Arrival> {
            now += gap;
            let per = apart.then_some(about);
            let first = ask(Kind::Dedupe, dedupe, value(about));
            let second = ask(Kind::Throttle { limit }, throttle, per.map(value).unwrap_or_default());
            let naive = [seen.at(now, Some(about)) == 0, rate.at(now, per) < limit];
            for (gate, open) in [&first, &second].into_iter().zip(naive) {
                match gate.decide(&facts(gate, &passed, now)) {
                    Opening::Open => prop_assert!(open, "{:?} at {}", gate, now),
                    Opening::Closed { why } => {
                        prop_assert!(!open, "{:?} at {}: {}", gate, now, why);
                        opens_as_told(gate, &passed, now, &why)?;
                    }
                }
            }
            // A gate is charged only for what passes all of them.
            if naive == [true, true] {
                let id = RunId(passed.len() as u64 + 1);
                passed.push((id, Passed { second: now, about, given_back }));
                rate.mark(now, throttle, per);
                if !given_back {
                    seen.mark(now, dedupe, Some(about));
                }
            }
        }
    }
}
