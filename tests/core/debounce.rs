//! Property test: debounce windows over time against a model that steps through every second.

use std::collections::BTreeMap;
use std::time::Duration;

use flowtrigger_core::gate::DebounceKeep as Keep;
use flowtrigger_core::gate::debounce::{DebounceAction, DebounceCheck, DebounceWindow};
use flowtrigger_core::run::RunId;
use flowtrigger_core::schedule::ScheduledDuration;
use flowtrigger_testing::debounce_model::{Coming, Started, naive};
use flowtrigger_testing::schedules::minutes;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
}

/// A window as a store would hold it.
struct Kept {
    gathering: DebounceWindow,
    events: Vec<usize>,
}

impl Kept {
    fn close(self, about: u8) -> Started {
        Started {
            second: self.gathering.until.as_second(),
            about,
            events: self.events,
        }
    }
}

/// The runs by the decision under test, one decision per event. A run's id is the number of its event.
fn decided(debounce: &DebounceCheck<'_>, coming: &[Coming]) -> Vec<Started> {
    let mut windows: BTreeMap<u8, Kept> = BTreeMap::new();
    let mut started = Vec::new();
    for (number, (second, about)) in coming.iter().enumerate() {
        let now = at(*second);
        if windows
            .get(about)
            .is_some_and(|kept| kept.gathering.until <= now)
        {
            started.extend(windows.remove(about).map(|kept| kept.close(*about)));
        }
        let before = windows.remove(about);
        let open = before.as_ref().map(|kept| kept.gathering);
        let run = match debounce.turn(open.as_ref()) {
            DebounceAction::Open | DebounceAction::Replace(_) => RunId(number as u64),
            DebounceAction::Join(run) => run,
        };
        let mut events = before.map(|kept| kept.events).unwrap_or_default();
        events.push(number);
        let gathering = DebounceWindow {
            run,
            since: open.map_or(now, |open| open.since),
            until: debounce.until(open.as_ref(), now),
            events: u32::try_from(events.len()).unwrap(),
            bytes: 0,
        };
        windows.insert(*about, Kept { gathering, events });
    }
    for (about, kept) in windows {
        let first = kept.events.first().copied();
        let acts = match debounce.keep {
            Keep::First => first,
            Keep::Last | Keep::All => kept.events.last().copied(),
        };
        assert_eq!(acts.map(|number| number as u64), Some(kept.gathering.run.0));
        started.push(kept.close(about));
    }
    started.sort();
    started
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn windows_agree_with_the_model(
        gaps in proptest::collection::vec((0..40_i64, 0..3_u8), 1..60),
        quiet in 1..60_i64,
        further in proptest::option::of(0..120_i64),
        keep in prop_oneof![Just(Keep::First), Just(Keep::Last), Just(Keep::All)],
        pattern in proptest::option::of(proptest::collection::vec(any::<bool>(), 4)),
    ) {
        let pattern = pattern.filter(|pattern| pattern.contains(&true));
        let during = pattern.as_deref().map(minutes);
        let is_open = |second: i64| {
            let minute = usize::try_from(second / 60).unwrap();
            pattern.as_ref().is_none_or(|pattern| pattern[minute % pattern.len()])
        };
        let at_most = further.map(|further| quiet + further);
        let mut second = 0;
        let coming: Vec<Coming> = gaps
            .into_iter()
            .map(|(gap, about)| {
                second += gap;
                (second, about)
            })
            .collect();
        let span = |seconds: i64| ScheduledDuration {
            time: Duration::from_secs(seconds.unsigned_abs()),
            during: during.clone(),
        };
        let (quiet_time, longest) = (span(quiet), at_most.map(span));
        let debounce = DebounceCheck {
            quiet: &quiet_time,
            at_most: longest.as_ref(),
            keep,
            value: "",
        };
        let naive = naive(&coming, quiet, at_most, second + 4 * quiet + 240, is_open);
        prop_assert_eq!(decided(&debounce, &coming), naive);
    }
}
