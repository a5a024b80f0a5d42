//! Runs of a rule and of its shadow version are found by what they tell of each other.

use std::sync::Arc;
use std::time::Duration;

use super::{later, live_rule, of_ticket};
use crate::store::history::{Page, RunComparison, RunFilter, RunRow};
use crate::store::{History, PlannedRun, Store};
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::gate::{GateCheck, GateKind};
use flowtrigger_core::rule::Rule;
use flowtrigger_core::schedule::ScheduledDuration;

/// The run of a rule of the pair; `other` says whether the other rule matched.
fn planned(rule: &Arc<Rule>, mode: Mode, asks: &[GateCheck], other: bool) -> PlannedRun {
    PlannedRun {
        rule: Arc::clone(rule),
        mode,
        lane: None,
        loop_ask: None,
        asks: asks.to_vec(),
        waiters: Vec::new(),
        counterpart: Some(other),
    }
}

pub async fn a_rule_is_compared_with_its_shadow_version<S: Store, H: History>(
    (store, history): (S, H),
) {
    let rule = live_rule("a");
    let shadow = Arc::new(Rule::clone(&rule).into_shadow_version());
    let once = GateCheck {
        kind: GateKind::Dedupe,
        window: ScheduledDuration::always(Duration::from_secs(900)),
        value: "ticket.id 7".into(),
        time: None,
    };
    let once = [once];
    // Both, only the rule, only the shadow version, and one that only the gate of the shadow version stops.
    let events = [
        vec![
            planned(&rule, Mode::Live, &[], true),
            planned(&shadow, Mode::Shadow, &once, true),
        ],
        vec![planned(&rule, Mode::Live, &[], false)],
        vec![planned(&shadow, Mode::Shadow, &[], false)],
        vec![
            planned(&rule, Mode::Live, &[], true),
            planned(&shadow, Mode::Shadow, &once, true),
        ],
    ];
    for (number, planned) in events.into_iter().enumerate() {
        let mut arrival = of_ticket(&number.to_string(), "7", &rule, number as i64);
        arrival.received = later(number as i64);
        arrival.planned = planned;
        store.commit(arrival).await.unwrap();
    }
    // A run without the column of the comparison.
    store.commit(of_ticket("4", "7", &rule, 4)).await.unwrap();
    let found = |comparison: Option<RunComparison>| {
        let filter = RunFilter {
            comparison,
            ..RunFilter::default()
        };
        let runs = history.runs(&filter, Page::first(9)).unwrap();
        let shown = |run: &RunRow| format!("{} {}", run.event, run.rule);
        runs.iter().map(shown).collect::<Vec<_>>()
    };
    assert_eq!(found(None).len(), 7);
    assert_eq!(found(Some(RunComparison::Same)), ["0 a@shadow", "0 a"]);
    assert_eq!(
        found(Some(RunComparison::Different)),
        ["3 a", "2 a@shadow", "1 a"]
    );
    let different = RunFilter {
        comparison: Some(RunComparison::Different),
        ..RunFilter::default()
    };
    let runs = history.runs(&different, Page::first(9)).unwrap();
    let gates: Vec<Option<&str>> = runs
        .iter()
        .map(|run| run.counterpart_gate.as_deref())
        .collect();
    assert_eq!(gates, [Some("dedupe"), None, None]);
}
