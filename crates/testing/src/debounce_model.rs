//! A model of debounce windows that steps through every second and keeps nothing but the events.

use std::collections::BTreeMap;

/// An event: its second and its value.
pub type Coming = (i64, u8);

/// A run that starts: its second, its value and the numbers of its events.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Started {
    pub second: i64,
    pub about: u8,
    pub events: Vec<usize>,
}

/// The runs that start until `end`, found by stepping through every second. Only open seconds count.
pub fn naive(
    coming: &[Coming],
    quiet: i64,
    at_most: Option<i64>,
    end: i64,
    is_open: impl Fn(i64) -> bool,
) -> Vec<Started> {
    let passed = open_seconds(end, is_open);
    let mut started = Vec::new();
    let mut open: BTreeMap<u8, Vec<usize>> = BTreeMap::new();
    for second in 0..=end {
        open.retain(|about, events| {
            let time = |index: Option<&usize>| coming[*index.unwrap()].0;
            let is_quiet = passed(second) - passed(time(events.last())) >= quiet;
            let is_late =
                at_most.is_some_and(|most| passed(second) - passed(time(events.first())) >= most);
            if is_quiet || is_late {
                started.push(Started {
                    second,
                    about: *about,
                    events: std::mem::take(events),
                });
            }
            !events.is_empty()
        });
        for (number, (_, about)) in coming.iter().enumerate().filter(|(_, one)| one.0 == second) {
            open.entry(*about).or_default().push(number);
        }
    }
    started.sort();
    started
}

/// How many seconds were open before each second until `end`.
pub fn open_seconds(end: i64, is_open: impl Fn(i64) -> bool) -> impl Fn(i64) -> i64 {
    let counted = (0..=end).scan(0, |open, second| {
        let before = *open;
        *open += i64::from(is_open(second));
        Some(before)
    });
    let counted: Vec<i64> = counted.collect();
    move |second| counted[usize::try_from(second).expect("a second of the test")]
}
